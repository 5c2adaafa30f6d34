// Condition variables, call by call: wait, timedwait, clockwait, signal, broadcast, destroy, attributes.
#include "tests/mpi/conformance/scenarios.hpp"

namespace conformance {
namespace {

struct Shared {
    OS(mutex_t) mutex; ///< error-checking: so every code of it tells whether a wait gave it back
    OS(cond_t) realtime;
    OS(cond_t) monotonic;
    OS(cond_t) zeroed;
    int goods;
    int stage;
};

void attributes(Thread &self) {
    OS(condattr_t) attr;
    int clock = -1;
    EXPECT_CODE(OS(condattr_init)(&attr), 0);
    EXPECT_CODE(OS(condattr_getclock)(&attr, &clock), 0);
    EXPECT_CODE(clock, CLOCK_REALTIME);
    EXPECT_CODE(OS(condattr_setclock)(&attr, CLOCK_PROCESS_CPUTIME_ID), EINVAL);
    EXPECT_CODE(OS(condattr_setclock)(&attr, CLOCK_MONOTONIC), 0);
    EXPECT_CODE(OS(condattr_getclock)(&attr, &clock), 0);
    EXPECT_CODE(clock, CLOCK_MONOTONIC);
    EXPECT_CODE(OS(condattr_destroy)(&attr), 0);
}

void initialise(Thread &self, Shared &shared) {
    OS(mutexattr_t) kind;
    EXPECT_CODE(OS(mutexattr_init)(&kind), 0);
    EXPECT_CODE(OS(mutexattr_settype)(&kind, OS_CONSTANT(MUTEX_ERRORCHECK)), 0);
    EXPECT_CODE(OS(mutex_init)(&shared.mutex, &kind), 0);
    OS(condattr_t) attr;
    EXPECT_CODE(OS(condattr_init)(&attr), 0);
    EXPECT_CODE(OS(condattr_setclock)(&attr, CLOCK_MONOTONIC), 0);
    EXPECT_CODE(OS(cond_init)(&shared.monotonic, &attr), 0);
    EXPECT_CODE(OS(cond_init)(&shared.realtime, nullptr), 0);
}

/// Waits that end by themselves: the mutex is this thread's afterwards.
void wait_alone(Thread &self, Shared &shared, OS(cond_t) & condition, clockid_t clock) {
    const timespec past = long_ago();
    const timespec short_time = soon(clock);
    const timespec short_realtime = soon(CLOCK_REALTIME);
    const timespec bad = no_moment();
    const auto owned = [&] { EXPECT_CODE(OS(mutex_lock)(&shared.mutex), EDEADLK); };
    EXPECT_CODE(OS(cond_signal)(&condition), 0); // reaches nobody and is forgotten
    EXPECT_CODE(OS(cond_broadcast)(&condition), 0);
    EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
    EXPECT_CODE(OS(cond_timedwait)(&condition, &shared.mutex, &past), ETIMEDOUT);
    owned();
    EXPECT_CODE(OS(cond_timedwait)(&condition, &shared.mutex, &short_time), ETIMEDOUT);
    owned();
    EXPECT_CODE(OS(cond_timedwait)(&condition, &shared.mutex, &bad), EINVAL);
    owned();
    EXPECT_CODE(OS(cond_clockwait)(&condition, &shared.mutex, CLOCK_REALTIME, &short_realtime), ETIMEDOUT);
    owned();
    EXPECT_CODE(OS(cond_clockwait)(&condition, &shared.mutex, CLOCK_MONOTONIC, &past), ETIMEDOUT);
    owned();
    EXPECT_CODE(OS(cond_clockwait)(&condition, &shared.mutex, CLOCK_MONOTONIC, &bad), EINVAL);
    EXPECT_CODE(OS(cond_clockwait)(&condition, &shared.mutex, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL);
    owned();
    EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
}

/// The mutex is another thread's, or nobody's.
void wait_without_mutex(Thread &self, Shared &shared) {
    const timespec later = in_a_minute();
    EXPECT_CODE(OS(cond_wait)(&shared.realtime, &shared.mutex), EPERM);
    EXPECT_CODE(OS(cond_timedwait)(&shared.realtime, &shared.mutex, &later), EPERM);
    EXPECT_CODE(OS(cond_clockwait)(&shared.realtime, &shared.mutex, CLOCK_REALTIME, &later), EPERM);
}

/// One round of waiting, each thread in its own way; all end by a signal.
void wait_once(Thread &self, Shared &shared, OS(cond_t) & condition, clockid_t clock) {
    const timespec later = in_a_minute(clock);
    const timespec later_monotonic = in_a_minute(CLOCK_MONOTONIC);
    switch (self.index() % 3) {
    case 0:
        EXPECT_CODE(OS(cond_timedwait)(&condition, &shared.mutex, &later), 0);
        break;
    case 1:
        EXPECT_CODE(OS(cond_wait)(&condition, &shared.mutex), 0);
        break;
    default:
        EXPECT_CODE(OS(cond_clockwait)(&condition, &shared.mutex, CLOCK_MONOTONIC, &later_monotonic), 0);
        break;
    }
}

/// Thread 0 hands out goods one by one, the others take one each and more.
void hand_over(Thread &self, Shared &shared, OS(cond_t) & condition, clockid_t clock, bool to_all) {
    constexpr int each = 10;
    constexpr int all = each * (thread_count - 1);
    for (int i = 0; i < (self.index() == 0 ? all : each); ++i) {
        EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
        if (self.index() == 0) {
            shared.goods = shared.goods + 1;
            EXPECT_CODE(to_all ? OS(cond_broadcast)(&condition) : OS(cond_signal)(&condition), 0);
        } else {
            while (shared.goods == 0) { wait_once(self, shared, condition, clock); }
            shared.goods = shared.goods - 1;
        }
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
    }
    self.meet();
    EXPECT_CODE(shared.goods, 0);
    self.meet();
}

/// All but thread 0 wait for a stage that one broadcast announces; some lose patience in between and come back.
void pass_stage(Thread &self, Shared &shared, OS(cond_t) & condition, clockid_t clock) {
    EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
    if (self.index() == 0) {
        shared.stage = 1;
        EXPECT_CODE(OS(cond_broadcast)(&condition), 0);
    }
    while (shared.stage == 0) {
        const timespec short_time = soon(clock);
        const int code = OS(cond_timedwait)(&condition, &shared.mutex, &short_time);
        EXPECT(code == 0 || code == ETIMEDOUT);
    }
    EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
    self.meet();
    self.turn(0, [&] { shared.stage = 0; });
}

void play(Thread &self, Shared &shared) {
    self.turn(0, [&] {
        attributes(self);
        initialise(self, shared);
    });
    struct Case {
        OS(cond_t) & condition;
        clockid_t clock;
    };
    const Case cases[] = {
        {shared.realtime, CLOCK_REALTIME}, {shared.monotonic, CLOCK_MONOTONIC}, {shared.zeroed, CLOCK_REALTIME}};
    for (const Case &now : cases) {
        self.turn(1, [&] { wait_alone(self, shared, now.condition, now.clock); });
        self.turn(2, [&] { wait_alone(self, shared, now.condition, now.clock); });
        hand_over(self, shared, now.condition, now.clock, false);
        hand_over(self, shared, now.condition, now.clock, true);
        pass_stage(self, shared, now.condition, now.clock);
    }
    self.turn(3, [&] { wait_without_mutex(self, shared); });
    self.turn(0, [&] { EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0); });
    self.turn(3, [&] { wait_without_mutex(self, shared); });
    self.turn(0, [&] { EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0); });
    self.turn(2, [&] {
        for (const Case &now : cases) { EXPECT_CODE(OS(cond_destroy)(&now.condition), 0); }
        EXPECT_CODE(OS(mutex_destroy)(&shared.mutex), 0);
    });
}

} // namespace

void condition_scenarios() { run<Shared>("condition", play); }

} // namespace conformance
