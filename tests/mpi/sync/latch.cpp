// dsm_latch_t: what was written before an arrival is read after the wait; arrivals, time limits, initialising again.
#include "tests/mpi/sync/home_support.hpp"

#include <climits>

namespace {

using dsm_test::far_ns;
using dsm_test::from_now;

constexpr std::uint64_t threads_max = 64;

struct Shared {
    alignas(4096) dsm_latch_t codes;
    alignas(4096) dsm_latch_t latch;
    alignas(4096) std::uint64_t round_of[threads_max]; ///< written by each thread before it arrives
};

void test_arguments(dsm_latch_t *latch) {
    dsm_latch_t outside = DSM_LATCH_INITIALIZER;
    const timespec later = from_now(CLOCK_REALTIME, far_ns);
    for (dsm_latch_t *wrong : {&outside, static_cast<dsm_latch_t *>(nullptr)}) {
        DSM_REQUIRE_EQUAL(dsm_latch_init(wrong, 1), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_latch_count_down(wrong, 1), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_latch_wait(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_latch_try_wait(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_latch_timedwait(wrong, &later), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_latch_arrive_and_wait(wrong), EINVAL);
    }
    DSM_REQUIRE_EQUAL(dsm_latch_init(latch, unsigned{INT_MAX} + 1), EINVAL);
    dsm_test::require_time_checked(
        [=](const timespec *at) { return dsm_latch_timedwait(latch, at); },
        [=](int clock, const timespec *at) { return dsm_latch_clockwait(latch, clock, at); });
}

void test_error_codes(dsm_latch_t *latch) {
    test_arguments(latch);
    // A zeroed one is open.
    DSM_REQUIRE_EQUAL(dsm_latch_wait(latch), 0);
    DSM_REQUIRE_EQUAL(dsm_latch_count_down(latch, 1), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_latch_arrive_and_wait(latch), EINVAL);
    dsm_barrier_all();
    for (int turn = 0; turn < 2 * dsm_size(); ++turn) {
        if (turn % dsm_size() == dsm_rank()) {
            const timespec past = from_now(CLOCK_REALTIME, -far_ns);
            const timespec soon = from_now(CLOCK_MONOTONIC, 2000000);
            DSM_REQUIRE_EQUAL(dsm_latch_init(latch, 3), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_try_wait(latch), EAGAIN);
            DSM_REQUIRE_EQUAL(dsm_latch_timedwait(latch, &past), ETIMEDOUT);
            DSM_REQUIRE_EQUAL(dsm_latch_clockwait(latch, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
            DSM_REQUIRE_EQUAL(dsm_latch_count_down(latch, 4), EINVAL);
            DSM_REQUIRE_EQUAL(dsm_latch_count_down(latch, 0), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_count_down(latch, 2), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_try_wait(latch), EAGAIN);
            DSM_REQUIRE_EQUAL(dsm_latch_arrive_and_wait(latch), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_try_wait(latch), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_timedwait(latch, &past), 0);
            DSM_REQUIRE_EQUAL(dsm_latch_arrive_and_wait(latch), EINVAL);
        }
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(dsm_latch_wait(latch), 0);
        dsm_barrier_all();
    }
}

void arrive(Shared &shared, dsm_test::Random &random) {
    const std::uint64_t way = random.below(3);
    if (way == 0) {
        DSM_REQUIRE_EQUAL(dsm_latch_arrive_and_wait(&shared.latch), 0);
        return;
    }
    DSM_REQUIRE_EQUAL(dsm_latch_count_down(&shared.latch, 1), 0);
    int code = EAGAIN;
    while (code != 0) {
        const timespec at = from_now(CLOCK_REALTIME, static_cast<long>(random.below(300)) * 1000);
        code = way == 1 ? dsm_latch_wait(&shared.latch) : dsm_latch_timedwait(&shared.latch, &at);
        DSM_REQUIRE(code == 0 || code == ETIMEDOUT);
    }
}

/// One latch, initialised again by rank 0 in each round.
void test_rounds(Shared &shared, std::uint64_t rounds) {
    const std::uint64_t threads = dsm_test::threads_of_job();
    DSM_REQUIRE(threads <= threads_max);
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        if (dsm_rank() == 0) { DSM_REQUIRE_EQUAL(dsm_latch_init(&shared.latch, static_cast<unsigned>(threads)), 0); }
        dsm_barrier_all();
        std::vector<std::thread> workers;
        for (int thread = 0; thread < dsm_test::threads_per_rank; ++thread) {
            const auto number = static_cast<std::uint64_t>(dsm_rank() * dsm_test::threads_per_rank + thread);
            workers.emplace_back([&shared, round, number, threads] {
                dsm_test::Random random(round * threads_max + number + 10000 * dsm_test::the_seed);
                shared.round_of[number] = round;
                arrive(shared, random);
                for (std::uint64_t other = 0; other < threads; ++other) {
                    DSM_REQUIRE_EQUAL(shared.round_of[other], round);
                }
            });
        }
        for (std::thread &worker : workers) { worker.join(); }
        dsm_barrier_all();
    }
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 30);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_error_codes(&shared->codes);
    test_rounds(*shared, rounds);
    return dsm_test::finish("latch");
}
