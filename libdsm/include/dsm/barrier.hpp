/**
 * @file barrier.hpp
 * Barriers between ranks.
 */
#ifndef DSM_BARRIER_HPP
#define DSM_BARRIER_HPP

#include <dsm/barrier.h>
#include <dsm/error.hpp>

namespace dsm {

/** A barrier for count threads of any ranks. Place it in shared memory and construct it once. */
class barrier {
public:
    using dsm_shareable = barrier;
    explicit barrier(unsigned count) { detail::throw_on(dsm_barrier_init(&barrier_, nullptr, count), "dsm::barrier"); }
    /** For threads_per_rank threads of each rank of a team. */
    explicit barrier(const dsm_team_t &team, unsigned threads_per_rank = 1) {
        detail::throw_on(dsm_barrier_init_team(&barrier_, &team, threads_per_rank), "dsm::barrier");
    }
    barrier(const barrier &) = delete;
    barrier &operator=(const barrier &) = delete;
    /** True for exactly one of the threads that pass together. */
    bool arrive_and_wait() {
        const int code = dsm_barrier_wait(&barrier_);
        detail::throw_on(code, "dsm::barrier::arrive_and_wait");
        return code == DSM_BARRIER_SERIAL_THREAD;
    }

private:
    dsm_barrier_t barrier_ DSM_BARRIER_INITIALIZER;
};

/** The barrier of all ranks. True on rank 0. */
inline bool barrier_all() {
    const int code = dsm_barrier_all();
    detail::throw_on(code, "dsm::barrier_all");
    return code == DSM_BARRIER_SERIAL_THREAD;
}

} // namespace dsm

#endif // DSM_BARRIER_HPP
