// Until when a thread waits: a moment of the clock that the program chose, as pthread's timed calls take it.
#pragma once

#include "libdsm/runtime/engine.hpp"

#include <algorithm>
#include <ctime>

namespace dsm::rt {

/// A moment of CLOCK_REALTIME or CLOCK_MONOTONIC, or no limit. The program's clock decides, not the engine's: where
/// CLOCK_REALTIME is set meanwhile, the wait follows it within look_again_max_ns.
class Deadline {
public:
    /// No limit.
    constexpr Deadline() noexcept = default;
    constexpr Deadline(clockid_t clock, const timespec &at) noexcept : clock_(clock), at_(at), limited_(true) {}

    static constexpr bool is_clock(clockid_t clock) noexcept {
        return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
    }
    /// False gives EINVAL: nanoseconds outside 0 to 999,999,999.
    constexpr bool is_valid() const noexcept {
        return !limited_ || (at_.tv_nsec >= 0 && at_.tv_nsec < nanoseconds_per_second);
    }
    constexpr bool is_limited() const noexcept { return limited_; }
    /// Whether the moment has come.
    bool has_passed() const noexcept { return limited_ && left_ns() == 0; }
    /// A moment of now_ns(): the deadline's, or earlier; then has_passed() says whether to wait on.
    Nanoseconds look_again_at_ns() const noexcept {
        return limited_ ? now_ns() + std::min(left_ns(), look_again_max_ns) : Engine::no_deadline;
    }

private:
    static constexpr Nanoseconds nanoseconds_per_second = 1'000'000'000;
    static constexpr Nanoseconds look_again_max_ns = nanoseconds_per_second;

    /// What is left, at most look_again_max_ns or a little more; 0 when the moment has come.
    Nanoseconds left_ns() const noexcept {
        timespec now{};
        ::clock_gettime(clock_, &now);
        // Far moments, also those that no difference in nanoseconds can hold.
        if (at_.tv_sec < now.tv_sec) { return 0; }
        if (at_.tv_sec - 2 > now.tv_sec) { return 2 * look_again_max_ns; }
        const Nanoseconds left = (at_.tv_sec - now.tv_sec) * nanoseconds_per_second + (at_.tv_nsec - now.tv_nsec);
        return std::max<Nanoseconds>(left, 0);
    }

    clockid_t clock_ = CLOCK_MONOTONIC;
    timespec at_{};
    bool limited_ = false;
};

/// Engine::wait_until() with the program's clock. The deadline is valid.
template <class Ready>
bool wait_until(Engine &engine, const WaitSubject &subject, std::uint32_t bit, const Deadline &deadline, Ready ready) {
    while (!engine.wait_until(subject, bit, deadline.look_again_at_ns(), ready)) {
        if (deadline.has_passed()) { return false; }
    }
    return true;
}

} // namespace dsm::rt
