// Spans in a tree of nodes: all nodes look one up at once, it grows, shrinks and is freed, and its addresses are used
// again, round after round; and what all ranks allocate together.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.h>

#include <cerrno>
#include <cstddef>

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr int rounds = 12;

struct Shared {
    int *block;
    std::size_t ints;
};

/// The allocating rank moves round, so that look-ups come from and end at every place of the tree.
void allocate_and_tell(Shared &shared, int allocator, std::size_t bytes, int value) {
    if (dsm_rank() == allocator) {
        shared.block = static_cast<int *>(dsm_malloc(bytes));
        DSM_REQUIRE(shared.block != nullptr);
        shared.ints = bytes / sizeof(int);
        shared.block[0] = value;
        shared.block[shared.ints - 1] = value + 1;
    }
    dsm_barrier_all();
}

/// Everybody looks the block up for the first time, at the same moment.
void expect_values(const Shared &shared, int value) {
    DSM_REQUIRE_EQUAL(shared.block[0], value);
    DSM_REQUIRE_EQUAL(shared.block[shared.ints - 1], value + 1);
    dsm_barrier_all();
}

/// A node that remembers the shorter block stands on the way of one that wants what was added.
void test_growth(Shared &shared, int changer, int value) {
    if (dsm_rank() == changer) {
        const std::size_t bytes = 2 * shared.ints * sizeof(int);
        auto *grown = static_cast<int *>(dsm_realloc(shared.block, bytes));
        DSM_REQUIRE(grown != nullptr);
        shared.block = grown;
        shared.ints = bytes / sizeof(int);
        grown[shared.ints - 1] = value + 1;
    }
    dsm_barrier_all();
    expect_values(shared, value);
}

void test_shrinking(Shared &shared, int changer, int value) {
    if (dsm_rank() == changer) {
        const std::size_t bytes = 2 * mebibyte;
        shared.block = static_cast<int *>(dsm_realloc(shared.block, bytes));
        DSM_REQUIRE(shared.block != nullptr);
        shared.ints = bytes / sizeof(int);
        shared.block[shared.ints - 1] = value + 1;
    }
    dsm_barrier_all();
    expect_values(shared, value);
}

/// One rank, also one far down the tree, asks for something else: all are refused, and the next time all get it.
void test_collective(int odd_one) {
    const std::size_t bytes = dsm_rank() == odd_one ? 8192 : 4096;
    errno = 0;
    DSM_REQUIRE(dsm_alloc(bytes, nullptr) == nullptr);
    DSM_REQUIRE_EQUAL(errno, EINVAL);
    auto *counts = static_cast<int *>(dsm_alloc(sizeof(int) * 64, nullptr));
    DSM_REQUIRE(counts != nullptr);
    counts[dsm_rank()] = odd_one + 1;
    dsm_barrier_all();
    for (int rank = 0; rank < dsm_size(); ++rank) { DSM_REQUIRE_EQUAL(counts[rank], odd_one + 1); }
    dsm_barrier_all();
    if (dsm_rank() == 0) { dsm_free(counts); }
}

} // namespace

int main() {
    DSM_REQUIRE_EQUAL(dsm_init(), 0);
    auto *shared = static_cast<Shared *>(dsm_alloc(sizeof(Shared), nullptr));
    DSM_REQUIRE(shared != nullptr);
    for (int round = 0; round < rounds; ++round) {
        const int value = 1000 * (round + 1);
        const int allocator = round * 5 % dsm_size();
        allocate_and_tell(*shared, allocator, 3 * mebibyte, value);
        expect_values(*shared, value);
        test_growth(*shared, (allocator + 1) % dsm_size(), value);
        test_shrinking(*shared, (allocator + 2) % dsm_size(), value);
        int *block = shared->block;
        dsm_barrier_all();
        if (dsm_rank() == (allocator + 3) % dsm_size()) { dsm_free(block); }
        // No barrier: the next block may get these addresses while nodes far down the tree still drop the last one.
    }
    dsm_barrier_all();
    for (int odd_one = 0; odd_one < dsm_size(); odd_one += 3) { test_collective(odd_one); }
    DSM_REQUIRE_EQUAL(dsm_finalize(), 0);
    return 0;
}
