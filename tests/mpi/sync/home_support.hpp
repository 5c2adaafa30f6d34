// What the tests of read-write locks, semaphores, latches and onces share: times, and threads of a rank.
#pragma once

#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <ctime>
#include <thread>
#include <vector>

namespace dsm_test {

inline constexpr int threads_per_rank = 2;
inline constexpr long far_ns = 3600L * 1000000000; ///< later than any test ends

/// A moment from now on, which may be in the past.
inline timespec from_now(clockid_t clock, long nanoseconds) {
    timespec at{};
    ::clock_gettime(clock, &at);
    at.tv_sec += nanoseconds / 1000000000;
    at.tv_nsec += nanoseconds % 1000000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        ++at.tv_sec;
    }
    if (at.tv_nsec < 0) {
        at.tv_nsec += 1000000000;
        --at.tv_sec;
    }
    return at;
}

/// Runs work(random) in threads of this rank until all have ended.
template <class Work> void in_threads(Work work) {
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads_per_rank; ++thread) {
        const auto seed = static_cast<std::uint64_t>(dsm_rank() * threads_per_rank + thread) + 1000 * the_seed;
        workers.emplace_back([seed, &work] {
            Random random(seed);
            work(random);
        });
    }
    for (std::thread &worker : workers) { worker.join(); }
}

inline std::uint64_t threads_of_job() { return static_cast<std::uint64_t>(dsm_size()) * threads_per_rank; }

/// A timed function refuses a time that is none, also where it would not have to wait.
template <class Timed, class Clocked> void require_time_checked(Timed timed, Clocked clocked) {
    timespec bad = from_now(CLOCK_REALTIME, far_ns);
    bad.tv_nsec = 1000000000;
    DSM_REQUIRE_EQUAL(timed(&bad), EINVAL);
    bad.tv_nsec = -1;
    DSM_REQUIRE_EQUAL(timed(&bad), EINVAL);
    DSM_REQUIRE_EQUAL(timed(nullptr), EINVAL);
    const timespec good = from_now(CLOCK_REALTIME, far_ns);
    DSM_REQUIRE_EQUAL(clocked(CLOCK_PROCESS_CPUTIME_ID, &good), EINVAL);
}

} // namespace dsm_test
