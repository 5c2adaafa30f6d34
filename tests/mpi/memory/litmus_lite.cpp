// Three litmus tests between nodes, each variable in a page of its own: message passing, store buffering, and
// independent reads of independent writes. What sequential consistency forbids must not be seen in any round.
#include "tests/mpi/support/job.hpp"

#include <atomic>
#include <sched.h>

namespace {

struct Variables {
    alignas(4096) std::atomic<std::uint32_t> x;
    alignas(4096) std::atomic<std::uint32_t> y;
    alignas(4096) dsm_barrier_t barrier; ///< zeroed: for all ranks
};

/// What one reader saw in each round.
struct Seen {
    std::uint32_t first, second;
};

void message_passing(Variables &shared, std::uint32_t rounds) {
    if (dsm_rank() == 0) {
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            shared.x.store(round, std::memory_order_relaxed);
            shared.y.store(round, std::memory_order_release);
        }
    } else {
        for (std::uint32_t flag = 0; flag < rounds; ::sched_yield()) {
            flag = shared.y.load(std::memory_order_acquire);
            const std::uint32_t data = shared.x.load(std::memory_order_relaxed);
            if (data < flag) {
                dsm_test::fail(__FILE__, __LINE__, "message passing: data older than flag", data, flag);
            }
        }
    }
    dsm_barrier_all();
}

/// Rank 0 writes x and reads y, rank 1 writes y and reads x: one of them sees the other's write of this round.
void store_buffering(Variables &shared, Seen *seen, std::uint32_t rounds) {
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        dsm_barrier_wait(&shared.barrier);
        if (dsm_rank() == 0) {
            shared.x.store(round);
            seen[round].first = shared.y.load();
        } else if (dsm_rank() == 1) {
            shared.y.store(round);
            seen[round].second = shared.x.load();
        }
        dsm_barrier_wait(&shared.barrier);
        DSM_REQUIRE(seen[round].first == round || seen[round].second == round);
    }
}

/// Ranks 0 and 1 write x and y, ranks 2 and 3 read them in opposite orders: they agree on which came first.
void independent_reads(Variables &shared, Seen *seen, std::uint32_t rounds) {
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        Seen *mine = seen + 2 * round;
        dsm_barrier_wait(&shared.barrier);
        if (dsm_rank() == 0) { shared.x.store(round); }
        if (dsm_rank() == 1) { shared.y.store(round); }
        if (dsm_rank() == 2) {
            const std::uint32_t first = shared.x.load();
            mine[0] = {first, shared.y.load()};
        }
        if (dsm_rank() == 3) {
            const std::uint32_t first = shared.y.load();
            mine[1] = {first, shared.x.load()};
        }
        dsm_barrier_wait(&shared.barrier);
        const auto x_before_y = mine[0].first == round && mine[0].second != round;
        const auto y_before_x = mine[1].first == round && mine[1].second != round;
        DSM_REQUIRE(!(x_before_y && y_before_x));
    }
}

} // namespace

int main(int argc, char **argv) {
    const auto rounds = static_cast<std::uint32_t>(dsm_test::option(argc, argv, "--rounds", 1000));
    dsm_test::start(dsm_init());
    DSM_REQUIRE_EQUAL(dsm_size(), 4);
    message_passing(*dsm_test::shared<Variables>(), rounds);
    store_buffering(*dsm_test::shared<Variables>(), dsm_test::shared<Seen>(rounds + 1), rounds);
    independent_reads(*dsm_test::shared<Variables>(), dsm_test::shared<Seen>(2 * (rounds + 1)), rounds);
    return dsm_test::finish("litmus_lite");
}
