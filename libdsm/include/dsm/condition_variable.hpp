/**
 * @file condition_variable.hpp
 * Condition variables between ranks. They stand in shared memory; zeroed ones are valid.
 */
#ifndef DSM_CONDITION_VARIABLE_HPP
#define DSM_CONDITION_VARIABLE_HPP

#include <dsm/condition.h>
#include <dsm/error.hpp>
#include <dsm/mutex.hpp>
#include <dsm/time.hpp>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace dsm {

namespace detail {

/// The waits with predicates and durations, from the plain ones: wait(lock) and wait_until(lock, moment).
template <class Condition> class condition_waits {
public:
    template <class Lock, class Predicate> void wait(Lock &lock, Predicate predicate) {
        while (!predicate()) { self().wait(lock); }
    }
    template <class Lock, class Clock, class Duration, class Predicate>
    bool wait_until(Lock &lock, const std::chrono::time_point<Clock, Duration> &moment, Predicate predicate) {
        while (!predicate()) {
            if (self().wait_until(lock, moment) == std::cv_status::timeout) { return predicate(); }
        }
        return true;
    }
    template <class Lock, class Rep, class Period>
    std::cv_status wait_for(Lock &lock, const std::chrono::duration<Rep, Period> &duration) {
        return self().wait_until(lock, after(duration));
    }
    template <class Lock, class Rep, class Period, class Predicate>
    bool wait_for(Lock &lock, const std::chrono::duration<Rep, Period> &duration, Predicate predicate) {
        return wait_until(lock, after(duration), predicate);
    }

private:
    Condition &self() { return static_cast<Condition &>(*this); }
};

} // namespace detail

/** std::condition_variable between ranks, for std::unique_lock<dsm::mutex>. */
class condition_variable : public detail::condition_waits<condition_variable> {
public:
    using dsm_shareable = condition_variable;
    using native_handle_type = dsm_cond_t *;
    using detail::condition_waits<condition_variable>::wait;
    using detail::condition_waits<condition_variable>::wait_until;
    condition_variable() noexcept = default;
    condition_variable(const condition_variable &) = delete;
    condition_variable &operator=(const condition_variable &) = delete;
    void notify_one() { detail::throw_on(dsm_cond_signal(&cond_), "dsm::condition_variable::notify_one"); }
    void notify_all() { detail::throw_on(dsm_cond_broadcast(&cond_), "dsm::condition_variable::notify_all"); }
    void wait(std::unique_lock<mutex> &lock) {
        detail::throw_on(dsm_cond_wait(&cond_, lock.mutex()->native_handle()), "dsm::condition_variable::wait");
    }
    template <class Clock, class Duration>
    std::cv_status wait_until(std::unique_lock<mutex> &lock, const std::chrono::time_point<Clock, Duration> &moment) {
        const int code = detail::call_until(moment, [&](clockid_t clock, const timespec *until) {
            return dsm_cond_clockwait(&cond_, lock.mutex()->native_handle(), clock, until);
        });
        if (code == ETIMEDOUT) { return std::cv_status::timeout; }
        detail::throw_on(code, "dsm::condition_variable::wait_until");
        return std::cv_status::no_timeout;
    }
    native_handle_type native_handle() noexcept { return &cond_; }

private:
    dsm_cond_t cond_ DSM_COND_INITIALIZER;
};

/** std::condition_variable_any between ranks, for locks of any kind (std::shared_lock of a dsm::shared_mutex, say). */
class condition_variable_any : public detail::condition_waits<condition_variable_any> {
public:
    using dsm_shareable = condition_variable_any;
    using detail::condition_waits<condition_variable_any>::wait;
    using detail::condition_waits<condition_variable_any>::wait_until;
    void notify_one() {
        const std::lock_guard own(mutex_);
        condition_.notify_one();
    }
    void notify_all() {
        const std::lock_guard own(mutex_);
        condition_.notify_all();
    }
    template <class Lock> void wait(Lock &lock) {
        std::unique_lock own(mutex_); // from here on no notification is missed
        const unlocked<Lock> without(lock);
        std::unique_lock inner(std::move(own)); // released before the program's lock is taken again
        condition_.wait(inner);
    }
    template <class Lock, class Clock, class Duration>
    std::cv_status wait_until(Lock &lock, const std::chrono::time_point<Clock, Duration> &moment) {
        std::unique_lock own(mutex_);
        const unlocked<Lock> without(lock);
        std::unique_lock inner(std::move(own));
        return condition_.wait_until(inner, moment);
    }

private:
    /// The program's lock, given away for a scope.
    template <class Lock> class unlocked {
    public:
        explicit unlocked(Lock &lock) : lock_(lock) { lock_.unlock(); }
        ~unlocked() noexcept(false) { lock_.lock(); }
        unlocked(const unlocked &) = delete;
        unlocked &operator=(const unlocked &) = delete;

    private:
        Lock &lock_;
    };
    mutex mutex_;
    condition_variable condition_;
};

} // namespace dsm

#endif // DSM_CONDITION_VARIABLE_HPP
