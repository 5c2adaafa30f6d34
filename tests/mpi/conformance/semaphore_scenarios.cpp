// Semaphores, call by call. POSIX's functions return -1 and errno; objects.hpp gives the code itself for both.
#include "tests/mpi/conformance/scenarios.hpp"

#include <climits>

namespace conformance {
namespace {

struct Shared {
    Semaphore sem;
    Semaphore zeroed;
    long guarded;
};

void expect_value(Thread &self, Semaphore &sem, int expected) {
    int value = -1;
    EXPECT_CODE(semaphore_getvalue(&sem, &value), 0);
    EXPECT_CODE(value, expected);
}

void at_zero(Thread &self, Semaphore &sem) {
    const timespec past = long_ago();
    const timespec short_time = soon();
    const timespec bad = no_moment();
    const timespec short_monotonic = soon(CLOCK_MONOTONIC);
    expect_value(self, sem, 0);
    EXPECT_CODE(semaphore_trywait(&sem), EAGAIN);
    EXPECT_CODE(semaphore_timedwait(&sem, &past), ETIMEDOUT);
    EXPECT_CODE(semaphore_timedwait(&sem, &short_time), ETIMEDOUT);
    EXPECT_CODE(semaphore_timedwait(&sem, &bad), EINVAL);
    EXPECT_CODE(semaphore_clockwait(&sem, CLOCK_MONOTONIC, &short_monotonic), ETIMEDOUT);
    EXPECT_CODE(semaphore_clockwait(&sem, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL);
    expect_value(self, sem, 0);
}

void above_zero(Thread &self, Semaphore &sem) {
    const timespec past = long_ago();
    expect_value(self, sem, 3);
    EXPECT_CODE(semaphore_trywait(&sem), 0);
    EXPECT_CODE(semaphore_timedwait(&sem, &past), 0);
    EXPECT_CODE(semaphore_clockwait(&sem, CLOCK_MONOTONIC, &past), 0);
    expect_value(self, sem, 0);
}

/// As a mutex, with and without limits of time.
void contend(Thread &self, Shared &shared) {
    constexpr int rounds = 20;
    for (int round = 0; round < rounds; ++round) {
        const timespec later = in_a_minute();
        EXPECT_CODE(round % 2 == 0 ? semaphore_wait(&shared.sem) : semaphore_timedwait(&shared.sem, &later), 0);
        shared.guarded = shared.guarded + 1;
        EXPECT_CODE(semaphore_post(&shared.sem), 0);
    }
    self.meet();
    EXPECT_CODE(static_cast<int>(shared.guarded), rounds * thread_count);
}

void play(Thread &self, Shared &shared) {
    self.turn(0, [&] { EXPECT_CODE(semaphore_init(&shared.sem, static_cast<unsigned>(INT_MAX) + 1U), EINVAL); });
    for (int owner = 0; owner < thread_count; ++owner) {
        const int other = (owner + 1) % thread_count;
        self.turn(owner, [&] {
            EXPECT_CODE(semaphore_init(&shared.sem, 3), 0);
            shared.guarded = 0;
        });
        self.turn(other, [&] { above_zero(self, shared.sem); });
        self.turn(owner, [&] { at_zero(self, shared.sem); });
        self.turn(other, [&] { at_zero(self, shared.zeroed); });
        self.turn(owner, [&] {
            EXPECT_CODE(semaphore_post(&shared.sem), 0);
            expect_value(self, shared.sem, 1);
        });
        self.together([&] { contend(self, shared); });
        self.turn(other, [&] { EXPECT_CODE(semaphore_destroy(&shared.sem), 0); });
    }
    self.turn(1, [&] {
        EXPECT_CODE(semaphore_init(&shared.sem, INT_MAX), 0);
        EXPECT_CODE(semaphore_post(&shared.sem), EOVERFLOW);
        expect_value(self, shared.sem, INT_MAX);
    });
}

} // namespace

void semaphore_scenarios() { run<Shared>("semaphore", play); }

} // namespace conformance
