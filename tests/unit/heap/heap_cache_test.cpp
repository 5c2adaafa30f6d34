// Caches of threads over one heap: bounds, errors recognised in every state of a block, nothing lost between threads.
#include "libdsm/memory/heap_cache.hpp"
#include "sparse_memory.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 128;

struct Fixture {
    Fixture() {
        for (std::uint32_t chunk = 0; chunk < chunk_count; ++chunk) { heap.add_chunk({chunk}); }
    }
    SegmentOffset allocate(HeapCache &cache, std::size_t bytes) {
        const HeapBlock block = cache.allocate(size_class_of(bytes));
        EXPECT_EQ(block.status, HeapStatus::Ok);
        EXPECT_GE(block.bytes, bytes);
        return block.offset;
    }
    test::SparseMemory memory{NodeHeap::region_bytes(chunk_count)};
    NodeHeap heap{memory.base(), chunk_count, chunk_count};
};

TEST(HeapCache, AsksForAChunkWhenTheHeapHasNone) {
    const test::SparseMemory memory(NodeHeap::region_bytes(chunk_count));
    NodeHeap heap(memory.base(), chunk_count, 0);
    HeapCache cache(heap);
    EXPECT_EQ(cache.allocate(size_class_of(100)).status, HeapStatus::NeedChunk);
    heap.add_chunk({0});
    EXPECT_EQ(cache.allocate(size_class_of(100)).status, HeapStatus::Ok);
}

TEST(HeapCache, RecognisesAFreeOfABlockThatItHolds) {
    Fixture fixture;
    HeapCache cache(fixture.heap);
    HeapCache other(fixture.heap);
    for (std::size_t index = 0; index < size_class_count; ++index) {
        const SegmentOffset block = fixture.allocate(cache, class_bytes(index));
        EXPECT_EQ(cache.free_block(block + 8).status, HeapStatus::NotBlockStart);
        EXPECT_EQ(fixture.heap.find(block).status, HeapStatus::Ok);
        EXPECT_EQ(cache.free_block(block).status, HeapStatus::Ok);
        EXPECT_EQ(cache.free_block(block).status, HeapStatus::NotAllocated) << "held by this cache";
        EXPECT_EQ(other.free_block(block).status, HeapStatus::NotAllocated) << "held by another cache";
        EXPECT_EQ(fixture.heap.free_block(block).status, HeapStatus::NotAllocated);
        EXPECT_EQ(fixture.heap.find(block).status, HeapStatus::NotAllocated);
        EXPECT_EQ(fixture.heap.resize_in_place(block, 1), HeapStatus::NotAllocated);
        cache.give_back_all();
        EXPECT_EQ(cache.free_block(block).status, HeapStatus::NotAllocated) << "in its slab";
    }
    EXPECT_EQ(cache.free_block(chunk_count * chunk_bytes).status, HeapStatus::NotOurChunk);
    EXPECT_EQ(cache.free_block(~SegmentOffset{15}).status, HeapStatus::NotOurChunk);
}

TEST(HeapCache, RefusesBlocksThatItHasFetchedButNotHandedOut) {
    Fixture fixture;
    HeapCache cache(fixture.heap);
    const SegmentOffset block = fixture.allocate(cache, 64);
    std::size_t refused = 0;
    const SegmentOffset begin = offset_of(chunk_of(block));
    for (SegmentOffset at = begin; at < begin + chunk_bytes; at += block_granule_bytes) {
        if (at != block) { refused += cache.free_block(at).status != HeapStatus::Ok ? 1U : 0U; }
    }
    EXPECT_EQ(refused, chunk_bytes / block_granule_bytes - 1);
    EXPECT_EQ(cache.free_block(block).status, HeapStatus::Ok);
}

TEST(HeapCache, HoldsNoMoreThanItsBounds) {
    Fixture fixture;
    HeapCache cache(fixture.heap);
    std::mt19937 random(3);
    std::vector<SegmentOffset> blocks;
    for (int step = 0; step < 100'000; ++step) {
        if (random() % 2 == 0 || blocks.empty()) {
            blocks.push_back(fixture.allocate(cache, 1 + random() % (random() % 4 == 0 ? small_bytes_max : 500)));
        } else {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            ASSERT_EQ(cache.free_block(blocks.back()).status, HeapStatus::Ok);
            blocks.pop_back();
        }
        ASSERT_LE(cache.held_bytes(), cache_bytes_max);
    }
    const HeapUsage usage = fixture.heap.usage();
    EXPECT_EQ(usage.live_blocks, blocks.size());
    EXPECT_EQ(usage.held_bytes, cache.held_bytes());
    for (const SegmentOffset block : blocks) { ASSERT_EQ(cache.free_block(block).status, HeapStatus::Ok); }
    EXPECT_EQ(fixture.heap.usage().live_bytes, 0U);
    EXPECT_LE(cache.held_bytes(), cache_bytes_max);
    cache.give_back_all();
    EXPECT_EQ(cache.held_bytes(), 0U);
    EXPECT_EQ(fixture.heap.usage().held_bytes, 0U);
    fixture.heap.trim();
    EXPECT_EQ(fixture.heap.pages_used(), 0U);
    EXPECT_EQ(cache.counts().allocations, cache.counts().frees);
}

TEST(HeapCache, HandsOutNoBlockTwice) {
    Fixture fixture;
    HeapCache first(fixture.heap);
    HeapCache second(fixture.heap);
    std::set<SegmentOffset> blocks;
    for (int i = 0; i < 5000; ++i) {
        EXPECT_TRUE(blocks.insert(fixture.allocate(i % 2 == 0 ? first : second, 48)).second);
    }
}

// Of two threads that free the same block at the same time exactly one succeeds.
TEST(HeapCache, OneOfTwoFreesAtOnceSucceeds) {
    Fixture fixture;
    constexpr int rounds = 20'000;
    std::atomic<int> arrived{0};
    std::atomic<int> succeeded{0};
    std::atomic<SegmentOffset> block{0};
    const auto play = [&](HeapCache &cache, bool first) {
        for (int round = 0; round < rounds; ++round) {
            if (first) { block = fixture.allocate(cache, 32); }
            arrived.fetch_add(1);
            while (arrived.load() < 4 * round + 2) { std::this_thread::yield(); }
            succeeded.fetch_add(cache.free_block(block).status == HeapStatus::Ok ? 1 : 0);
            arrived.fetch_add(1);
            while (arrived.load() < 4 * round + 4) { std::this_thread::yield(); }
        }
    };
    HeapCache mine(fixture.heap);
    HeapCache other(fixture.heap);
    {
        const std::jthread second([&] { play(other, false); });
        play(mine, true);
    }
    EXPECT_EQ(succeeded.load(), rounds);
}

/// Threads with a cache each pass blocks to one another; every granule of a live block is marked.
class Exchange {
public:
    void work(std::uint32_t seed, int steps) {
        HeapCache cache(fixture_.heap);
        std::mt19937 random(seed);
        for (int step = 0; step < steps; ++step) {
            const HeapBlock block = cache.allocate(size_class_of(random() % (random() % 20 == 0 ? 30'000 : 400)));
            if (block.status != HeapStatus::Ok) {
                ++errors_;
                continue;
            }
            mark(block.offset, block.bytes, 0, 1);
            if (const SegmentOffset got = slots_[random() % slots_.size()].exchange(block.offset + 1)) {
                retire(cache, got - 1);
            }
        }
        if (seed % 2 == 0) { cache.give_back_all(); } // The others leave what they hold to the end.
        left_behind_.fetch_add(cache.held_bytes());
    }
    void finish() {
        HeapCache cache(fixture_.heap);
        for (auto &slot : slots_) {
            if (const SegmentOffset got = slot.exchange(0)) { retire(cache, got - 1); }
        }
        cache.give_back_all();
        EXPECT_EQ(errors_.load(), 0U);
        EXPECT_EQ(fixture_.heap.usage().live_blocks, 0U);
        EXPECT_EQ(fixture_.heap.usage().held_bytes, left_behind_.load());
    }

private:
    void mark(SegmentOffset offset, std::size_t bytes, std::uint8_t from, std::uint8_t to) {
        for (SegmentOffset at = offset; at < offset + bytes; at += block_granule_bytes) {
            if (taken_[at / block_granule_bytes].exchange(to) != from) { ++errors_; }
        }
    }
    void retire(HeapCache &cache, SegmentOffset offset) {
        mark(offset, fixture_.heap.find(offset).bytes, 1, 0);
        if (cache.free_block(offset).status != HeapStatus::Ok) { ++errors_; }
    }
    Fixture fixture_;
    std::vector<std::atomic<std::uint8_t>> taken_ =
        std::vector<std::atomic<std::uint8_t>>(chunk_count * chunk_bytes / block_granule_bytes);
    std::array<std::atomic<SegmentOffset>, 256> slots_{};
    std::atomic<std::uint64_t> errors_{0};
    std::atomic<std::uint64_t> left_behind_{0};
};

TEST(HeapCache, LosesNothingBetweenThreads) {
    Exchange exchange;
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t seed = 0; seed < 6; ++seed) {
            threads.emplace_back([&exchange, seed] { exchange.work(seed, 20'000); });
        }
    }
    exchange.finish();
}

} // namespace
} // namespace dsm::memory
