/**
 * @file semaphore.hpp
 * Semaphores between ranks. They stand in shared memory; a zeroed one has the value 0.
 */
#ifndef DSM_SEMAPHORE_HPP
#define DSM_SEMAPHORE_HPP

#include <dsm/error.hpp>
#include <dsm/semaphore.h>
#include <dsm/time.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>

namespace dsm {

/** std::counting_semaphore between ranks. Construct it once, in shared memory, before others use it. */
template <std::ptrdiff_t least_max = DSM_SEM_VALUE_MAX>
requires(least_max >= 0 && least_max <= DSM_SEM_VALUE_MAX) class counting_semaphore {
public:
    using dsm_shareable = counting_semaphore;
    static constexpr std::ptrdiff_t(max)() noexcept { return DSM_SEM_VALUE_MAX; }
    /** EINVAL outside shared memory, and for a value below 0 or above max(). */
    explicit counting_semaphore(std::ptrdiff_t desired) {
        const bool fits = desired >= 0 && desired <= DSM_SEM_VALUE_MAX;
        detail::throw_on(fits ? dsm_sem_init(&semaphore_, static_cast<unsigned>(desired)) : EINVAL,
                         "dsm::counting_semaphore");
    }
    counting_semaphore(const counting_semaphore &) = delete;
    counting_semaphore &operator=(const counting_semaphore &) = delete;
    void release(std::ptrdiff_t update = 1) {
        detail::throw_on(update < 0 ? EINVAL : 0, "dsm::counting_semaphore::release");
        for (; update > 0; --update) {
            detail::throw_on(dsm_sem_post(&semaphore_), "dsm::counting_semaphore::release");
        }
    }
    void acquire() { detail::throw_on(dsm_sem_wait(&semaphore_), "dsm::counting_semaphore::acquire"); }
    bool try_acquire() {
        const int code = dsm_sem_trywait(&semaphore_);
        if (code == EAGAIN) { return false; }
        detail::throw_on(code, "dsm::counting_semaphore::try_acquire");
        return true;
    }
    template <class Rep, class Period> bool try_acquire_for(const std::chrono::duration<Rep, Period> &duration) {
        return try_acquire_until(detail::after(duration));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(const std::chrono::time_point<Clock, Duration> &moment) {
        const int code = detail::call_until(moment, [this](clockid_t clock, const timespec *until) {
            return dsm_sem_clockwait(&semaphore_, clock, until);
        });
        if (code == ETIMEDOUT) { return false; }
        detail::throw_on(code, "dsm::counting_semaphore::try_acquire_until");
        return true;
    }

private:
    dsm_sem_t semaphore_ DSM_SEM_INITIALIZER;
};

/** As std::binary_semaphore; like every semaphore here it counts on, and does not stop at 1. */
using binary_semaphore = counting_semaphore<1>;

} // namespace dsm

#endif // DSM_SEMAPHORE_HPP
