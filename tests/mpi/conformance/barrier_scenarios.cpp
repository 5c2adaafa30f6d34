// Barriers of a number of threads, call by call: init, wait with its serial thread, destroy.
#include "tests/mpi/conformance/scenarios.hpp"

namespace conformance {
namespace {

constexpr int rounds = 20;

struct Shared {
    OS(barrier_t) barrier;
    OS(mutex_t) mutex;
    int arrived[rounds];
    int serials[rounds];
};

/// `count` threads meet `rounds` times; nobody goes before all have come, and one of them is told to be special.
void meet_often(Thread &self, Shared &shared, int count) {
    for (int round = 0; round < rounds; ++round) {
        EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
        shared.arrived[round] = shared.arrived[round] + 1;
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
        const int code = OS(barrier_wait)(&shared.barrier);
        EXPECT(code == 0 || code == OS_CONSTANT(BARRIER_SERIAL_THREAD));
        EXPECT_CODE(OS(mutex_lock)(&shared.mutex), 0);
        EXPECT_CODE(shared.arrived[round], count);
        shared.serials[round] = shared.serials[round] + (code != 0);
        EXPECT_CODE(OS(mutex_unlock)(&shared.mutex), 0);
    }
}

void play(Thread &self, Shared &shared) {
    self.turn(1, [&] { EXPECT_CODE(OS(barrier_init)(&shared.barrier, nullptr, 0), EINVAL); });
    for (int count = 1; count <= thread_count; ++count) {
        self.turn(count % thread_count,
                  [&] { EXPECT_CODE(OS(barrier_init)(&shared.barrier, nullptr, static_cast<unsigned>(count)), 0); });
        self.together([&] {
            if (self.index() < count) { meet_often(self, shared, count); }
        });
        self.turn(0, [&] {
            for (int round = 0; round < rounds; ++round) {
                EXPECT_CODE(shared.serials[round], 1);
                shared.serials[round] = shared.arrived[round] = 0;
            }
            EXPECT_CODE(OS(barrier_destroy)(&shared.barrier), 0);
        });
    }
}

} // namespace

void barrier_scenarios() { run<Shared>("barrier", play); }

} // namespace conformance
