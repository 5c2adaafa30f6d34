// Once: of all threads that come, one calls the function, and none goes on before it has returned.
#include "tests/mpi/conformance/scenarios.hpp"

#include <atomic>

namespace conformance {
namespace {

constexpr int objects = 8;

struct Shared {
    OnceObject once[objects];
    int calls;
    int done;
};

/// What the function works on: it takes no argument.
Shared *the_shared = nullptr;

void count_call() {
    the_shared->calls = the_shared->calls + 1;
    std::this_thread::yield();
    the_shared->done = the_shared->done + 1;
}

void play(Thread &self, Shared &shared) {
    self.turn(0, [] {});
    for (int at = 0; at < objects; ++at) {
        EXPECT_CODE(once(&shared.once[at], count_call), 0);
        EXPECT(shared.done > at);
        EXPECT_CODE(once(&shared.once[at], count_call), 0);
        self.meet();
        EXPECT_CODE(shared.calls, at + 1);
        self.meet();
    }
}

} // namespace

void once_scenarios() {
    run<Shared>("once", [](Thread &self, Shared &shared) {
        std::atomic_ref(the_shared).store(&shared); // the same value from each thread of the process
        play(self, shared);
    });
}

} // namespace conformance
