// dsm_sem_t: a bounded resource, a bounded buffer, time limits that race with posts, error codes, initialising again.
#include "tests/mpi/sync/home_support.hpp"

#include <array>
#include <climits>

namespace {

using dsm_test::far_ns;
using dsm_test::from_now;
using dsm_test::in_threads;

constexpr unsigned resources = 3;
constexpr std::size_t places = 8;

struct Shared {
    alignas(4096) dsm_sem_t codes;
    alignas(4096) dsm_sem_t resource;
    std::array<dsm_sem_t, 50> many;
    alignas(4096) dsm_mutex_t mutex; ///< of all that follows
    std::uint64_t taken;
    std::uint64_t turns;
    alignas(4096) dsm_sem_t free_places;
    dsm_sem_t full_places;
    alignas(4096) std::array<std::uint64_t, places> buffer;
    std::uint64_t put_at, get_at, sum;
};

int value_of(dsm_sem_t *sem) {
    int value = -1;
    DSM_REQUIRE_EQUAL(dsm_sem_getvalue(sem, &value), 0);
    return value;
}

void test_arguments(dsm_sem_t *sem) {
    dsm_sem_t outside = DSM_SEM_INITIALIZER;
    const timespec later = from_now(CLOCK_REALTIME, far_ns);
    int value = 17;
    for (dsm_sem_t *wrong : {&outside, static_cast<dsm_sem_t *>(nullptr)}) {
        DSM_REQUIRE_EQUAL(dsm_sem_init(wrong, 1), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_destroy(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_wait(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_trywait(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_timedwait(wrong, &later), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_post(wrong), EINVAL);
        DSM_REQUIRE_EQUAL(dsm_sem_getvalue(wrong, &value), EINVAL);
    }
    DSM_REQUIRE_EQUAL(value, 17);
    DSM_REQUIRE_EQUAL(dsm_sem_getvalue(sem, nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_sem_init(sem, unsigned{INT_MAX} + 1), EINVAL);
    dsm_test::require_time_checked([=](const timespec *at) { return dsm_sem_timedwait(sem, at); },
                                   [=](int clock, const timespec *at) { return dsm_sem_clockwait(sem, clock, at); });
}

/// Every rank in turn gives it a new value and does all that one thread can.
void test_error_codes(dsm_sem_t *sem) {
    test_arguments(sem);
    dsm_barrier_all();
    for (int turn = 0; turn < 2 * dsm_size(); ++turn) {
        if (turn % dsm_size() == dsm_rank()) {
            const timespec past = from_now(CLOCK_REALTIME, -far_ns);
            DSM_REQUIRE_EQUAL(value_of(sem), turn == 0 ? 0 : DSM_SEM_VALUE_MAX);
            DSM_REQUIRE_EQUAL(dsm_sem_init(sem, 2), 0);
            DSM_REQUIRE_EQUAL(value_of(sem), 2);
            DSM_REQUIRE_EQUAL(dsm_sem_timedwait(sem, &past), 0); // at once, so the time is of no matter
            DSM_REQUIRE_EQUAL(dsm_sem_trywait(sem), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_trywait(sem), EAGAIN);
            DSM_REQUIRE_EQUAL(dsm_sem_timedwait(sem, &past), ETIMEDOUT);
            const timespec soon = from_now(CLOCK_MONOTONIC, 2000000);
            DSM_REQUIRE_EQUAL(dsm_sem_clockwait(sem, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
            DSM_REQUIRE_EQUAL(dsm_sem_post(sem), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_wait(sem), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_destroy(sem), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_init(sem, DSM_SEM_VALUE_MAX), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_post(sem), EOVERFLOW);
        }
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(value_of(sem), DSM_SEM_VALUE_MAX);
        dsm_barrier_all();
    }
}

/// A thread waits; then it is destroyed, initialised anew, and used, which all is refused until nobody waits.
void test_initialised_while_waited_for(dsm_sem_t *sem) {
    if (dsm_rank() == 0) { DSM_REQUIRE_EQUAL(dsm_sem_init(sem, 0), 0); }
    dsm_barrier_all();
    if (dsm_rank() == dsm_size() - 1) {
        std::thread waiter([sem] { DSM_REQUIRE_EQUAL(dsm_sem_wait(sem), 0); });
        while (dsm_sem_destroy(sem) != EBUSY) { std::this_thread::yield(); }
        const dsm_sem_t before = *sem;
        DSM_REQUIRE_EQUAL(dsm_sem_init(sem, 5), 0);
        DSM_REQUIRE_EQUAL(dsm_sem_post(sem), EBUSY);
        DSM_REQUIRE_EQUAL(dsm_sem_trywait(sem), EBUSY);
        const dsm_sem_t after = *sem;
        *sem = before;
        DSM_REQUIRE_EQUAL(dsm_sem_post(sem), 0);
        waiter.join();
        *sem = after;
        DSM_REQUIRE_EQUAL(value_of(sem), 5);
    }
    dsm_barrier_all();
}

void count(Shared &shared, int change) {
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
    shared.taken = shared.taken + static_cast<std::uint64_t>(change);
    DSM_REQUIRE(shared.taken <= resources);
    if (change > 0) { shared.turns = shared.turns + 1; }
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
}

int take_in_some_way(dsm_sem_t *sem, dsm_test::Random &random) {
    const std::uint64_t way = random.below(4);
    if (way == 0) { return dsm_sem_trywait(sem); }
    if (way == 1) { return dsm_sem_wait(sem); }
    const int clock = way == 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    const timespec at = from_now(clock, static_cast<long>(random.below(200)) * 1000);
    return way == 2 ? dsm_sem_clockwait(sem, clock, &at) : dsm_sem_timedwait(sem, &at);
}

void test_resource(Shared &shared, std::uint64_t rounds) {
    if (dsm_rank() == 0) {
        DSM_REQUIRE_EQUAL(dsm_sem_init(&shared.resource, resources), 0);
        for (dsm_sem_t &sem : shared.many) { DSM_REQUIRE_EQUAL(dsm_sem_init(&sem, 0), 0); }
    }
    dsm_barrier_all();
    in_threads([&](dsm_test::Random &random) {
        for (std::uint64_t done = 0; done < rounds;) {
            const int code = take_in_some_way(&shared.resource, random);
            DSM_REQUIRE(code == 0 || code == EAGAIN || code == ETIMEDOUT);
            if (code != 0) { continue; }
            count(shared, 1);
            count(shared, -1);
            DSM_REQUIRE_EQUAL(dsm_sem_post(&shared.resource), 0);
            DSM_REQUIRE_EQUAL(dsm_sem_post(&shared.many[random.below(shared.many.size())]), 0);
            ++done;
        }
    });
    dsm_barrier_all();
    const std::uint64_t turns = rounds * dsm_test::threads_of_job();
    DSM_REQUIRE_EQUAL(shared.turns, turns);
    DSM_REQUIRE_EQUAL(value_of(&shared.resource), resources);
    std::uint64_t many = 0;
    for (dsm_sem_t &sem : shared.many) { many += static_cast<std::uint64_t>(value_of(&sem)); }
    DSM_REQUIRE_EQUAL(many, turns);
    dsm_barrier_all();
}

void put(Shared &shared, std::uint64_t goods) {
    DSM_REQUIRE_EQUAL(dsm_sem_wait(&shared.free_places), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
    shared.buffer[shared.put_at % places] = goods;
    shared.put_at = shared.put_at + 1;
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
    DSM_REQUIRE_EQUAL(dsm_sem_post(&shared.full_places), 0);
}

void get(Shared &shared) {
    DSM_REQUIRE_EQUAL(dsm_sem_wait(&shared.full_places), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
    DSM_REQUIRE(shared.get_at < shared.put_at && shared.put_at - shared.get_at <= places);
    shared.sum = shared.sum + shared.buffer[shared.get_at % places];
    shared.get_at = shared.get_at + 1;
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
    DSM_REQUIRE_EQUAL(dsm_sem_post(&shared.free_places), 0);
}

/// Each thread puts and gets as often; between threads of all ranks, through eight places.
void test_buffer(Shared &shared, std::uint64_t rounds) {
    if (dsm_rank() == 0) {
        DSM_REQUIRE_EQUAL(dsm_sem_init(&shared.free_places, places), 0);
        DSM_REQUIRE_EQUAL(dsm_sem_init(&shared.full_places, 0), 0);
    }
    dsm_barrier_all();
    in_threads([&](dsm_test::Random &) {
        for (std::uint64_t round = 1; round <= rounds; ++round) {
            put(shared, round);
            get(shared);
        }
    });
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(shared.sum, rounds * (rounds + 1) / 2 * dsm_test::threads_of_job());
    DSM_REQUIRE_EQUAL(value_of(&shared.free_places), places);
    DSM_REQUIRE_EQUAL(value_of(&shared.full_places), 0);
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 60);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_error_codes(&shared->codes);
    test_initialised_while_waited_for(&shared->codes);
    test_resource(*shared, rounds);
    test_buffer(*shared, rounds);
    return dsm_test::finish("semaphore");
}
