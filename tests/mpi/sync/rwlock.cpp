// dsm_rwlock_t: readers and writers over shared data, time limits that race with grants, error codes, memory used
// again.
#include "tests/mpi/sync/home_support.hpp"

#include <array>

namespace {

using dsm_test::far_ns;
using dsm_test::from_now;
using dsm_test::in_threads;

constexpr std::size_t locks = 200;
constexpr std::size_t words = 1200; // over three pages

struct Shared {
    alignas(4096) dsm_rwlock_t lock;
    alignas(4096) std::array<std::uint64_t, words> data; ///< equal words, each time somebody looks
    alignas(4096) dsm_rwlock_t timed;
    std::uint64_t timed_writes;
    alignas(4096) dsm_rwlock_t codes;
    alignas(4096) std::array<dsm_rwlock_t, locks> many;
    alignas(4096) std::array<std::uint64_t, locks> counts;
};

void test_arguments(dsm_rwlock_t *lock) {
    dsm_rwlock_t outside = DSM_RWLOCK_INITIALIZER;
    const timespec later = from_now(CLOCK_REALTIME, far_ns);
    for (dsm_rwlock_t *wrong : {&outside, static_cast<dsm_rwlock_t *>(nullptr)}) {
        DSM_REQUIRE_EQUAL(dsm_rwlock_init(wrong, nullptr), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_destroy(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_tryrdlock(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_trywrlock(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_timedrdlock(wrong, &later), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_timedwrlock(wrong, &later), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(wrong), EINVAL);
    }
    dsm_test::require_time_checked(
        [=](const timespec *at) { return dsm_rwlock_timedrdlock(lock, at); },
        [=](int clock, const timespec *at) { return dsm_rwlock_clockrdlock(lock, clock, at); });
    dsm_test::require_time_checked(
        [=](const timespec *at) { return dsm_rwlock_timedwrlock(lock, at); },
        [=](int clock, const timespec *at) { return dsm_rwlock_clockwrlock(lock, clock, at); });
}

/// What everybody but the holder sees. Blocks for short times only.
void test_as_another(dsm_rwlock_t *lock, bool is_written) {
    const int read = dsm_rwlock_tryrdlock(lock);
    DSM_REQUIRE_EQUAL(read, is_written ? EBUSY : 0);
    if (read == 0) { DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0); }
    DSM_REQUIRE_EQUAL(dsm_rwlock_trywrlock(lock), EBUSY);
    DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), EPERM);
    DSM_REQUIRE_EQUAL(dsm_rwlock_destroy(lock), EBUSY);
    const timespec past = from_now(CLOCK_REALTIME, -far_ns);
    const timespec soon = from_now(CLOCK_MONOTONIC, 2000000);
    if (is_written) {
        DSM_REQUIRE_EQUAL(dsm_rwlock_timedrdlock(lock, &past), ETIMEDOUT);
        DSM_REQUIRE_EQUAL(dsm_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
    }
    DSM_REQUIRE_EQUAL(dsm_rwlock_timedwrlock(lock, &past), ETIMEDOUT);
    DSM_REQUIRE_EQUAL(dsm_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
}

void test_as_writer(dsm_rwlock_t *lock) {
    const timespec later = from_now(CLOCK_REALTIME, far_ns);
    DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(lock), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(lock), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_rwlock_timedwrlock(lock, &later), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_rwlock_timedrdlock(lock, &later), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_rwlock_trywrlock(lock), EBUSY);
    DSM_REQUIRE_EQUAL(dsm_rwlock_tryrdlock(lock), EBUSY);
}

void test_as_reader(dsm_rwlock_t *lock) {
    DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(lock), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_rwlock_trywrlock(lock), EBUSY);
    const timespec past = from_now(CLOCK_REALTIME, -far_ns);
    DSM_REQUIRE_EQUAL(dsm_rwlock_timedwrlock(lock, &past), ETIMEDOUT);
    DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(lock), 0);
    DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0);
}

/// In turn, each rank holds it and the others look; then the tries of each rank succeed, wherever the home is.
void test_error_codes(dsm_rwlock_t *lock) {
    test_arguments(lock);
    DSM_REQUIRE_EQUAL(dsm_rwlock_init(lock, nullptr), 0);
    DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), EPERM);
    dsm_barrier_all();
    for (int turn = 0; turn < 2 * dsm_size(); ++turn) {
        const bool mine = turn / 2 == dsm_rank();
        const bool is_written = turn % 2 == 0;
        if (mine) {
            DSM_REQUIRE_EQUAL(is_written ? dsm_rwlock_wrlock(lock) : dsm_rwlock_rdlock(lock), 0);
            is_written ? test_as_writer(lock) : test_as_reader(lock);
            std::thread([=] { test_as_another(lock, is_written); }).join();
        }
        dsm_barrier_all();
        // One after another: two that try together may refuse each other.
        for (int other = 0; other < dsm_size(); ++other) {
            if (!mine && other == dsm_rank()) { test_as_another(lock, is_written); }
            dsm_barrier_all();
        }
        if (mine) { DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0); }
        dsm_barrier_all();
    }
    const timespec past = from_now(CLOCK_REALTIME, -far_ns);
    for (int turn = 0; turn < 5 * dsm_size(); ++turn) {
        if (turn % dsm_size() == dsm_rank()) {
            DSM_REQUIRE_EQUAL(dsm_rwlock_trywrlock(lock), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_timedwrlock(lock, &past), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_timedrdlock(lock, &past), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(lock), 0);
            DSM_REQUIRE_EQUAL(dsm_rwlock_destroy(lock), 0);
        }
        dsm_barrier_all();
    }
}

void write_all(Shared &shared) {
    const std::uint64_t before = shared.data[0];
    for (std::uint64_t &word : shared.data) {
        DSM_REQUIRE_EQUAL(word, before);
        word = before + 1;
    }
}

void read_all(const Shared &shared) {
    const std::uint64_t first = shared.data[0];
    for (const std::uint64_t &word : shared.data) { DSM_REQUIRE_EQUAL(word, first); }
}

void test_exclusion(Shared &shared, std::uint64_t rounds) {
    in_threads([&](dsm_test::Random &random) {
        for (std::uint64_t round = 0; round < rounds; ++round) {
            const bool writes = round % 8 == 0;
            DSM_REQUIRE_EQUAL(writes ? dsm_rwlock_wrlock(&shared.lock) : dsm_rwlock_rdlock(&shared.lock), 0);
            writes ? write_all(shared) : read_all(shared);
            if (!writes && round % 8 == 1) { // again, in front of waiting writers
                DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(&shared.lock), 0);
                DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&shared.lock), 0);
            }
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&shared.lock), 0);
            const std::size_t at = random.below(locks);
            DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(&shared.many[at]), 0);
            shared.counts[at] = shared.counts[at] + 1;
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&shared.many[at]), 0);
        }
    });
    dsm_barrier_all();
    std::uint64_t many = 0;
    for (const std::uint64_t count : shared.counts) { many += count; }
    DSM_REQUIRE_EQUAL(many, rounds * dsm_test::threads_of_job());
    DSM_REQUIRE_EQUAL(shared.data[words - 1], (rounds + 7) / 8 * dsm_test::threads_of_job());
}

/// Limits so short that they race with the grant. What was granted counts, what was not does not.
void test_time_limits(Shared &shared, std::uint64_t rounds) {
    in_threads([&](dsm_test::Random &random) {
        std::uint64_t longest_us = 50; // grows, so that the test ends however slow the machine is
        for (std::uint64_t done = 0; done < rounds;) {
            const timespec at = from_now(CLOCK_MONOTONIC, 1000 * static_cast<long>(random.below(++longest_us)));
            const bool writes = random.below(4) != 0;
            const int code = writes ? dsm_rwlock_clockwrlock(&shared.timed, CLOCK_MONOTONIC, &at)
                                    : dsm_rwlock_clockrdlock(&shared.timed, CLOCK_MONOTONIC, &at);
            DSM_REQUIRE(code == 0 || code == ETIMEDOUT);
            if (code != 0) { continue; }
            if (writes) {
                shared.timed_writes = shared.timed_writes + 1;
                ++done;
            }
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&shared.timed), 0);
        }
    });
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(shared.timed_writes, rounds * dsm_test::threads_of_job());
    DSM_REQUIRE_EQUAL(dsm_rwlock_destroy(&shared.timed), 0);
    dsm_barrier_all();
}

void test_memory_used_again() {
    struct Guarded {
        dsm_rwlock_t lock;
        std::uint64_t value;
    };
    for (int round = 0; round < 5; ++round) {
        auto *guarded = dsm_test::shared<Guarded>(50);
        for (std::size_t at = 0; at < 50; ++at) {
            DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(&guarded[at].lock), 0);
            ++guarded[at].value;
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&guarded[at].lock), 0);
        }
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(guarded[49].value, dsm_size());
        dsm_barrier_all();
        if (dsm_rank() == round % dsm_size()) { dsm_free(guarded); }
        dsm_barrier_all();
    }
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 100);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_error_codes(&shared->codes);
    test_exclusion(*shared, rounds);
    test_time_limits(*shared, rounds / 2);
    test_memory_used_again();
    return dsm_test::finish("rwlock");
}
