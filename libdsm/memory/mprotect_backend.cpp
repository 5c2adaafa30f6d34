// The mprotect backend.
#include "libdsm/memory/mprotect_backend.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/log.hpp"
#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>

namespace dsm::memory {
namespace {

/// Rights are dropped by windows of the largest block's size, so that no block loses only a part of its rights.
constexpr std::size_t window_pages = block_bytes_max / page_bytes;
/// How many changes of rights are undone at once at the kernel's limit; each may have cost one area or two.
constexpr std::size_t merged_changes_min = 8192;
constexpr int merges_at_once_max = 100; ///< after so many every window has been dropped

std::size_t window_of(PageId page) noexcept { return page.value / window_pages; }

int protection_of(Access access) noexcept {
    switch (access) {
    case Access::None:
        return PROT_NONE;
    case Access::Read:
        return PROT_READ;
    case Access::Write:
        return PROT_READ | PROT_WRITE;
    }
    return PROT_NONE;
}

[[noreturn]] void refused(const char *call, PageId page, int error) {
    end_job(exit_machine_failed, "%s of page 0x%llx failed: %s", call, static_cast<unsigned long long>(page.value),
            ::strerrordesc_np(error));
}

/// Calls `act(begin, count)` for every longest run of pages of equal `kind(page)`, while it returns 0.
template <class Kind, class Act> int for_runs(PageId first, std::size_t count, Kind kind, Act act) {
    const PageId end{first.value + count};
    for (PageId begin = first; begin < end;) {
        const auto run_kind = kind(begin);
        PageId next{begin.value + 1};
        while (next < end && kind(next) == run_kind) { ++next.value; }
        if (const int error = act(begin, next.value - begin.value, run_kind); error != 0) { return error; }
        begin = next;
    }
    return 0;
}

} // namespace

MprotectBackend::MprotectBackend(const Segment &segment, RightsLedger &ledger, Mapping windows) noexcept
    : segment_(segment), ledger_(ledger), windows_(std::move(windows)) {}

Outcome<std::unique_ptr<MprotectBackend>> MprotectBackend::create(const Segment &segment, const FrameStore & /*store*/,
                                                                  RightsLedger &ledger) {
    const std::size_t bytes = segment.page_count() / window_pages * sizeof(std::atomic<std::uint32_t>);
    void *base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) { return mapping_failure(errno, "the table of windows", bytes); }
    return std::unique_ptr<MprotectBackend>(new MprotectBackend(segment, ledger, Mapping(base, bytes)));
}

MprotectBackend::~MprotectBackend() { leave_node(); }

Outcome<Done> MprotectBackend::join_node(const SharedRegion &region, int own_local_rank, int rank_count,
                                         double timeout_s) {
    own_local_rank_ = own_local_rank;
    rank_count_ = rank_count;
    OwnRights &own_rights = *this;
    server_.emplace(region, own_local_rank, rank_count, own_rights, timeout_s);
    auto started = server_->start();
    if (!started) { server_.reset(); }
    return started;
}

void MprotectBackend::leave_node() noexcept {
    if (!server_) { return; }
    map_lock_.lock();
    static_cast<void>(protect({0}, segment_.page_count(), Access::None));
    map_lock_.unlock();
    server_.reset();
}

int MprotectBackend::fault_signal() const noexcept { return SIGSEGV; }

std::size_t MprotectBackend::window_count() const noexcept { return segment_.page_count() / window_pages; }

std::atomic<std::uint32_t> &MprotectBackend::changes_of(std::size_t window) const noexcept {
    return reinterpret_cast<std::atomic<std::uint32_t> *>(windows_.base())[window];
}

void MprotectBackend::note_changes(PageId first, std::size_t count) noexcept {
    const std::size_t last = window_of({first.value + count - 1});
    for (std::size_t window = window_of(first); window <= last; ++window) {
        changes_of(window).fetch_add(1, std::memory_order_relaxed);
    }
    std::size_t used = windows_used_.load(std::memory_order_relaxed);
    while (used <= last && !windows_used_.compare_exchange_weak(used, last + 1, std::memory_order_relaxed)) {}
}

int MprotectBackend::protect(PageId first, std::size_t count, Access access) const noexcept {
    return raw_mprotect(segment_.address_of(first), count * page_bytes, protection_of(access));
}

void MprotectBackend::map(PageId first, std::size_t count, Access access) {
    DSM_CHECK(access != Access::None, "map gives an access", first.value);
    map_lock_.lock_shared();
    const int error = map_run(first, count, access);
    map_lock_.unlock_shared();
    if (error == ENOMEM) {
        map_after_merging(first, count, access);
    } else if (error != 0) {
        refused("mprotect", first, error);
    }
}

/// With map_lock_ held either way. What this rank may write stays writable.
int MprotectBackend::map_run(PageId first, std::size_t count, Access access) noexcept {
    const auto wanted = [&](PageId page) {
        const bool writes = (ledger_.rights_of(page).writers.load(std::memory_order_relaxed) & own_bit()) != 0;
        return writes ? Access::Write : access;
    };
    note_changes(first, count); // Before any right is given: drop_windows looks at windows with changes only.
    return for_runs(first, count, wanted, [&](PageId begin, std::size_t pages, Access run_access) {
        // Bits first: a call that the kernel carries out in part has given rights that the ledger must know of.
        for (PageId page = begin; page.value < begin.value + pages; ++page.value) {
            RankRights &rights = ledger_.rights_of(page);
            rights.readers.fetch_or(own_bit(), std::memory_order_relaxed);
            if (access == Access::Write) { rights.writers.fetch_or(own_bit(), std::memory_order_relaxed); }
        }
        return protect(begin, pages, run_access);
    });
}

void MprotectBackend::map_after_merging(PageId first, std::size_t count, Access access) {
    map_lock_.lock();
    int error = 0;
    for (int attempts = 0; (error = map_run(first, count, access)) == ENOMEM; ++attempts) {
        if (attempts == merges_at_once_max || !merge_areas()) {
            refused("mprotect (no areas left, see vm.max_map_count)", first, error);
        }
    }
    map_lock_.unlock();
    if (error != 0) { refused("mprotect", first, error); }
}

/// Drops rights until enough areas have merged. False if there was nothing to drop. With map_lock_ held exclusively.
bool MprotectBackend::merge_areas() noexcept {
    const std::size_t used = windows_used_.load(std::memory_order_relaxed);
    std::size_t merged = 0;
    for (std::size_t seen = 0; seen < used && merged < merged_changes_min; ++seen) {
        if (cursor_ >= used) { cursor_ = 0; }
        const std::uint32_t changes = changes_of(cursor_).load(std::memory_order_relaxed);
        if (changes != 0 && !ledger_.must_keep({cursor_ * window_pages}, window_pages)) {
            drop_windows(cursor_, cursor_ + 1);
            merged += changes;
        }
        ++cursor_;
    }
    if (merged != 0) { merges_.fetch_add(1, std::memory_order_relaxed); }
    DSM_LOG(memory, debug, "near the kernel's limit of areas (vm.max_map_count): dropped rights to merge %zu", merged);
    return merged != 0;
}

/// Takes this rank's rights over windows [begin, end). At the limit of areas the kernel cannot split one at the edge of
/// the range; then the range grows until its edges are edges of areas, at the latest those of the segment.
void MprotectBackend::drop_windows(std::size_t begin, std::size_t end) noexcept {
    for (;;) {
        const int error = protect({begin * window_pages}, (end - begin) * window_pages, Access::None);
        if (error == 0) { break; }
        if (error != ENOMEM || (begin == 0 && end == window_count())) {
            refused("mprotect", {begin * window_pages}, error);
        }
        const std::size_t more = end - begin;
        begin -= std::min(begin, more);
        end = std::min(end + more, window_count());
    }
    const std::size_t used = windows_used_.load(std::memory_order_relaxed);
    for (std::size_t window = begin; window < std::min(end, used); ++window) { forget_window(window); }
}

void MprotectBackend::forget_window(std::size_t window) noexcept {
    if (changes_of(window).exchange(0, std::memory_order_relaxed) == 0) { return; }
    if (rank_count_ > rank_mask_bits) {
        // Another rank may share this one's bit: the bits stay, and the window still counts as one to be dropped.
        changes_of(window).store(1, std::memory_order_relaxed);
        return;
    }
    for (std::size_t page = window * window_pages; page < (window + 1) * window_pages; ++page) {
        RankRights &rights = ledger_.rights_of({page});
        // Release: who sees the bit gone may rely on the right being gone.
        if ((rights.readers.load(std::memory_order_relaxed) & own_bit()) == 0) { continue; }
        rights.writers.fetch_and(~own_bit(), std::memory_order_release);
        rights.readers.fetch_and(~own_bit(), std::memory_order_release);
    }
}

void MprotectBackend::restrict_ranks(PageId first, std::size_t count, Access access, bool /*frame_unneeded*/) {
    DSM_CHECK(access != Access::Write, "restrict takes an access", first.value);
    RankMask ranks = 0;
    for (PageId page = first; page.value < first.value + count; ++page.value) {
        const RankRights &rights = ledger_.rights_of(page);
        ranks |= (access == Access::None ? rights.readers : rights.writers).load(std::memory_order_acquire);
    }
    restrict_others(ranks, first, count, access);
    for (PageId page = first; page.value < first.value + count; ++page.value) {
        RankRights &rights = ledger_.rights_of(page);
        rights.writers.store(0, std::memory_order_relaxed);
        if (access == Access::None) { rights.readers.store(0, std::memory_order_relaxed); }
    }
}

void MprotectBackend::restrict_others(RankMask ranks, PageId first, std::size_t count, Access access) {
    std::array<RightsServer::Ticket, rank_mask_bits> tickets; // Asked together, awaited together.
    for (int begin = 0; begin < rank_count_; begin += rank_mask_bits) {
        std::size_t asked = 0;
        const int end = std::min(begin + rank_mask_bits, rank_count_);
        for (int rank = begin; rank < end; ++rank) {
            if (rank == own_local_rank_ || (ranks & rank_bit(rank)) == 0) { continue; }
            tickets[asked++] = server_->post(rank, first, count, access);
        }
        const bool own_among_them = begin <= own_local_rank_ && own_local_rank_ < end;
        if (own_among_them && (ranks & own_bit()) != 0) { restrict_own(first, count, access); }
        for (std::size_t index = 0; index < asked; ++index) { server_->await(tickets[index]); }
    }
}

void MprotectBackend::restrict_own(PageId first, std::size_t count, Access access) {
    map_lock_.lock_shared();
    const int error = lower_own(first, count, access);
    map_lock_.unlock_shared();
    if (error == 0) { return; }
    if (error != ENOMEM) { refused("mprotect", first, error); }
    map_lock_.lock(); // No area is left to split: less than asked for is right as well.
    drop_windows(window_of(first), window_of({first.value + count - 1}) + 1);
    map_lock_.unlock();
    merges_.fetch_add(1, std::memory_order_relaxed);
}

/// Lowering to Read must not give that right where this rank has none by now.
int MprotectBackend::lower_own(PageId first, std::size_t count, Access access) noexcept {
    if (access == Access::None) { return protect(first, count, Access::None); }
    const auto writes = [&](PageId page) {
        return (ledger_.rights_of(page).writers.load(std::memory_order_relaxed) & own_bit()) != 0;
    };
    note_changes(first, count);
    return for_runs(first, count, writes, [&](PageId begin, std::size_t pages, bool writable) {
        return writable ? protect(begin, pages, Access::Read) : 0;
    });
}

} // namespace dsm::memory
