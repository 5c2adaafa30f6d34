// Read-write locks, call by call: the shared and the exclusive locks, with and without limits of time.
#include "tests/mpi/conformance/scenarios.hpp"

namespace conformance {
namespace {

struct Shared {
    OS(rwlock_t) lock;
    long guarded;
};

void unlock(Thread &self, Shared &shared) { EXPECT_CODE(OS(rwlock_unlock)(&shared.lock), 0); }

/// Another thread reads.
void beside_a_reader(Thread &self, Shared &shared) {
    const timespec past = long_ago();
    const timespec short_time = soon();
    const timespec bad = no_moment();
    const timespec short_monotonic = soon(CLOCK_MONOTONIC);
    EXPECT_CODE(OS(rwlock_tryrdlock)(&shared.lock), 0);
    unlock(self, shared);
    EXPECT_CODE(OS(rwlock_rdlock)(&shared.lock), 0);
    unlock(self, shared);
    EXPECT_CODE(OS(rwlock_timedrdlock)(&shared.lock, &past), 0);
    unlock(self, shared);
    EXPECT_CODE(OS(rwlock_trywrlock)(&shared.lock), EBUSY);
    EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &past), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &short_time), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &bad), EINVAL);
    EXPECT_CODE(OS(rwlock_clockwrlock)(&shared.lock, CLOCK_MONOTONIC, &short_monotonic), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_clockwrlock)(&shared.lock, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL);
}

/// Another thread writes.
void beside_a_writer(Thread &self, Shared &shared) {
    const timespec past = long_ago();
    const timespec short_time = soon();
    const timespec bad = no_moment();
    const timespec short_monotonic = soon(CLOCK_MONOTONIC);
    EXPECT_CODE(OS(rwlock_tryrdlock)(&shared.lock), EBUSY);
    EXPECT_CODE(OS(rwlock_trywrlock)(&shared.lock), EBUSY);
    EXPECT_CODE(OS(rwlock_timedrdlock)(&shared.lock, &past), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_timedrdlock)(&shared.lock, &short_time), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_timedrdlock)(&shared.lock, &bad), EINVAL);
    EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &past), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &short_time), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_clockrdlock)(&shared.lock, CLOCK_MONOTONIC, &short_monotonic), ETIMEDOUT);
    EXPECT_CODE(OS(rwlock_clockrdlock)(&shared.lock, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL);
}

/// This thread writes.
void write_again(Thread &self, Shared &shared) {
    EXPECT_CODE(OS(rwlock_rdlock)(&shared.lock), EDEADLK);
    EXPECT_CODE(OS(rwlock_wrlock)(&shared.lock), EDEADLK);
    EXPECT_CODE(OS(rwlock_tryrdlock)(&shared.lock), EBUSY);
    EXPECT_CODE(OS(rwlock_trywrlock)(&shared.lock), EBUSY);
}

void contend(Thread &self, Shared &shared) {
    constexpr int rounds = 20;
    for (int round = 0; round < rounds; ++round) {
        const timespec later = in_a_minute();
        if (round % 2 == 0) {
            EXPECT_CODE(OS(rwlock_wrlock)(&shared.lock), 0);
        } else {
            EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &later), 0);
        }
        shared.guarded = shared.guarded + 1;
        unlock(self, shared);
        EXPECT_CODE(OS(rwlock_rdlock)(&shared.lock), 0);
        const long seen = shared.guarded;
        EXPECT(seen == shared.guarded && seen > round);
        unlock(self, shared);
    }
    self.meet();
    EXPECT_CODE(static_cast<int>(shared.guarded), rounds * thread_count);
}

void play(Thread &self, Shared &shared) {
    const timespec bad = no_moment();
    for (int owner = 0; owner < thread_count; ++owner) {
        const int other = (owner + 1) % thread_count;
        self.turn(owner, [&] {
            if (owner != 0) { EXPECT_CODE(OS(rwlock_init)(&shared.lock, nullptr), 0); }
            shared.guarded = 0;
        });
        self.turn(other, [&] {
            EXPECT_CODE(OS(rwlock_timedwrlock)(&shared.lock, &bad), EINVAL); // looked at also when it is free
            EXPECT_CODE(OS(rwlock_trywrlock)(&shared.lock), 0);
            unlock(self, shared);
        });
        self.turn(owner, [&] { EXPECT_CODE(OS(rwlock_rdlock)(&shared.lock), 0); });
        self.turn(other, [&] { beside_a_reader(self, shared); });
        self.turn(owner, [&] {
            EXPECT_CODE(OS(rwlock_rdlock)(&shared.lock), 0); // readers may read again
            unlock(self, shared);
            unlock(self, shared);
            EXPECT_CODE(OS(rwlock_wrlock)(&shared.lock), 0);
            write_again(self, shared);
        });
        self.turn(other, [&] { beside_a_writer(self, shared); });
        self.turn(owner, [&] { unlock(self, shared); });
        self.together([&] { contend(self, shared); });
        self.turn(other, [&] { EXPECT_CODE(OS(rwlock_destroy)(&shared.lock), 0); });
    }
}

} // namespace

void rwlock_scenarios() { run<Shared>("rwlock", play); }

} // namespace conformance
