// Threads of all ranks allocate, exchange blocks through shared slots, and free what they get.
#include "tests/mpi/memory/allocation.hpp"
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <array>
#include <dsm/dsm.hpp>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t slots = 64;
constexpr int threads = 4;
constexpr int steps = 100;

/// A block says its own size and writer, in its first words and in its last byte.
struct Header {
    std::uint64_t size;
    std::uint64_t check;
};

struct Slots {
    std::array<dsm::atomic<Header *>, slots> slot; ///< which hand over in release memory too
};

constexpr std::uint64_t magic = 0x10ca1b10c;

void retire(Header *block) {
    if (block == nullptr) { return; }
    DSM_REQUIRE_EQUAL(block->check, block->size ^ magic);
    DSM_REQUIRE_EQUAL(reinterpret_cast<unsigned char *>(block)[block->size - 1], block->size & 0xffU);
    block->check = 0;
    dsm_free(block);
}

void work(Slots &shared, std::uint64_t seed) {
    dsm_test::Random random(seed);
    for (int step = 0; step < steps; ++step) {
        const std::size_t size = sizeof(Header) + 1 + random.below(random.below(16) == 0 ? 100000 : 1000);
        auto *block = static_cast<Header *>(dsm_malloc(size));
        DSM_REQUIRE(block != nullptr);
        reinterpret_cast<unsigned char *>(block)[size - 1] = static_cast<unsigned char>(size);
        *block = {size, size ^ magic};
        retire(shared.slot[random.below(slots)].exchange(block));
    }
}

} // namespace

void test_threads() {
    auto *shared = dsm_test::shared<Slots>();
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads; ++thread) {
        const std::uint64_t seed =
            dsm_test::the_seed * 1000 + static_cast<std::uint64_t>(dsm_rank() * threads + thread);
        workers.emplace_back([shared, seed] { work(*shared, seed); });
    }
    for (std::thread &worker : workers) { worker.join(); }
    dsm_barrier_all();
    if (dsm_rank() == 0) {
        for (auto &slot : shared->slot) { retire(slot.exchange(nullptr)); }
    }
    dsm_barrier_all();
}
