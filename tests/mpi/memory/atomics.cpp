// std::atomic<long> in shared pages, incremented by all threads of all ranks, ends at the exact sum.
#include "tests/mpi/support/job.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

struct Counters {
    std::atomic<long> added;
    std::atomic<long> exchanged; ///< the same with compare_exchange
    std::atomic<std::uint8_t> byte;
    alignas(4096) std::atomic<long> alone; ///< in a page of its own
};

constexpr int threads = 2;

void work(Counters &counters, long rounds) {
    for (long round = 0; round < rounds; ++round) {
        counters.added.fetch_add(1);
        long seen = counters.exchanged.load();
        while (!counters.exchanged.compare_exchange_weak(seen, seen + 2)) {}
        counters.byte.fetch_add(1);
        counters.alone.fetch_add(3, std::memory_order_relaxed);
    }
}

} // namespace

int main(int argc, char **argv) {
    const auto rounds = static_cast<long>(dsm_test::option(argc, argv, "--rounds", 2000));
    dsm_test::start(dsm_init());
    auto *counters = dsm_test::shared<Counters>();
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads; ++thread) {
        workers.emplace_back([counters, rounds] { work(*counters, rounds); });
    }
    for (std::thread &worker : workers) { worker.join(); }
    dsm_barrier_all();
    const long turns = rounds * threads * dsm_size();
    DSM_REQUIRE_EQUAL(counters->added.load(), turns);
    DSM_REQUIRE_EQUAL(counters->exchanged.load(), 2 * turns);
    DSM_REQUIRE_EQUAL(counters->byte.load(), turns & 0xff);
    DSM_REQUIRE_EQUAL(counters->alone.load(), 3 * turns);
    return dsm_test::finish("atomics");
}
