/**
 * @file mutex.hpp
 * Mutexes between ranks, for the standard library's locks. They stand in shared memory; zeroed ones are valid.
 */
#ifndef DSM_MUTEX_HPP
#define DSM_MUTEX_HPP

#include <dsm/error.hpp>
#include <dsm/mutex.h>
#include <dsm/time.hpp>

#include <chrono>

namespace dsm {

namespace detail {

/// What the mutexes that are not recursive share.
class plain_mutex {
public:
    using native_handle_type = dsm_mutex_t *;
    plain_mutex() noexcept = default;
    plain_mutex(const plain_mutex &) = delete;
    plain_mutex &operator=(const plain_mutex &) = delete;
    void lock() { throw_on(dsm_mutex_lock(&mutex_), "lock of a dsm mutex"); }
    bool try_lock() { return got(dsm_mutex_trylock(&mutex_), "try_lock of a dsm mutex"); }
    void unlock() { throw_on(dsm_mutex_unlock(&mutex_), "unlock of a dsm mutex"); }
    native_handle_type native_handle() noexcept { return &mutex_; }

private:
    dsm_mutex_t mutex_ DSM_MUTEX_INITIALIZER;
};

/// What the recursive ones share. A zeroed one has no kind yet; it is given when it first matters, by its owner or by
/// whoever finds it busy. All write the same, and nobody else looks at it before.
class reentrant_mutex {
public:
    using native_handle_type = dsm_mutex_t *;
    reentrant_mutex() noexcept = default;
    reentrant_mutex(const reentrant_mutex &) = delete;
    reentrant_mutex &operator=(const reentrant_mutex &) = delete;
    void lock() {
        int code = dsm_mutex_lock(&mutex_);
        if (code == EDEADLK) {
            give_kind();
            code = dsm_mutex_lock(&mutex_);
        }
        throw_on(code, "lock of a recursive dsm mutex");
    }
    bool try_lock() {
        int code = dsm_mutex_trylock(&mutex_);
        if (code == EBUSY && !has_kind()) {
            give_kind();
            code = dsm_mutex_trylock(&mutex_);
        }
        return got(code, "try_lock of a recursive dsm mutex");
    }
    void unlock() { throw_on(dsm_mutex_unlock(&mutex_), "unlock of a recursive dsm mutex"); }
    native_handle_type native_handle() noexcept { return &mutex_; }

private:
    bool has_kind() const { return mutex_.dsm_opaque[0] == DSM_MUTEX_KIND_WORD(DSM_MUTEX_RECURSIVE); }
    void give_kind() {
        dsm_mutexattr_t attr;
        dsm_mutexattr_init(&attr);
        dsm_mutexattr_settype(&attr, DSM_MUTEX_RECURSIVE);
        throw_on(dsm_mutex_init(&mutex_, &attr), "kind of a recursive dsm mutex");
    }
    dsm_mutex_t mutex_ DSM_RECURSIVE_MUTEX_INITIALIZER;
};

/// Adds the waiting for a limited time.
template <class Mutex> class with_time_limit : public Mutex {
public:
    template <class Rep, class Period> bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
        return try_lock_until(after(duration));
    }
    template <class Clock, class Duration> bool try_lock_until(const std::chrono::time_point<Clock, Duration> &moment) {
        if (this->try_lock()) { return true; }
        const int code = call_until(moment, [this](clockid_t clock, const timespec *until) {
            return dsm_mutex_clocklock(this->native_handle(), clock, until);
        });
        return got(code, "try_lock_until of a dsm mutex");
    }
};

} // namespace detail

/** std::mutex between ranks: Lockable. Errors: EDEADLK when this thread has it, EPERM when it unlocks what it has not.
 */
class mutex : public detail::plain_mutex {
public:
    using dsm_shareable = mutex;
};

/** std::timed_mutex between ranks: TimedLockable. */
class timed_mutex : public detail::with_time_limit<detail::plain_mutex> {
public:
    using dsm_shareable = timed_mutex;
};

/** std::recursive_mutex between ranks. Error: EAGAIN after 1,048,575 locks of one thread. */
class recursive_mutex : public detail::reentrant_mutex {
public:
    using dsm_shareable = recursive_mutex;
};

/** std::recursive_timed_mutex between ranks. */
class recursive_timed_mutex : public detail::with_time_limit<detail::reentrant_mutex> {
public:
    using dsm_shareable = recursive_timed_mutex;
};

} // namespace dsm

#endif // DSM_MUTEX_HPP
