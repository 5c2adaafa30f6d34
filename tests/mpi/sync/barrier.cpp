// Barriers: of all ranks, counted over threads of all ranks, zeroed; nobody passes early; one serial thread.
#include "tests/mpi/support/job.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace {

constexpr int threads = 3;
constexpr std::size_t callers_max = 64;
constexpr std::uint32_t rounds_checked = 16; ///< one round of so many: looking costs more than the barrier

struct Shared {
    alignas(4096) std::array<std::uint32_t, callers_max> round_of; ///< where each caller is
    alignas(4096) dsm_atomic_t serial;
    alignas(4096) dsm_barrier_t zeroed;
    dsm_barrier_t counted;
    dsm_barrier_t bad;
};

std::atomic<std::uint32_t> serial_here{0}; ///< how often a thread of this rank was the serial one

/// Between two barriers everybody is in the same round.
void check_round(const Shared &shared, std::size_t callers, std::uint32_t round) {
    for (std::size_t caller = 0; caller < callers; ++caller) { DSM_REQUIRE_EQUAL(shared.round_of[caller], round); }
}

void test_all(Shared &shared, std::uint32_t rounds) {
    const auto self = static_cast<std::size_t>(dsm_rank());
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        const bool checked = round % rounds_checked == 0;
        if (checked) { shared.round_of[self] = round; }
        DSM_REQUIRE_EQUAL(dsm_barrier_all(), self == 0 ? DSM_BARRIER_SERIAL_THREAD : 0);
        if (checked) { check_round(shared, static_cast<std::size_t>(dsm_size()), round); }
        DSM_REQUIRE_EQUAL(dsm_barrier_all(), self == 0 ? DSM_BARRIER_SERIAL_THREAD : 0);
    }
}

void pass(dsm_barrier_t &barrier) {
    const int code = dsm_barrier_wait(&barrier);
    DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
    if (code == DSM_BARRIER_SERIAL_THREAD) { ++serial_here; }
}

/// `caller` of `callers` threads, in any ranks.
void test_counted(Shared &shared, dsm_barrier_t &barrier, std::size_t caller, std::size_t callers,
                  std::uint32_t rounds) {
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        const bool checked = round % rounds_checked == 0;
        if (checked) { shared.round_of[caller] = round; }
        pass(barrier);
        if (checked) { check_round(shared, callers, round); }
        pass(barrier);
    }
}

void reset(Shared &shared, std::uint32_t serial) {
    dsm_atomic_fetch_add(&shared.serial, serial_here.exchange(0), __ATOMIC_SEQ_CST);
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(dsm_atomic_load(&shared.serial, __ATOMIC_SEQ_CST), serial);
    dsm_barrier_all();
    if (dsm_rank() == 0) {
        shared.round_of.fill(0);
        dsm_atomic_store(&shared.serial, 0, __ATOMIC_SEQ_CST);
    }
    dsm_barrier_all();
}

void test_error_codes(Shared &shared) {
    dsm_barrier_t outside = DSM_BARRIER_INITIALIZER;
    DSM_REQUIRE_EQUAL(dsm_barrier_init(&outside, nullptr, 1), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_barrier_wait(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_barrier_wait(nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_barrier_destroy(&outside), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared.bad, nullptr, 0), EINVAL);
    dsm_barrier_all();
    if (dsm_rank() == 0) {
        DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared.bad, nullptr, 1), 0);
        DSM_REQUIRE_EQUAL(dsm_barrier_wait(&shared.bad), DSM_BARRIER_SERIAL_THREAD);
        DSM_REQUIRE_EQUAL(dsm_barrier_wait(&shared.bad), DSM_BARRIER_SERIAL_THREAD);
        DSM_REQUIRE_EQUAL(dsm_barrier_destroy(&shared.bad), 0);
        DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared.bad, nullptr, 2), 0);
        std::thread waiter([&shared] { DSM_REQUIRE(dsm_barrier_wait(&shared.bad) <= 0); });
        while (dsm_barrier_destroy(&shared.bad) != EBUSY) { ::usleep(100); }
        DSM_REQUIRE(dsm_barrier_wait(&shared.bad) <= 0);
        waiter.join();
    }
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    const auto rounds = static_cast<std::uint32_t>(dsm_test::option(argc, argv, "--rounds", 1000));
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    const auto ranks = static_cast<std::size_t>(dsm_size());
    const auto self = static_cast<std::size_t>(dsm_rank());
    DSM_REQUIRE(ranks * threads <= callers_max);
    test_error_codes(*shared);
    test_all(*shared, rounds);
    reset(*shared, 0);
    test_counted(*shared, shared->zeroed, self, ranks, rounds);
    reset(*shared, 2 * rounds);
    if (self == 0) {
        DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared->counted, nullptr, static_cast<unsigned>(ranks * threads)), 0);
    }
    dsm_barrier_all();
    std::vector<std::thread> workers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        workers.emplace_back([&, thread] {
            test_counted(*shared, shared->counted, self * threads + thread, ranks * threads, rounds / 2);
        });
    }
    for (std::thread &worker : workers) { worker.join(); }
    reset(*shared, rounds / 2 * 2);
    return dsm_test::finish("barrier");
}
