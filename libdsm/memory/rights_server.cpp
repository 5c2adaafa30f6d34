// Mailboxes by which ranks of a node take rights from one another.
#include "libdsm/memory/rights_server.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/held_signals.hpp"
#include "libdsm/base/log.hpp"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace dsm::memory {
namespace {
constexpr std::size_t slot_count = 32; ///< more requests to one rank at once than that wait for a slot
constexpr Nanoseconds ns_per_s = 1'000'000'000;
constexpr Nanoseconds look_again_ns = ns_per_s / 10;
constexpr int spins_before_sleep = 200;

/// True also for a process that has ended and was not waited for yet, which kill(2) would still find.
bool has_ended(int pid) noexcept {
    const auto process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (process == -1) { return errno == ESRCH || (::kill(pid, 0) == -1 && errno == ESRCH); }
    pollfd entry{process, POLLIN, 0};
    const bool ended = ::poll(&entry, 1, 0) == 1;
    ::close(process);
    return ended;
}

enum SlotState : std::uint32_t { Free, Filling, Posted, Served };
} // namespace

struct RightsServer::Slot {
    std::atomic<std::uint32_t> state;
    std::uint32_t access;
    std::uint64_t first;
    std::uint64_t count;
};

struct alignas(64) RightsServer::Mailbox {
    std::atomic<std::uint32_t> doorbell; ///< counts requests; the server sleeps on it
    std::atomic<std::uint32_t> closed;   ///< 1: the rank has no rights any more, and serves nobody
    std::atomic<std::int32_t> pid;       ///< of the rank; 0 before it has started
    std::array<Slot, slot_count> slots;
};

std::size_t RightsServer::region_bytes(int rank_count) noexcept {
    const std::size_t bytes = static_cast<std::size_t>(rank_count) * sizeof(Mailbox);
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

RightsServer::RightsServer(const SharedRegion &region, int own_local_rank, int rank_count, OwnRights &own,
                           double timeout_s)
    : region_(region), own_local_rank_(own_local_rank), rank_count_(rank_count), own_(own),
      timeout_ns_(static_cast<Nanoseconds>(timeout_s * static_cast<double>(ns_per_s))) {}

RightsServer::~RightsServer() { stop(); }

RightsServer::Mailbox &RightsServer::mailbox_of(int local_rank) const noexcept {
    return region_.as<Mailbox>()[local_rank];
}

Outcome<Done> RightsServer::start() {
    if (region_.bytes() < region_bytes(rank_count_)) { return Failure{EINVAL, "too small a region for rights"}; }
    Mailbox &own = mailbox_of(own_local_rank_);
    own.pid.store(::getpid(), std::memory_order_relaxed);
    const HeldSignals held;
    Outcome<Done> started = Done{};
    try {
        thread_ = std::thread([this] { run(); });
        ::pthread_setname_np(thread_.native_handle(), "dsm-rights");
    } catch (const std::system_error &refusal) {
        started = failure_of(refusal.code().value(), "cannot start the thread that changes rights for other ranks");
    }
    return started;
}

void RightsServer::stop() noexcept {
    if (!thread_.joinable()) { return; }
    Mailbox &own = mailbox_of(own_local_rank_);
    own.closed.store(1, std::memory_order_seq_cst);
    own.doorbell.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(own.doorbell, 1);
    thread_.join();
}

void RightsServer::run() noexcept {
    Mailbox &own = mailbox_of(own_local_rank_);
    for (;;) {
        const std::uint32_t heard = own.doorbell.load(std::memory_order_seq_cst);
        if (serve_posted(own)) { continue; }
        if (own.closed.load(std::memory_order_seq_cst) != 0) { return; }
        futex_wait(own.doorbell, heard, ns_per_s);
    }
}

bool RightsServer::serve_posted(Mailbox &mailbox) noexcept {
    bool any = false;
    for (Slot &slot : mailbox.slots) {
        if (slot.state.load(std::memory_order_acquire) != Posted) { continue; }
        own_.restrict_own({slot.first}, slot.count, static_cast<Access>(slot.access));
        slot.state.store(Served, std::memory_order_release);
        futex_wake(slot.state, 1);
        any = true;
    }
    return any;
}

RightsServer::Ticket RightsServer::post(int local_rank, PageId first, std::size_t count, Access access) noexcept {
    Mailbox &mailbox = mailbox_of(local_rank);
    const Nanoseconds since = now_ns();
    for (std::size_t attempt = static_cast<std::size_t>(own_local_rank_);; ++attempt) {
        const std::size_t index = attempt % slot_count;
        Slot &slot = mailbox.slots[index];
        std::uint32_t expected = Free;
        if (slot.state.compare_exchange_strong(expected, Filling, std::memory_order_acquire)) {
            slot.first = first.value;
            slot.count = count;
            slot.access = static_cast<std::uint32_t>(access);
            slot.state.store(Posted, std::memory_order_release);
            mailbox.doorbell.fetch_add(1, std::memory_order_seq_cst);
            futex_wake(mailbox.doorbell, 1);
            return {static_cast<std::uint16_t>(local_rank), static_cast<std::uint16_t>(index)};
        }
        if (index == slot_count - 1) {
            if (is_gone(mailbox)) { return {static_cast<std::uint16_t>(local_rank), no_slot}; }
            check_patience(since, local_rank);
            ::sched_yield();
        }
    }
}

void RightsServer::await(Ticket ticket) noexcept {
    if (ticket.slot == no_slot) { return; }
    Mailbox &mailbox = mailbox_of(ticket.local_rank);
    Slot &slot = mailbox.slots[ticket.slot];
    const Nanoseconds since = now_ns();
    int spins = 0;
    while (slot.state.load(std::memory_order_acquire) != Served) {
        if (++spins < spins_before_sleep) {
            cpu_relax();
            continue;
        }
        if (!futex_wait(slot.state, Posted, look_again_ns)) {
            if (is_gone(mailbox)) { break; }
            check_patience(since, ticket.local_rank);
        }
    }
    slot.state.store(Free, std::memory_order_release);
}

bool RightsServer::is_gone(const Mailbox &mailbox) const noexcept {
    if (mailbox.closed.load(std::memory_order_seq_cst) != 0) { return true; }
    const int saved_errno = errno;
    const int pid = mailbox.pid.load(std::memory_order_relaxed);
    const bool dead = pid != 0 && has_ended(pid);
    errno = saved_errno;
    return dead;
}

void RightsServer::check_patience(Nanoseconds since, int local_rank) const noexcept {
    if (timeout_ns_ > 0 && now_ns() - since > timeout_ns_) {
        end_job(exit_silent_peer, "rank %d of this node (process %d) has not given up a page for %lld s", local_rank,
                mailbox_of(local_rank).pid.load(std::memory_order_relaxed),
                static_cast<long long>(timeout_ns_ / ns_per_s));
    }
}

} // namespace dsm::memory
