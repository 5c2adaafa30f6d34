// Freed memory leaves no state of synchronisation objects behind: at no node, whoever used, homed or freed them; and
// objects in memory that is used again are new.
#include <dsm/dsm.hpp>

#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <array>
#include <ctime>
#include <deque>
#include <thread>

namespace {

struct Objects {
    dsm_mutex_t mutex, other;
    dsm_cond_t condition;
    dsm_barrier_t barrier;
    dsm_rwlock_t rwlock;
    dsm_sem_t semaphore;
    dsm_latch_t latch;
    dsm_once_t once;
    dsm_atomic_t atomic;
    std::uint64_t ones; ///< under the mutex
    std::uint64_t runs; ///< of the once
};

struct Shared {
    void *block;
    dsm_mutex_t *mutex;
    std::array<void *, 64> blocks;
};

std::uint64_t objects_here() {
    dsm_statistics_t statistics;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&statistics), 0);
    return statistics.sync_objects;
}

/// Frees of other nodes' blocks and of spans take effect a little later. A hang here is state that was left behind.
void require_nothing_left() {
    dsm_barrier_all();
    while (objects_here() != 0) { std::this_thread::yield(); }
    dsm_barrier_all();
}

std::uint64_t *the_runs;

void use_together(Objects &objects) {
    const int size = dsm_size();
    DSM_REQUIRE_EQUAL(dsm_atomic_fetch_add(&objects.atomic, 1, 0) < static_cast<std::uint64_t>(size), 1);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&objects.mutex), 0);
    objects.ones += 1;
    dsm_cond_signal(&objects.condition);
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&objects.mutex), 0);
    DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(&objects.rwlock), 0);
    DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&objects.rwlock), 0);
    the_runs = &objects.runs;
    DSM_REQUIRE_EQUAL(dsm_once(&objects.once, [] { ++*the_runs; }), 0);
    DSM_REQUIRE_EQUAL(dsm_sem_post(&objects.semaphore), 0);
    DSM_REQUIRE_EQUAL(dsm_latch_wait(&objects.latch), 0); // a zeroed one is open
    const int code = dsm_barrier_wait(&objects.barrier);
    DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
    dsm_barrier_all();
    // New when it began: every one has counted once, and the once has run once.
    DSM_REQUIRE_EQUAL(objects.ones, size);
    DSM_REQUIRE_EQUAL(objects.runs, 1);
    DSM_REQUIRE_EQUAL(dsm_atomic_load(&objects.atomic, 0), size);
    int value = 0;
    DSM_REQUIRE_EQUAL(dsm_sem_getvalue(&objects.semaphore, &value), 0);
    DSM_REQUIRE_EQUAL(value, size);
}

/// Every rank allocates and frees in turn: small blocks, runs of pages, spans.
void test_every_kind(Shared &shared, std::uint64_t rounds) {
    constexpr std::size_t sizes[] = {sizeof(Objects), 3000, 20'000, std::size_t{3} << 20};
    for (std::uint64_t round = 0; round < rounds; ++round) {
        const auto ranks = static_cast<std::uint64_t>(dsm_size());
        const auto me = static_cast<std::uint64_t>(dsm_rank());
        const std::size_t bytes = round % 16 == 15 ? sizes[3] : sizes[round % 3];
        if (round % ranks == me) { shared.block = dsm_calloc(1, bytes); }
        dsm_barrier_all();
        auto *objects = reinterpret_cast<Objects *>(static_cast<char *>(shared.block) + bytes - sizeof(Objects));
        objects = reinterpret_cast<Objects *>(reinterpret_cast<std::uintptr_t>(objects) & ~std::uintptr_t{15});
        use_together(*objects);
        dsm_barrier_all();
        if ((round / ranks) % ranks == me) { dsm_free(shared.block); }
        if (round % 10 == 9) { require_nothing_left(); }
        dsm_barrier_all();
    }
    require_nothing_left();
}

/// Each rank for itself, most of the locks having their home elsewhere; blocks beside it hold objects that stay.
void test_many_times(std::uint64_t rounds) {
    dsm_test::Random random(dsm_test::the_seed + static_cast<std::uint64_t>(dsm_rank()));
    std::deque<Objects *> kept;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        auto *objects = static_cast<Objects *>(dsm_calloc(1, sizeof(Objects) + random.below(3) * 256));
        DSM_REQUIRE_EQUAL(dsm_mutex_trylock(&objects->mutex), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&objects->mutex), 0);
        DSM_REQUIRE_EQUAL(dsm_atomic_exchange(&objects->atomic, round + 1, 0), 0);
        kept.push_back(objects);
        if (random.below(8) != 0) {
            dsm_free(kept.back());
            kept.pop_back();
        } else if (kept.size() > 20) {
            DSM_REQUIRE_EQUAL(dsm_mutex_trylock(&kept.front()->mutex), 0);
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&kept.front()->mutex), 0);
            dsm_free(kept.front());
            kept.pop_front();
        }
    }
    DSM_REQUIRE(objects_here() < 4000);
    for (Objects *objects : kept) { dsm_free(objects); }
    require_nothing_left();
}

/// A thread that gives up waiting leaves a request on its way; the block is freed meanwhile, and used again.
void test_given_up(Shared &shared, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        if (dsm_rank() == 0) {
            shared.mutex = static_cast<dsm_mutex_t *>(dsm_calloc(1, sizeof(dsm_mutex_t)));
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(shared.mutex), 0);
        }
        dsm_barrier_all();
        if (dsm_rank() != 0) {
            timespec until{};
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec = std::min(until.tv_nsec + 200'000, 999'999'999L);
            DSM_REQUIRE_EQUAL(dsm_mutex_timedlock(shared.mutex, &until), ETIMEDOUT);
        }
        dsm_barrier_all();
        if (dsm_rank() == 0) {
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(shared.mutex), 0);
            dsm_free(shared.mutex);
        }
    }
    require_nothing_left();
}

/// An array of mutexes, each locked once by some rank, freed as a whole.
void test_an_array(std::uint64_t count) {
    auto *mutexes = dsm_test::shared<dsm_mutex_t>(count);
    const auto ranks = static_cast<std::uint64_t>(dsm_size());
    for (std::uint64_t at = static_cast<std::uint64_t>(dsm_rank()); at < count; at += ranks) {
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&mutexes[at]), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&mutexes[at]), 0);
    }
    dsm_barrier_all();
    DSM_REQUIRE(objects_here() >= count / ranks / 2);
    dsm_barrier_all();
    if (dsm_rank() == dsm_size() - 1) { dsm_free(mutexes); }
    require_nothing_left();
}

/// It is reported, and what comes to stand there is new.
void test_in_use() {
    if (dsm_rank() == 0) {
        void *first = nullptr;
        for (int turn = 0; turn < 2; ++turn) {
            auto *mutex = static_cast<dsm_mutex_t *>(dsm_calloc(1, sizeof(dsm_mutex_t)));
            DSM_REQUIRE_EQUAL(dsm_mutex_trylock(mutex), 0);
            DSM_REQUIRE(turn == 0 || mutex == first);
            first = mutex;
            dsm_free(mutex);
        }
    }
    require_nothing_left();
}

/// Blocks that hold none cost nothing, also in a page where others did.
void test_costs() {
    constexpr int frees = 100;
    const auto sent = [] {
        dsm_statistics_t statistics;
        dsm_get_statistics(&statistics);
        return statistics.messages_sent;
    };
    auto *mutex = static_cast<dsm_mutex_t *>(dsm_calloc(1, sizeof(dsm_mutex_t)));
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(mutex), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), 0);
    dsm_free(mutex);
    require_nothing_left();
    if (dsm_rank() == 0) {
        void *first = dsm_malloc(sizeof(dsm_mutex_t));
        dsm_free(first);
        const std::uint64_t before = sent();
        for (int turn = 0; turn < frees; ++turn) { dsm_free(dsm_malloc(sizeof(dsm_mutex_t))); }
        DSM_REQUIRE(sent() - before < frees); // some may be of other threads' doing, never one for each
    }
    require_nothing_left();
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 60);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_every_kind(*shared, rounds);
    test_many_times(rounds * 20);
    test_given_up(*shared, rounds / 2);
    test_an_array(dsm_test::option(argc, argv, "--array", 4000));
    test_in_use();
    test_costs();
    return dsm_test::finish("freed");
}
