/**
 * @file latch.hpp
 * Latches between ranks. They stand in shared memory; a zeroed one is open.
 */
#ifndef DSM_LATCH_HPP
#define DSM_LATCH_HPP

#include <dsm/error.hpp>
#include <dsm/latch.h>

#include <cerrno>
#include <cstddef>

namespace dsm {

/** std::latch between ranks. Construct it once, in shared memory, before others use it. */
class latch {
public:
    using dsm_shareable = latch;
    static constexpr std::ptrdiff_t(max)() noexcept { return DSM_LATCH_COUNT_MAX; }
    /** EINVAL outside shared memory, and for a count below 0 or above max(). */
    explicit latch(std::ptrdiff_t expected) {
        const bool fits = expected >= 0 && expected <= DSM_LATCH_COUNT_MAX;
        detail::throw_on(fits ? dsm_latch_init(&latch_, static_cast<unsigned>(expected)) : EINVAL, "dsm::latch");
    }
    latch(const latch &) = delete;
    latch &operator=(const latch &) = delete;
    /** EINVAL when update is below 0 or above the count. */
    void count_down(std::ptrdiff_t update = 1) {
        const bool fits = update >= 0 && update <= DSM_LATCH_COUNT_MAX;
        detail::throw_on(fits ? dsm_latch_count_down(&latch_, static_cast<unsigned>(update)) : EINVAL,
                         "dsm::latch::count_down");
    }
    bool try_wait() const {
        const int code = dsm_latch_try_wait(&latch_);
        if (code == EAGAIN) { return false; }
        detail::throw_on(code, "dsm::latch::try_wait");
        return true;
    }
    void wait() const { detail::throw_on(dsm_latch_wait(&latch_), "dsm::latch::wait"); }
    void arrive_and_wait(std::ptrdiff_t update = 1) {
        if (update == 1) {
            detail::throw_on(dsm_latch_arrive_and_wait(&latch_), "dsm::latch::arrive_and_wait");
            return;
        }
        count_down(update);
        wait();
    }

private:
    mutable dsm_latch_t latch_ DSM_LATCH_INITIALIZER;
};

} // namespace dsm

#endif // DSM_LATCH_HPP
