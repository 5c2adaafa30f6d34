// dsm_cond_t: producers and consumers over ranks, broadcast, no wake-up lost, error codes.
#include "tests/mpi/support/job.hpp"

#include <array>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t room = 8;

/// A bounded queue, as in every book on monitors (Hoare 1974).
struct Queue {
    dsm_mutex_t mutex;
    dsm_cond_t not_empty;
    dsm_cond_t not_full;
    std::array<std::uint64_t, room> items;
    std::uint64_t taken;
    std::uint64_t put;
};

struct Shared {
    alignas(4096) Queue queue;
    alignas(4096) dsm_mutex_t mutex;
    dsm_cond_t changed;
    std::uint64_t turn;
    std::uint64_t waiting;
    std::uint64_t opened;
    alignas(4096) std::array<std::uint64_t, 16> sums; ///< of each rank's consumer
    alignas(4096) dsm_cond_t unused;
};

void produce(Queue &queue, std::uint64_t item) {
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&queue.mutex), 0);
    while (queue.put - queue.taken == room) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&queue.not_full, &queue.mutex), 0); }
    queue.items[queue.put % room] = item;
    queue.put = queue.put + 1;
    DSM_REQUIRE_EQUAL(dsm_cond_signal(&queue.not_empty), 0);
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&queue.mutex), 0);
}

std::uint64_t consume(Queue &queue) {
    DSM_REQUIRE_EQUAL(dsm_mutex_lock(&queue.mutex), 0);
    while (queue.put == queue.taken) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&queue.not_empty, &queue.mutex), 0); }
    const std::uint64_t item = queue.items[queue.taken % room];
    queue.taken = queue.taken + 1;
    // Outside the mutex, which is allowed as well.
    DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&queue.mutex), 0);
    DSM_REQUIRE_EQUAL(dsm_cond_signal(&queue.not_full), 0);
    return item;
}

/// Every rank produces with one thread and consumes with another; each item arrives once.
void test_queue(Shared &shared, std::uint64_t items) {
    const auto self = static_cast<std::uint64_t>(dsm_rank());
    const auto ranks = static_cast<std::uint64_t>(dsm_size());
    std::thread producer([&] {
        for (std::uint64_t item = 0; item < items; ++item) { produce(shared.queue, self * items + item + 1); }
    });
    std::uint64_t sum = 0;
    for (std::uint64_t item = 0; item < items; ++item) { sum += consume(shared.queue); }
    producer.join();
    shared.sums[self] = sum;
    dsm_barrier_all();
    std::uint64_t all = 0;
    for (const std::uint64_t one : shared.sums) { all += one; }
    DSM_REQUIRE_EQUAL(all, ranks * items * (ranks * items + 1) / 2);
    DSM_REQUIRE_EQUAL(shared.queue.put, shared.queue.taken);
}

/// The ranks take turns: each waits for its number and wakes all others. A wake-up that is lost stops everything.
void test_turns(Shared &shared, std::uint64_t rounds) {
    const auto self = static_cast<std::uint64_t>(dsm_rank());
    const auto ranks = static_cast<std::uint64_t>(dsm_size());
    for (std::uint64_t round = 0; round < rounds; ++round) {
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
        while (shared.turn % ranks != self) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&shared.changed, &shared.mutex), 0); }
        DSM_REQUIRE_EQUAL(shared.turn, round * ranks + self);
        shared.turn = shared.turn + 1;
        DSM_REQUIRE_EQUAL(dsm_cond_broadcast(&shared.changed), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
    }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(shared.turn, rounds * ranks);
}

/// One broadcast wakes all who wait: several threads of every rank wait at a gate that rank 0 opens.
void test_broadcast(Shared &shared, std::uint64_t rounds) {
    constexpr std::uint64_t threads = 3;
    const std::uint64_t everybody = threads * static_cast<std::uint64_t>(dsm_size());
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        std::vector<std::thread> waiters;
        for (std::uint64_t thread = 0; thread < threads; ++thread) {
            waiters.emplace_back([&shared, round] {
                DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
                shared.waiting = shared.waiting + 1;
                while (shared.opened < round) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&shared.changed, &shared.mutex), 0); }
                DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
            });
        }
        for (bool open = dsm_rank() != 0; !open; ::usleep(100)) {
            DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
            if (shared.waiting == everybody * round) {
                shared.opened = round;
                open = true;
                DSM_REQUIRE_EQUAL(dsm_cond_broadcast(&shared.changed), 0);
            }
            DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
        }
        for (std::thread &waiter : waiters) { waiter.join(); }
        dsm_barrier_all();
    }
}

void test_error_codes(Shared &shared) {
    dsm_cond_t outside = DSM_COND_INITIALIZER;
    DSM_REQUIRE_EQUAL(dsm_cond_init(&outside, nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_cond_signal(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_cond_broadcast(nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_cond_wait(&outside, &shared.mutex), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_cond_wait(&shared.unused, &shared.mutex), EPERM);
    DSM_REQUIRE_EQUAL(dsm_cond_signal(&shared.unused), 0);
    DSM_REQUIRE_EQUAL(dsm_cond_broadcast(&shared.unused), 0);
    DSM_REQUIRE_EQUAL(dsm_cond_destroy(&shared.unused), 0);
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    const std::uint64_t items = dsm_test::option(argc, argv, "--items", 300);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_error_codes(*shared);
    test_queue(*shared, items);
    test_turns(*shared, items);
    test_broadcast(*shared, 5);
    return dsm_test::finish("condition");
}
