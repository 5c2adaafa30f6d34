// Allocation across ranks: blocks freed by others, resized, zeroed, aligned; addresses that are used again; no memory.
#include "tests/mpi/memory/allocation.hpp"
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

namespace {

using dsm_test::Random;
using dsm_test::shared;

constexpr std::size_t blocks_per_rank = 64;

struct Block {
    unsigned char *bytes;
    std::size_t size;
};

struct Table {
    std::array<std::array<Block, blocks_per_rank>, 16> of_rank;
};

unsigned char pattern(std::size_t rank, std::size_t at) { return static_cast<unsigned char>(rank * 31 + at * 7 + 1); }

void fill(const Block &block, std::size_t rank) {
    for (std::size_t at = 0; at < block.size; ++at) { block.bytes[at] = pattern(rank, at); }
}

void check(const Block &block, std::size_t rank, std::size_t size) {
    for (std::size_t at = 0; at < size; ++at) { DSM_REQUIRE_EQUAL(block.bytes[at], pattern(rank, at)); }
}

/// Each rank allocates and fills; the next one checks, resizes half of the blocks, and frees all.
void test_freed_by_others(std::uint64_t round) {
    const auto self = static_cast<std::size_t>(dsm_rank());
    const auto ranks = static_cast<std::size_t>(dsm_size());
    Random random(dsm_test::the_seed + self * 100 + round);
    static Table *table = nullptr;
    if (table == nullptr) { table = shared<Table>(); }
    for (Block &block : table->of_rank[self]) {
        block.size = 1 + random.below(random.below(8) == 0 ? 40000 : 300);
        block.bytes = static_cast<unsigned char *>(dsm_malloc(block.size));
        DSM_REQUIRE(block.bytes != nullptr && reinterpret_cast<std::uintptr_t>(block.bytes) % 16 == 0);
        fill(block, self);
    }
    dsm_barrier_all();
    const std::size_t other = (self + 1) % ranks;
    for (std::size_t at = 0; at < blocks_per_rank; ++at) {
        Block block = table->of_rank[other][at];
        check(block, other, block.size);
        if (at % 2 == 0) {
            const std::size_t size = 1 + random.below(20000);
            block.bytes = static_cast<unsigned char *>(dsm_realloc(block.bytes, size));
            DSM_REQUIRE(block.bytes != nullptr);
            check(block, other, block.size < size ? block.size : size);
        }
        dsm_free(block.bytes);
    }
    dsm_barrier_all();
}

void test_zeroed_and_aligned() {
    auto *dirty = static_cast<unsigned char *>(dsm_malloc(5000));
    DSM_REQUIRE(dirty != nullptr);
    std::memset(dirty, 0xee, 5000);
    dsm_free(dirty);
    for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, std::size_t{3} << 20U}) {
        auto *zeroed = static_cast<unsigned char *>(dsm_calloc(size, 1));
        DSM_REQUIRE(zeroed != nullptr);
        for (std::size_t at = 0; at < size; ++at) { DSM_REQUIRE_EQUAL(zeroed[at], 0); }
        std::memset(zeroed, 0xdd, size);
        dsm_free(zeroed);
    }
    for (std::size_t alignment = 1; alignment <= (std::size_t{4} << 20U); alignment *= 2) {
        auto *block = static_cast<unsigned char *>(dsm_aligned_alloc(alignment, 100));
        DSM_REQUIRE(block != nullptr);
        DSM_REQUIRE_EQUAL(reinterpret_cast<std::uintptr_t>(block) % alignment, 0);
        std::memset(block, 1, 100);
        dsm_free(block);
    }
    errno = 0;
    DSM_REQUIRE(dsm_aligned_alloc(24, 100) == nullptr && errno == EINVAL);
    errno = 0;
    DSM_REQUIRE(dsm_aligned_alloc(0, 100) == nullptr && errno == EINVAL);
    void *none = dsm_malloc(0);
    void *nothing = dsm_malloc(0);
    DSM_REQUIRE(none != nullptr && nothing != nullptr && none != nothing);
    dsm_free(none);
    dsm_free(nothing);
    dsm_free(nullptr);
    void *from_null = dsm_realloc(nullptr, 10);
    DSM_REQUIRE(from_null != nullptr);
    dsm_free(from_null);
    dsm_barrier_all();
}

/// Addresses come back after a free; the memory behind them is zero again, at every rank.
void test_addresses_used_again() {
    constexpr std::size_t words = std::size_t{3} * 512;
    std::set<std::uintptr_t> before; // A freed span comes back when every node has let go: not always the next time.
    int same = 0;
    for (int round = 0; round < 20; ++round) {
        auto *memory = shared<std::uint64_t>(words);
        same += before.insert(reinterpret_cast<std::uintptr_t>(memory)).second ? 0 : 1;
        for (std::size_t at = 0; at < words; ++at) { DSM_REQUIRE_EQUAL(memory[at], 0); }
        dsm_barrier_all();
        for (auto at = static_cast<std::size_t>(dsm_rank()); at < words; at += static_cast<std::size_t>(dsm_size())) {
            memory[at] = 0xabcd0000 + at;
        }
        dsm_barrier_all();
        for (std::size_t at = 0; at < words; ++at) { DSM_REQUIRE_EQUAL(memory[at], 0xabcd0000 + at); }
        dsm_barrier_all();
        if (dsm_rank() == round % dsm_size()) { dsm_free(memory); }
        dsm_barrier_all();
    }
    DSM_REQUIRE(same > 0); // Otherwise nothing was tested.
}

/// A block of 64 MiB that every rank touches here and there.
void test_large() {
    constexpr std::size_t size = std::size_t{64} << 20U;
    struct Place {
        unsigned char *bytes;
    };
    auto *place = shared<Place>();
    if (dsm_rank() == 0) { place->bytes = static_cast<unsigned char *>(dsm_malloc(size)); }
    dsm_barrier_all();
    unsigned char *bytes = place->bytes;
    DSM_REQUIRE(bytes != nullptr);
    const auto self = static_cast<std::size_t>(dsm_rank());
    for (std::size_t at = self; at < size; at += size / 64) { bytes[at] = static_cast<unsigned char>(self + 1); }
    bytes[size - 1 - self] = static_cast<unsigned char>(self + 100);
    dsm_barrier_all();
    const std::size_t other = (self + 1) % static_cast<std::size_t>(dsm_size());
    for (std::size_t at = other; at < size; at += size / 64) { DSM_REQUIRE_EQUAL(bytes[at], other + 1); }
    DSM_REQUIRE_EQUAL(bytes[size - 1 - other], other + 100);
    dsm_barrier_all();
    if (self == 1 % static_cast<std::size_t>(dsm_size())) { dsm_free(bytes); }
    dsm_barrier_all();
}

/// Allocates until nothing is left, and frees it all. How many blocks there were.
std::size_t allocate_all() {
    constexpr std::size_t size = std::size_t{32} << 20U;
    constexpr std::size_t blocks_max = 4096;
    std::vector<void *> blocks;
    errno = 0;
    while (void *block = dsm_malloc(size)) {
        blocks.push_back(block);
        DSM_REQUIRE(blocks.size() < blocks_max);
    }
    DSM_REQUIRE_EQUAL(errno, ENOMEM);
    for (void *block : blocks) { dsm_free(block); }
    return blocks.size();
}

/// No memory is said, and after everything was freed there is as much again.
void test_no_memory() {
    errno = 0;
    DSM_REQUIRE(dsm_malloc(std::numeric_limits<std::size_t>::max() / 2) == nullptr && errno == ENOMEM);
    errno = 0;
    DSM_REQUIRE(dsm_calloc(std::size_t{1} << 40U, std::size_t{1} << 40U) == nullptr && errno == ENOMEM);
    errno = 0;
    DSM_REQUIRE(dsm_alloc(std::size_t{1} << 50U, nullptr) == nullptr && errno == ENOMEM);
    dsm_barrier_all();
    if (dsm_rank() == 0 && dsm_node_count() > 1) {
        const std::size_t count = allocate_all();
        DSM_REQUIRE(count > 0);
        // A free ends after dsm_free has returned: every node has to let go first.
        while (allocate_all() < count) {}
        void *small = dsm_malloc(100);
        DSM_REQUIRE(small != nullptr);
        dsm_free(small);
    }
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    dsm_test::start(dsm_init());
    for (std::uint64_t round = 0; round < 3; ++round) { test_freed_by_others(round); }
    test_zeroed_and_aligned();
    test_addresses_used_again();
    test_homes_and_blocks();
    test_large();
    test_resizing();
    test_no_memory();
    test_threads();
    return dsm_test::finish("allocation");
}
