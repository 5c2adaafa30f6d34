/**
 * @file time.hpp
 * The standard's clocks and durations for the C functions that wait until a moment of a POSIX clock. Nothing for users.
 */
#ifndef DSM_TIME_HPP
#define DSM_TIME_HPP

#include <dsm/error.hpp>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <type_traits>

namespace dsm {

namespace detail {

/// Rounded up, so that nobody returns too early; what no timespec can hold becomes a moment that never comes.
template <class Duration> timespec to_timespec(const Duration &since_epoch) {
    constexpr long double seconds_max = 1e12L; // thirty thousand years
    using long_seconds = std::chrono::duration<long double>;
    if (std::chrono::duration_cast<long_seconds>(since_epoch).count() >= seconds_max) {
        return {static_cast<std::time_t>(seconds_max), 0};
    }
    if (since_epoch <= Duration::zero()) { return {0, 0}; }
    auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    auto rest = std::chrono::ceil<std::chrono::nanoseconds>(since_epoch - seconds);
    if (rest >= std::chrono::seconds(1)) {
        seconds += std::chrono::seconds(1);
        rest = std::chrono::nanoseconds(0);
    }
    return {static_cast<std::time_t>(seconds.count()), static_cast<long>(rest.count())};
}

/// The moment of the steady clock a duration from now; its last one for durations that reach beyond it.
template <class Rep, class Period>
std::chrono::steady_clock::time_point after(const std::chrono::duration<Rep, Period> &duration) {
    using clock = std::chrono::steady_clock;
    const auto now = clock::now();
    using long_seconds = std::chrono::duration<long double>;
    if (std::chrono::duration_cast<long_seconds>(duration) >= long_seconds(1e9L)) { return clock::time_point::max(); }
    return now + std::chrono::ceil<clock::duration>(duration);
}

/// Calls with a POSIX clock and a moment of it. For a clock that has none, again until its own moment has come.
template <class Clock, class Duration, class Call>
int call_until(const std::chrono::time_point<Clock, Duration> &moment, Call call) {
    using std::chrono::steady_clock;
    using std::chrono::system_clock;
    if constexpr (std::is_same_v<Clock, system_clock>) {
        const timespec at = to_timespec(moment.time_since_epoch());
        return call(CLOCK_REALTIME, &at);
    } else if constexpr (std::is_same_v<Clock, steady_clock>) {
        const timespec at = to_timespec(moment.time_since_epoch());
        return call(CLOCK_MONOTONIC, &at);
    } else {
        while (true) {
            const timespec at = to_timespec(after(moment - Clock::now()).time_since_epoch());
            const int code = call(CLOCK_MONOTONIC, &at);
            if (code != ETIMEDOUT || Clock::now() >= moment) { return code; }
        }
    }
}

/// What a function that may be refused or may come too late returned: true for 0.
inline bool got(int code, const char *what) {
    if (code == EBUSY || code == ETIMEDOUT || code == EAGAIN) { return false; }
    throw_on(code, what);
    return true;
}

} // namespace detail

} // namespace dsm

#endif // DSM_TIME_HPP
