/**
 * @file shared_mutex.hpp
 * Read-write locks between ranks, for std::shared_lock and std::unique_lock. They stand in shared memory; zeroed ones
 * are valid.
 */
#ifndef DSM_SHARED_MUTEX_HPP
#define DSM_SHARED_MUTEX_HPP

#include <dsm/error.hpp>
#include <dsm/rwlock.h>
#include <dsm/time.hpp>

#include <chrono>

namespace dsm {

/** std::shared_mutex between ranks: SharedLockable. */
class shared_mutex {
public:
    using dsm_shareable = shared_mutex;
    using native_handle_type = dsm_rwlock_t *;
    shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex &) = delete;
    shared_mutex &operator=(const shared_mutex &) = delete;
    void lock() { detail::throw_on(dsm_rwlock_wrlock(&lock_), "lock of a dsm shared mutex"); }
    bool try_lock() { return detail::got(dsm_rwlock_trywrlock(&lock_), "try_lock of a dsm shared mutex"); }
    void unlock() { detail::throw_on(dsm_rwlock_unlock(&lock_), "unlock of a dsm shared mutex"); }
    void lock_shared() { detail::throw_on(dsm_rwlock_rdlock(&lock_), "lock_shared of a dsm shared mutex"); }
    bool try_lock_shared() {
        return detail::got(dsm_rwlock_tryrdlock(&lock_), "try_lock_shared of a dsm shared mutex");
    }
    void unlock_shared() { unlock(); }
    native_handle_type native_handle() noexcept { return &lock_; }

private:
    dsm_rwlock_t lock_ DSM_RWLOCK_INITIALIZER;
};

/** std::shared_timed_mutex between ranks: SharedTimedLockable. */
class shared_timed_mutex : public shared_mutex {
public:
    using dsm_shareable = shared_timed_mutex;
    template <class Rep, class Period> bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
        return try_lock_until(detail::after(duration));
    }
    template <class Clock, class Duration> bool try_lock_until(const std::chrono::time_point<Clock, Duration> &moment) {
        const int code = detail::call_until(moment, [this](clockid_t clock, const timespec *until) {
            return dsm_rwlock_clockwrlock(native_handle(), clock, until);
        });
        return detail::got(code, "try_lock_until of a dsm shared mutex");
    }
    template <class Rep, class Period> bool try_lock_shared_for(const std::chrono::duration<Rep, Period> &duration) {
        return try_lock_shared_until(detail::after(duration));
    }
    template <class Clock, class Duration>
    bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration> &moment) {
        const int code = detail::call_until(moment, [this](clockid_t clock, const timespec *until) {
            return dsm_rwlock_clockrdlock(native_handle(), clock, until);
        });
        return detail::got(code, "try_lock_shared_until of a dsm shared mutex");
    }
};

} // namespace dsm

#endif // DSM_SHARED_MUTEX_HPP
