// dsm_mutex_t: exclusion between all threads of all ranks, error codes, many mutexes, zeroed and freed ones.
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <array>
#include <thread>
#include <vector>

namespace {

constexpr int threads = 2;
constexpr std::size_t locks = 300;

struct Guarded {
    dsm_mutex_t mutex;
    std::uint64_t value;
};

struct Shared {
    alignas(4096) Guarded hot;
    alignas(4096) Guarded tried; ///< entered by trylock alone
    alignas(4096) dsm_mutex_t codes;
    alignas(4096) std::array<Guarded, locks> many;
};

void test_error_codes(Shared &shared) {
    dsm_mutex_t outside = DSM_MUTEX_INITIALIZER;
    DSM_REQUIRE_EQUAL(dsm_mutex_init(&outside, nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_trylock(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_destroy(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(nullptr), EINVAL);

    dsm_mutex_t *mutex = &shared.codes;
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), EPERM);
    dsm_barrier_all();
    // In turn, each rank holds it and the others try.
    for (int holder = 0; holder < dsm_size(); ++holder) {
        const bool mine = holder == dsm_rank();
        if (mine) {
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(mutex), 0);
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(mutex), EDEADLK);
            const int again = dsm_mutex_trylock(mutex);
            DSM_REQUIRE(again == EBUSY || again == EDEADLK);
            DSM_REQUIRE_EQUAL(dsm_mutex_destroy(mutex), EBUSY);
            std::thread([mutex] {
                DSM_REQUIRE_EQUAL(dsm_mutex_trylock(mutex), EBUSY);
                DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), EPERM);
            }).join();
        }
        dsm_barrier_all();
        if (!mine) {
            DSM_REQUIRE_EQUAL(dsm_mutex_trylock(mutex), EBUSY);
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), EPERM);
        }
        dsm_barrier_all();
        if (mine) { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), 0); }
        dsm_barrier_all();
    }
    // Free again: trylock succeeds wherever the token is; nobody else is under way.
    for (int turn = 0; turn < 20 * dsm_size(); ++turn) {
        if (turn % dsm_size() == dsm_rank()) {
            DSM_REQUIRE_EQUAL(dsm_mutex_trylock(mutex), 0);
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), 0);
        }
        dsm_barrier_all();
    }
    if (dsm_rank() == 0) {
        DSM_REQUIRE_EQUAL(dsm_mutex_destroy(mutex), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_init(mutex, nullptr), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(mutex), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), 0);
    }
    dsm_barrier_all();
}

void enter(Guarded &guarded) {
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&guarded.mutex), 0);
    guarded.value = guarded.value + 1;
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&guarded.mutex), 0);
}

void work(Shared &shared, std::uint64_t rounds, std::uint64_t seed) {
    dsm_test::Random random(seed);
    std::uint64_t tried = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        enter(shared.hot);
        enter(shared.many[random.below(locks)]);
        if (round % 4 == 0) { ++tried; }
        if (round % 4 == 0 && dsm_mutex_trylock(&shared.tried.mutex) == 0) {
            shared.tried.value = shared.tried.value + 1;
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.tried.mutex), 0);
            --tried;
        }
    }
    for (; tried > 0; --tried) { enter(shared.tried); } // Those that were refused.
}

void test_exclusion(Shared &shared, std::uint64_t rounds) {
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads; ++thread) {
        const auto seed = static_cast<std::uint64_t>(dsm_rank() * threads + thread) + 100 * dsm_test::the_seed;
        workers.emplace_back([&shared, rounds, seed] { work(shared, rounds, seed); });
    }
    for (std::thread &worker : workers) { worker.join(); }
    dsm_barrier_all();
    const std::uint64_t turns = rounds * threads * static_cast<std::uint64_t>(dsm_size());
    std::uint64_t many = 0;
    for (const Guarded &guarded : shared.many) { many += guarded.value; }
    DSM_REQUIRE_EQUAL(shared.hot.value, turns);
    DSM_REQUIRE_EQUAL(many, turns);
    DSM_REQUIRE_EQUAL(shared.tried.value, turns / 4);
}

/// The memory behind mutexes that were used goes and comes back: they are free again.
void test_memory_used_again() {
    for (int round = 0; round < 5; ++round) {
        auto *guarded = dsm_test::shared<Guarded>(50);
        for (std::size_t at = 0; at < 50; ++at) { enter(guarded[at]); }
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
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 300);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_error_codes(*shared);
    test_exclusion(*shared, rounds);
    test_memory_used_again();
    return dsm_test::finish("mutex");
}
