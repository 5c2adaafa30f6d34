// Every lock type of dsm.hpp with the standard's guards and clocks, between threads of all ranks.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;
constexpr auto long_enough = 1h; // never waited for to the end
constexpr auto short_time = 2ms;

struct Shared {
    using dsm_shareable = Shared;
    dsm::mutex mutex;
    dsm::timed_mutex timed;
    dsm::recursive_mutex recursive;
    dsm::recursive_timed_mutex recursive_timed;
    dsm::shared_mutex readers;
    dsm::shared_timed_mutex timed_readers;
    dsm::condition_variable changed;
    dsm::condition_variable_any any_changed;
    dsm::once_flag once, once_failing;
    long value;
    long turn;
    long opened;
};

/// A clock that no POSIX clock stands for.
struct OwnClock {
    using duration = std::chrono::microseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<OwnClock>;
    static constexpr bool is_steady = true;
    static time_point now() {
        return time_point(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
    }
};

template <class Call> bool in_another_thread(Call call) {
    bool result = false;
    std::thread([&] { result = call(); }).join();
    return result;
}

void expect_sum(Shared &shared, long rounds) {
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.value, rounds * dsm::size());
    dsm::barrier_all();
    if (dsm::rank() == 0) { shared.value = 0; }
    dsm::barrier_all();
}

template <class Mutex> void test_guards(Shared &shared, Mutex &mutex) {
    constexpr long rounds = 60;
    for (long round = 0; round < rounds; ++round) {
        if (round % 3 == 0) {
            const std::lock_guard lock(mutex);
            shared.value = shared.value + 1;
        } else if (round % 3 == 1) {
            std::unique_lock lock(mutex, std::try_to_lock);
            if (!lock) { lock.lock(); }
            shared.value = shared.value + 1;
        } else {
            dsm::mutex &other = shared.mutex;
            if (static_cast<void *>(&mutex) == &other) {
                const std::scoped_lock lock(mutex);
                shared.value = shared.value + 1;
            } else {
                const std::scoped_lock lock(mutex, other);
                shared.value = shared.value + 1;
            }
        }
    }
    expect_sum(shared, rounds);
}

template <class Mutex> void test_time_limits(Mutex &mutex) {
    if (dsm::rank() == 0) {
        {
            std::unique_lock lock(mutex, long_enough);
            DSM_REQUIRE(lock.owns_lock());
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock(); }));
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock_for(short_time); }));
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock_for(-1h); }));
            DSM_REQUIRE(!in_another_thread(
                [&] { return mutex.try_lock_until(std::chrono::system_clock::now() + short_time); }));
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock_until(OwnClock::now() + short_time); }));
        }
        DSM_REQUIRE(mutex.try_lock_until(std::chrono::steady_clock::time_point::max()));
        mutex.unlock();
        DSM_REQUIRE(mutex.try_lock_for(std::chrono::hours::max()));
        mutex.unlock();
        DSM_REQUIRE(mutex.try_lock_for(std::chrono::duration<double>(1e300)));
        mutex.unlock();
    }
    dsm::barrier_all();
}

/// The memory was zeroed and no constructor has run.
template <class Mutex> void test_recursion(Shared &shared, Mutex &mutex) {
    for (int round = 0; round < 20; ++round) {
        const std::lock_guard first(mutex);
        DSM_REQUIRE(mutex.try_lock());
        const std::lock_guard second(mutex, std::adopt_lock);
        const std::lock_guard third(mutex);
        shared.value = shared.value + 1;
        if (round == 0) {
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock(); }));
        }
    }
    expect_sum(shared, 20);
}

template <class Mutex> void test_readers(Shared &shared, Mutex &mutex) {
    for (int round = 0; round < 30; ++round) {
        if (round % 3 == 0) {
            const std::unique_lock lock(mutex);
            shared.value = shared.value + 1;
        } else {
            const std::shared_lock lock(mutex);
            DSM_REQUIRE(in_another_thread([&] {
                if (!mutex.try_lock_shared()) { return true; } // a writer waits
                mutex.unlock_shared();
                return true;
            }));
            DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock(); }));
        }
    }
    expect_sum(shared, 10);
}

void test_timed_readers(dsm::shared_timed_mutex &mutex) {
    if (dsm::rank() == 0) {
        const std::unique_lock lock(mutex);
        DSM_REQUIRE(!in_another_thread([&] { return mutex.try_lock_shared_for(short_time); }));
        DSM_REQUIRE(!in_another_thread(
            [&] { return std::shared_lock(mutex, std::chrono::system_clock::now() + short_time).owns_lock(); }));
    }
    dsm::barrier_all();
    DSM_REQUIRE(std::shared_lock(mutex, long_enough).owns_lock());
    dsm::barrier_all();
}

/// Ranks take turns, waiting in each of the ways.
void test_conditions(Shared &shared) {
    const auto is_ours = [&shared] { return shared.turn % dsm::size() == dsm::rank(); };
    for (int round = 0; round < 30; ++round) {
        if (round % 3 == 0) {
            std::unique_lock lock(shared.mutex);
            shared.changed.wait(lock, is_ours);
        } else if (round % 3 == 1) {
            std::unique_lock lock(shared.mutex);
            DSM_REQUIRE(shared.changed.wait_for(lock, long_enough, is_ours));
        } else {
            std::unique_lock lock(shared.mutex);
            DSM_REQUIRE(shared.changed.wait_until(lock, std::chrono::system_clock::now() + long_enough, is_ours));
        }
        const std::lock_guard lock(shared.mutex); // nobody else's turn comes in between
        DSM_REQUIRE_EQUAL(shared.turn, round * dsm::size() + dsm::rank());
        shared.turn = shared.turn + 1;
        shared.changed.notify_all();
    }
    dsm::barrier_all();
    std::unique_lock lock(shared.mutex);
    DSM_REQUIRE(!shared.changed.wait_for(lock, short_time, [] { return false; }));
    while (shared.changed.wait_until(lock, OwnClock::now() + short_time) != std::cv_status::timeout) {}
    lock.unlock();
    dsm::barrier_all();
    if (dsm::rank() == 0) { shared.turn = 0; }
    dsm::barrier_all();
}

void test_any_condition(Shared &shared) {
    for (int round = 0; round < 10; ++round) {
        {
            std::shared_lock lock(shared.readers);
            shared.any_changed.wait(lock, [&shared] { return shared.turn % dsm::size() == dsm::rank(); });
        }
        {
            const std::unique_lock lock(shared.readers);
            DSM_REQUIRE_EQUAL(shared.turn, round * dsm::size() + dsm::rank());
            shared.turn = shared.turn + 1;
        }
        shared.any_changed.notify_all();
    }
    std::unique_lock lock(shared.timed);
    DSM_REQUIRE(!shared.any_changed.wait_for(lock, short_time, [] { return false; }));
    DSM_REQUIRE(lock.owns_lock());
    lock.unlock();
    dsm::barrier_all();
}

struct Counters {
    using dsm_shareable = Counters;
    explicit Counters(int ranks) : semaphore(0), start(1), all(ranks), barrier(static_cast<unsigned>(ranks)) {}
    dsm::counting_semaphore<100> semaphore;
    dsm::latch start, all;
    dsm::barrier barrier;
};

void test_counters(Shared &shared) {
    if (dsm::rank() == 0) { dsm::publish("counters", dsm::create<Counters>(dsm::size())); }
    auto &counters = *dsm::lookup_wait<Counters>("counters");
    if (dsm::rank() == 0) {
        DSM_REQUIRE(!counters.semaphore.try_acquire());
        DSM_REQUIRE(!counters.semaphore.try_acquire_for(short_time));
        DSM_REQUIRE(!counters.start.try_wait());
        counters.semaphore.release(2 * dsm::size());
        counters.start.count_down();
    }
    counters.start.wait();
    counters.semaphore.acquire();
    DSM_REQUIRE(counters.semaphore.try_acquire_for(long_enough));
    {
        const std::lock_guard lock(shared.mutex);
        shared.value = shared.value + 1;
    }
    counters.all.arrive_and_wait();
    DSM_REQUIRE(counters.all.try_wait());
    DSM_REQUIRE_EQUAL(shared.value, dsm::size());
    DSM_REQUIRE(!counters.semaphore.try_acquire());
    counters.barrier.arrive_and_wait();
    if (dsm::rank() == 0) { shared.value = 0; }
    dsm::barrier_all();
    if (dsm::rank() == 0) { dsm::destroy(&counters); }
}

void test_once(Shared &shared) {
    for (int round = 0; round < 3; ++round) {
        dsm::call_once(
            shared.once, [&shared](int by) { shared.opened = shared.opened + by; }, 1);
        DSM_REQUIRE_EQUAL(shared.opened, 1);
    }
    dsm::barrier_all();
    // The first who comes throws, the second succeeds.
    int thrown = 0;
    try {
        dsm::call_once(shared.once_failing, [&shared] {
            shared.value = shared.value + 1;
            if (shared.value == 1) { throw std::runtime_error("the first"); }
        });
    } catch (const std::runtime_error &) { ++thrown; }
    {
        const std::lock_guard lock(shared.mutex);
        shared.opened = shared.opened + thrown;
    }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.opened, 2);
    DSM_REQUIRE_EQUAL(shared.value, dsm::size() == 1 ? 1 : 2);
    dsm::barrier_all();
}

} // namespace

int main() {
    const dsm::runtime runtime;
    Shared &shared = dsm::alloc_array<Shared>(1)[0];
    test_guards(shared, shared.mutex);
    test_guards(shared, shared.timed);
    test_guards(shared, shared.recursive);
    test_guards(shared, shared.readers);
    test_recursion(shared, shared.recursive);
    test_recursion(shared, shared.recursive_timed);
    test_time_limits(shared.timed);
    test_time_limits(shared.recursive_timed);
    test_time_limits(shared.timed_readers);
    test_readers(shared, shared.readers);
    test_timed_readers(shared.timed_readers);
    test_conditions(shared);
    test_any_condition(shared);
    test_counters(shared);
    test_once(shared);
    if (dsm::rank() == 0) { std::puts("locks: passed"); }
    return 0;
}
