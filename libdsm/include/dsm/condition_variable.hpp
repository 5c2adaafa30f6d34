/**
 * @file condition_variable.hpp
 * Condition variables between ranks.
 */
#ifndef DSM_CONDITION_VARIABLE_HPP
#define DSM_CONDITION_VARIABLE_HPP

#include <dsm/condition.h>
#include <dsm/mutex.hpp>

#include <mutex>

namespace dsm {

/** std::condition_variable between ranks, for std::unique_lock<dsm::mutex>. Place it in shared memory. */
class condition_variable {
public:
    using native_handle_type = dsm_cond_t *;
    condition_variable() noexcept = default;
    condition_variable(const condition_variable &) = delete;
    condition_variable &operator=(const condition_variable &) = delete;
    void notify_one() { detail::throw_on(dsm_cond_signal(&cond_), "dsm::condition_variable::notify_one"); }
    void notify_all() { detail::throw_on(dsm_cond_broadcast(&cond_), "dsm::condition_variable::notify_all"); }
    void wait(std::unique_lock<mutex> &lock) {
        detail::throw_on(dsm_cond_wait(&cond_, lock.mutex()->native_handle()), "dsm::condition_variable::wait");
    }
    template <class Predicate> void wait(std::unique_lock<mutex> &lock, Predicate predicate) {
        while (!predicate()) { wait(lock); }
    }
    native_handle_type native_handle() noexcept { return &cond_; }

private:
    dsm_cond_t cond_ DSM_COND_INITIALIZER;
};

} // namespace dsm

#endif // DSM_CONDITION_VARIABLE_HPP
