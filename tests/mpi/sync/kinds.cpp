// What libdsm decides where pthread leaves it open: a normal mutex locked twice, unlock by another thread, the limit of
// a recursive one, a condition and a mutex that was locked several times, objects initialised again; and teams at
// barriers.
#include "tests/mpi/support/job.hpp"

#include <ctime>
#include <thread>

namespace {

struct Shared {
    alignas(4096) dsm_mutex_t normal;
    dsm_mutex_t recursive;
    dsm_mutex_t changed;
    dsm_cond_t condition;
    int stage;
    alignas(4096) dsm_barrier_t barrier;
    int met;
};

void init(dsm_mutex_t &mutex, int kind) {
    dsm_mutexattr_t attr;
    DSM_REQUIRE_EQUAL(dsm_mutexattr_init(&attr), 0);
    DSM_REQUIRE_EQUAL(dsm_mutexattr_settype(&attr, kind), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_init(&mutex, &attr), 0);
}

void test_normal(Shared &shared) {
    DSM_REQUIRE_EQUAL(dsm_mutexattr_init(nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_timedlock(&shared.normal, nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.normal), EPERM);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.normal), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.normal), EDEADLK);
    std::thread([&shared] { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.normal), EPERM); }).join();
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.normal), 0);
    dsm_barrier_all();
}

/// One rank has it, and no other rank may destroy it, wherever its token and its home are.
void test_destroy(Shared &shared) {
    for (int holder = 0; holder < dsm_size(); ++holder) {
        if (holder == dsm_rank()) { DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.normal), 0); }
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(dsm_mutex_destroy(&shared.normal), EBUSY);
        dsm_barrier_all();
        if (holder == dsm_rank()) { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.normal), 0); }
        dsm_barrier_all();
        if ((holder + 1) % dsm_size() == dsm_rank()) { DSM_REQUIRE_EQUAL(dsm_mutex_destroy(&shared.normal), 0); }
        dsm_barrier_all();
    }
}

void test_limit(Shared &shared) {
    constexpr int limit = (1 << 20) - 1;
    if (dsm_rank() == dsm_size() - 1) {
        init(shared.recursive, DSM_MUTEX_RECURSIVE);
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.recursive), 0);
        for (int i = 0; i < limit; ++i) { DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.recursive), 0); }
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.recursive), EAGAIN);
        DSM_REQUIRE_EQUAL(dsm_mutex_trylock(&shared.recursive), EAGAIN);
        for (int i = 0; i <= limit; ++i) { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.recursive), 0); }
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.recursive), EPERM);
    }
    dsm_barrier_all();
}

/// Ranks take turns in waiting with a mutex that they have locked three times.
void test_wait_releases_all(Shared &shared) {
    for (int lock = 0; lock < 3; ++lock) { DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.recursive), 0); }
    shared.stage = shared.stage + 1;
    DSM_REQUIRE_EQUAL(dsm_cond_broadcast(&shared.condition), 0);
    while (shared.stage < dsm_size()) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&shared.condition, &shared.recursive), 0); }
    for (int lock = 0; lock < 3; ++lock) { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.recursive), 0); }
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.recursive), EPERM);
    dsm_barrier_all();
}

/// Initialising again, without destroying, gives the new kind.
void test_init_again(Shared &shared) {
    for (int turn = 0; turn < 2 * dsm_size(); ++turn) {
        if (turn % dsm_size() == dsm_rank()) {
            init(shared.changed, turn % 2 == 0 ? DSM_MUTEX_RECURSIVE : DSM_MUTEX_ERRORCHECK);
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.changed), 0);
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.changed), turn % 2 == 0 ? 0 : EDEADLK);
            if (turn % 2 == 0) { DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.changed), 0); }
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.changed), 0);
        }
        dsm_barrier_all();
    }
}

/// Every second rank is of the team; the barrier becomes one of all ranks afterwards, without being destroyed.
void test_team(Shared &shared) {
    const dsm_team_t even{0, 2, (dsm_size() + 1) / 2};
    if (dsm_rank() == 0) {
        const dsm_team_t too_long{0, 2, dsm_size()};
        const dsm_team_t empty{0, 1, 0};
        const int expected = dsm_size() == 1 ? 0 : EINVAL;
        DSM_REQUIRE_EQUAL(dsm_barrier_init_team(&shared.barrier, &too_long, 1), expected);
        DSM_REQUIRE_EQUAL(dsm_barrier_init_team(&shared.barrier, &empty, 1), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_barrier_init_team(&shared.barrier, nullptr, 1), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_barrier_init_team(&shared.barrier, &even, 0), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_barrier_init_team(&shared.barrier, &even, 2), 0);
    }
    dsm_barrier_all();
    const auto wait = [&shared] {
        const int code = dsm_barrier_wait(&shared.barrier);
        DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
    };
    if (dsm_rank() % 2 == 1) {
        DSM_REQUIRE_EQUAL(dsm_barrier_wait(&shared.barrier), EPERM);
    } else {
        for (int round = 0; round < 20; ++round) {
            std::thread second(wait);
            wait();
            second.join();
        }
    }
    dsm_barrier_all();
    if (dsm_rank() == 0) {
        DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared.barrier, nullptr, static_cast<unsigned>(dsm_size())), 0);
    }
    dsm_barrier_all();
    wait();
}

} // namespace

int main() {
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_normal(*shared);
    test_destroy(*shared);
    test_limit(*shared);
    test_wait_releases_all(*shared);
    test_init_again(*shared);
    test_team(*shared);
    return dsm_test::finish("kinds");
}
