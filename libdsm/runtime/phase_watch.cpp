// The thread that watches start and end.
#include "libdsm/runtime/phase_watch.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/held_signals.hpp"
#include "libdsm/base/log.hpp"

#include <system_error>

namespace dsm::rt {
namespace {
/// Slices are counted, not time: a process that was itself stopped, in a debugger say, loses one slice of its patience.
constexpr int slices_max = 8;
constexpr double ns_per_s = 1e9;
} // namespace

PhaseWatch::PhaseWatch(double timeout_s) : timeout_s_(timeout_s) {
    if (timeout_s <= 0) { return; }
    const HeldSignals held;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error &) {
        DSM_LOG(start, info, "no thread can be had to watch the start and the end"); // Who needs one later says so.
    }
}

PhaseWatch::~PhaseWatch() {
    if (!thread_.joinable()) { return; }
    ended_.store(true, std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
    futex_wake(changes_, 1);
    thread_.join();
}

void PhaseWatch::enter(const char *phase, AtLimit at_limit) noexcept {
    phase_.store(phase, std::memory_order_relaxed);
    at_limit_.store(at_limit, std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
    futex_wake(changes_, 1);
}

void PhaseWatch::run() noexcept {
    const auto slice_ns = static_cast<Nanoseconds>(timeout_s_ * ns_per_s / slices_max);
    int slices = 0;
    for (std::uint32_t seen = changes_.load(std::memory_order_acquire); !ended_.load(std::memory_order_relaxed);) {
        const bool in_time = futex_wait(changes_, seen, slice_ns);
        const std::uint32_t now = changes_.load(std::memory_order_acquire);
        if (now != seen) {
            seen = now;
            slices = 0;
        } else if (!in_time && ++slices >= slices_max) {
            slices = 0;
            expire();
        }
    }
}

void PhaseWatch::expire() const noexcept {
    const char *phase = phase_.load(std::memory_order_relaxed);
    if (phase == nullptr) { return; }
    if (at_limit_.load(std::memory_order_relaxed) == AtLimit::EndJob) {
        end_job(exit_silent_peer, "has been in %s for %g s: a rank does not take part any more (DSM_TIMEOUT)", phase,
                timeout_s_);
    }
    log_line("has been in %s for another %g s; it waits on for ranks that have not come yet", phase, timeout_s_);
}

} // namespace dsm::rt
