// Mutexes of every kind, call by call: lock, trylock, timedlock, clocklock, unlock, destroy, attributes.
#include "tests/mpi/conformance/scenarios.hpp"

namespace conformance {
namespace {

struct Shared {
    OS(mutex_t) mutex;
    long guarded;
};

constexpr int kind_count = 4;
/// -1: zeroed and never initialised.
constexpr int kinds[kind_count] = {-1, OS_CONSTANT(MUTEX_NORMAL), OS_CONSTANT(MUTEX_ERRORCHECK),
                                   OS_CONSTANT(MUTEX_RECURSIVE)};

bool knows_owner(int kind) { return kind == OS_CONSTANT(MUTEX_ERRORCHECK) || kind == OS_CONSTANT(MUTEX_RECURSIVE); }

void attributes(Thread &self) {
    OS(mutexattr_t) attr;
    int kind = -1;
    EXPECT_CODE(OS(mutexattr_init)(&attr), 0);
    EXPECT_CODE(OS(mutexattr_gettype)(&attr, &kind), 0);
    EXPECT_CODE(kind, OS_CONSTANT(MUTEX_DEFAULT));
    EXPECT_CODE(OS(mutexattr_settype)(&attr, 77), EINVAL);
    EXPECT_CODE(OS(mutexattr_settype)(&attr, -1), EINVAL);
    for (int at = 1; at < kind_count; ++at) {
        EXPECT_CODE(OS(mutexattr_settype)(&attr, kinds[at]), 0);
        EXPECT_CODE(OS(mutexattr_gettype)(&attr, &kind), 0);
        EXPECT_CODE(kind, kinds[at]);
    }
    EXPECT_CODE(OS(mutexattr_destroy)(&attr), 0);
}

void initialise(Thread &self, Shared &shared, int kind) {
    if (kind == -1) { return; }
    OS(mutexattr_t) attr;
    EXPECT_CODE(OS(mutexattr_init)(&attr), 0);
    EXPECT_CODE(OS(mutexattr_settype)(&attr, kind), 0);
    EXPECT_CODE(OS(mutex_init)(&shared.mutex, &attr), 0);
    EXPECT_CODE(OS(mutexattr_destroy)(&attr), 0);
}

/// Another thread has the mutex.
void be_refused(Thread &self, Shared &shared, int kind) {
    const timespec past = long_ago();
    const timespec short_time = soon();
    const timespec short_time_monotonic = soon(CLOCK_MONOTONIC);
    const timespec bad = no_moment();
    EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), EBUSY);
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &past), ETIMEDOUT);
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &short_time), ETIMEDOUT);
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &bad), EINVAL);
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_REALTIME, &past), ETIMEDOUT);
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &short_time_monotonic), ETIMEDOUT);
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &bad), EINVAL);
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL);
    if (knows_owner(kind)) { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), EPERM); }
    EXPECT_CODE(OS(mutex_destroy)(&shared.mutex), EBUSY);
}

/// This thread has the mutex.
void lock_again(Thread &self, Shared &shared, int kind) {
    const timespec past = long_ago();
    const timespec short_time = soon();
    const timespec bad = no_moment();
    if (kind == OS_CONSTANT(MUTEX_RECURSIVE)) {
        EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
        EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), 0);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &past), 0);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &bad), 0);
        EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &past), 0);
    } else if (kind == OS_CONSTANT(MUTEX_ERRORCHECK)) {
        EXPECT_CODE(OS(mutex_lock)(&shared.mutex), EDEADLK);
        EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), EBUSY);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &past), EDEADLK);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &bad), EDEADLK);
        EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &past), EDEADLK);
    } else {
        EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), EBUSY);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &past), ETIMEDOUT);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &short_time), ETIMEDOUT);
        EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &bad), EINVAL);
    }
    EXPECT_CODE(OS(mutex_destroy)(&shared.mutex), EBUSY);
}

/// Ends the locks of lock_again(); the others are refused until the last one.
void unlock_as_often(Thread &self, Shared &shared, int kind, int owner, int other) {
    const int relocks = kind == OS_CONSTANT(MUTEX_RECURSIVE) ? 5 : 0;
    for (int left = relocks; left > 0; --left) {
        self.turn(owner, [&] { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0); });
        self.turn(other, [&] { EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), EBUSY); });
    }
    self.turn(owner, [&] {
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
        if (knows_owner(kind)) { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), EPERM); }
    });
}

/// Nobody has the mutex: limits of time are not looked at. Timed locks that gave up just before, at whatever node, have
/// left messages on their way, and refuse nobody.
void take_free(Thread &self, Shared &shared) {
    const timespec past = long_ago();
    const timespec bad = no_moment();
    const timespec later = in_a_minute();
    const auto release = [&] { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0); };
    EXPECT_CODE(OS(mutex_trylock)(&shared.mutex), 0);
    release();
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &past), 0);
    release();
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &bad), 0);
    release();
    EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &later), 0);
    release();
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &past), 0);
    release();
    EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_PROCESS_CPUTIME_ID, &later), EINVAL);
}

void contend(Thread &self, Shared &shared) {
    constexpr int rounds = 40;
    for (int round = 0; round < rounds; ++round) {
        const timespec later = in_a_minute(round % 3 == 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
        if (round % 3 == 0) {
            EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
        } else if (round % 3 == 1) {
            EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &later), 0);
        } else {
            EXPECT_CODE(OS(mutex_clocklock)(&shared.mutex, CLOCK_MONOTONIC, &later), 0);
        }
        shared.guarded = shared.guarded + 1;
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
    }
    self.meet();
    EXPECT_CODE(static_cast<int>(shared.guarded), rounds * thread_count);
}

/// Some give up while the owner keeps the mutex; then it still goes to who waits longer.
void give_up_and_wait(Thread &self, Shared &shared) {
    self.turn(0, [&] { EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0); });
    self.together([&] {
        const timespec short_time = soon();
        if (self.index() % 2 == 1) { EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &short_time), ETIMEDOUT); }
    });
    self.together([&] {
        const timespec later = in_a_minute();
        if (self.index() != 0) { EXPECT_CODE(OS(mutex_timedlock)(&shared.mutex, &later), 0); }
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0); // the owner, and then each that got it
    });
}

void play(Thread &self, Shared &shared) {
    for (int round = 0; round < kind_count; ++round) {
        const int kind = kinds[round];
        const int owner = round % thread_count;
        const int other = (round + 1) % thread_count;
        self.turn(owner, [&] {
            attributes(self);
            initialise(self, shared, kind);
            shared.guarded = 0;
        });
        self.turn(other, [&] { take_free(self, shared); });
        self.turn(owner, [&] { EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0); });
        self.turn(other, [&] { be_refused(self, shared, kind); });
        self.turn(owner, [&] { lock_again(self, shared, kind); });
        unlock_as_often(self, shared, kind, owner, other);
        self.turn(other, [&] {
            if (knows_owner(kind)) { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), EPERM); }
            take_free(self, shared);
        });
        self.together([&] { contend(self, shared); });
        give_up_and_wait(self, shared);
        self.turn(owner, [&] { EXPECT_CODE(OS(mutex_destroy)(&shared.mutex), 0); });
    }
}

} // namespace

void mutex_scenarios() { run<Shared>("mutex", play); }

} // namespace conformance
