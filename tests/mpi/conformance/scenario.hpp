// A scenario of the conformance tests: threads that act in turns or at once on objects they share. With pthread they
// are threads of one process; with libdsm, threads of all ranks of the job, thread i at rank i modulo the ranks. All
// time limits that must expire are past or short, those that must not are a minute: nothing depends on speed.
#pragma once

#include "tests/mpi/conformance/objects.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <unistd.h>
#include <vector>

namespace conformance {

constexpr int thread_count = 4;

[[noreturn]] inline void fail(const char *file, int line, int thread, const char *what, long long found,
                              long long expected) {
    std::fprintf(stderr, "FAILED: thread %d, %s:%d: %s gives %lld, not %lld\n", thread, file, line, what, found,
                 expected);
    std::fflush(stderr);
    ::_exit(1);
}

// ---- Moments

inline timespec now(clockid_t clock) {
    timespec moment{};
    ::clock_gettime(clock, &moment);
    return moment;
}
inline timespec in_a_minute(clockid_t clock = CLOCK_REALTIME) {
    timespec moment = now(clock);
    moment.tv_sec += 60;
    return moment;
}
inline timespec long_ago() { return {1, 0}; }
inline timespec soon(clockid_t clock = CLOCK_REALTIME) {
    timespec moment = now(clock);
    constexpr long few_ns = 2'000'000;
    constexpr long second_ns = 1'000'000'000;
    moment.tv_nsec += few_ns;
    moment.tv_sec += moment.tv_nsec / second_ns;
    moment.tv_nsec %= second_ns;
    return moment;
}
/// A moment far ahead that is none: nanoseconds out of range.
inline timespec no_moment() { return {now(CLOCK_REALTIME).tv_sec + 60, 1'000'000'000}; }

// ---- Threads

/// One of the threads of a scenario.
class Thread {
public:
    Thread(int index, OS(barrier_t) * meeting) : index_(index), meeting_(meeting) {}
    int index() const { return index_; }

    /// One thread acts, the others wait for it.
    template <class Act> void turn(int actor, Act act) {
        if (index_ == actor) { act(); }
        meet();
    }
    /// All act at once, and then meet.
    template <class Act> void together(Act act) {
        act();
        meet();
    }
    void meet() {
        const int code = OS(barrier_wait)(meeting_);
        if (code != 0 && code != OS_CONSTANT(BARRIER_SERIAL_THREAD)) {
            fail(__FILE__, __LINE__, index_, "meet", code, 0);
        }
    }

private:
    int index_;
    OS(barrier_t) * meeting_;
};

/// Zeroed memory for what a scenario's threads share. Every rank calls it, in the same order.
template <class Shared> Shared *make_shared_zeroed() {
#ifdef DSM_CONFORMANCE_PTHREAD
    void *memory = std::calloc(1, sizeof(Shared));
#else
    void *memory = dsm_alloc(sizeof(Shared), nullptr);
#endif
    if (memory == nullptr) { fail(__FILE__, __LINE__, -1, "memory", errno, 0); }
    return static_cast<Shared *>(memory);
}

inline int job_rank() {
#ifdef DSM_CONFORMANCE_PTHREAD
    return 0;
#else
    return dsm_rank();
#endif
}
inline int job_ranks() {
#ifdef DSM_CONFORMANCE_PTHREAD
    return 1;
#else
    return dsm_size();
#endif
}
inline void meet_all_ranks() {
#ifndef DSM_CONFORMANCE_PTHREAD
    dsm_barrier_all();
#endif
}

/// Plays a scenario: play(thread, shared) in every thread, with zeroed shared state. Every rank calls it.
template <class Shared, class Play> void run(const char *name, Play play) {
    struct Stage {
        OS(barrier_t) meeting;
        Shared shared;
    };
    Stage *stage = make_shared_zeroed<Stage>();
    if (job_rank() == 0 && OS(barrier_init)(&stage->meeting, nullptr, thread_count) != 0) {
        fail(__FILE__, __LINE__, 0, "barrier_init", 1, 0);
    }
    meet_all_ranks();
    std::vector<std::thread> threads;
    for (int index = job_rank(); index < thread_count; index += job_ranks()) {
        threads.emplace_back([stage, index, &play] {
            Thread self(index, &stage->meeting);
            play(self, stage->shared);
        });
    }
    for (std::thread &thread : threads) { thread.join(); }
    meet_all_ranks();
    if (job_rank() == 0) { std::printf("%s: as pthread\n", name); }
}

} // namespace conformance

/// The call's code is as expected. In a function whose thread is called `self`.
#define EXPECT_CODE(call, expected)                                                                                    \
    do {                                                                                                               \
        const int code_found = (call);                                                                                 \
        if (code_found != (expected)) {                                                                                \
            conformance::fail(__FILE__, __LINE__, self.index(), #call, code_found, (expected));                        \
        }                                                                                                              \
    } while (false)
#define EXPECT(condition) EXPECT_CODE((condition) ? 1 : 0, 1)
