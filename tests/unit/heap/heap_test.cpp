// The heap of a node, property by property: size classes, alignment, errors, chunks in and out, resizing,
// fragmentation.
#include "libdsm/memory/heap.hpp"
#include "sparse_memory.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 256;

struct Fixture {
    explicit Fixture(std::uint32_t reserve = 0) : heap(memory.base(), chunk_count, reserve) {}
    /// Feeds chunks as needed.
    SegmentOffset allocate(std::size_t bytes) {
        HeapBlock block = heap.allocate(bytes);
        if (block.status == HeapStatus::NeedChunk) {
            heap.add_chunk({next_chunk++});
            block = heap.allocate(bytes);
        }
        EXPECT_EQ(block.status, HeapStatus::Ok);
        EXPECT_GE(block.bytes, bytes);
        return block.offset;
    }
    std::uint32_t released() {
        std::uint32_t chunks = 0;
        while (heap.take_released_chunk()) { ++chunks; }
        return chunks;
    }
    test::SparseMemory memory{NodeHeap::region_bytes(chunk_count)};
    NodeHeap heap;
    std::uint32_t next_chunk = 0;
};

TEST(SizeClasses, AreTheSmallestThatFit) {
    for (std::size_t bytes = 0; bytes <= small_bytes_max; ++bytes) {
        const SizeClass size_class = size_class_of(bytes);
        ASSERT_LT(size_class.value, size_class_count);
        ASSERT_GE(shape_of(size_class).block_bytes, bytes);
        if (size_class.value > 0) { ASSERT_LT(class_bytes(size_class.value - 1U), bytes); }
    }
}

TEST(SizeClasses, ReciprocalsDivideExactly) {
    for (const SizeClassShape &shape : size_class_shapes) {
        ASSERT_LE(shape.slab_pages * page_bytes, std::size_t{256} << 10);
        ASSERT_GE(shape.slab_blocks, slab_blocks_min);
        for (std::uint64_t n = 0; n < shape.slab_pages * page_bytes; ++n) {
            ASSERT_EQ((n * shape.reciprocal) >> reciprocal_shift, n / shape.block_bytes);
        }
    }
}

TEST(NodeHeap, AsksForAChunkAndTakesOversizeNowhere) {
    Fixture fixture;
    EXPECT_EQ(fixture.heap.allocate(1).status, HeapStatus::NeedChunk);
    EXPECT_EQ(fixture.heap.allocate(big_bytes_min - 1).status, HeapStatus::NeedChunk);
    EXPECT_EQ(fixture.heap.allocate(big_bytes_min).status, HeapStatus::TooLarge);
    EXPECT_EQ(fixture.heap.allocate(~std::size_t{0}).status, HeapStatus::TooLarge);
    EXPECT_EQ(fixture.heap.allocate_aligned(16, ~std::size_t{0}).status, HeapStatus::TooLarge);
    EXPECT_EQ(fixture.heap.allocate_aligned(2 * heap_alignment_max, 1).status, HeapStatus::TooLarge);
    EXPECT_EQ(fixture.heap.allocate_aligned(0, 1).status, HeapStatus::BadAlignment);
    EXPECT_EQ(fixture.heap.allocate_aligned(48, 1).status, HeapStatus::BadAlignment);
}

TEST(NodeHeap, HandsOutEveryAlignment) {
    Fixture fixture;
    for (std::uint32_t i = 0; i < 40; ++i) { fixture.heap.add_chunk({i}); }
    std::map<SegmentOffset, std::size_t> blocks;
    for (std::size_t alignment = 1; alignment <= heap_alignment_max; alignment *= 2) {
        for (const std::size_t bytes : {0, 1, 100, 2000, 4097, 32768, 32769, 300'000}) {
            const HeapBlock block = fixture.heap.allocate_aligned(alignment, bytes);
            ASSERT_EQ(block.status, HeapStatus::Ok) << alignment << " " << bytes;
            EXPECT_EQ(block.offset % alignment, 0U);
            EXPECT_EQ(block.offset % block_granule_bytes, 0U);
            EXPECT_GE(block.bytes, bytes);
            EXPECT_EQ(fixture.heap.find(block.offset).bytes, block.bytes);
            EXPECT_TRUE(blocks.emplace(block.offset, block.bytes).second);
        }
    }
    SegmentOffset end = 0;
    for (const auto &[offset, bytes] : blocks) {
        EXPECT_GE(offset, end) << "blocks overlap";
        end = offset + bytes;
    }
}

TEST(NodeHeap, RecognisesWhatIsNoLiveBlock) {
    Fixture fixture;
    NodeHeap &heap = fixture.heap;
    for (const std::size_t bytes : {16, 48, 1000, 32768, 40'000}) {
        const SegmentOffset keep = fixture.allocate(bytes);
        const SegmentOffset block = fixture.allocate(bytes);
        EXPECT_EQ(heap.free_block(block + 1).status, HeapStatus::NotBlockStart);
        EXPECT_EQ(heap.free_block(block + bytes / 2 + 1).status, HeapStatus::NotBlockStart);
        EXPECT_EQ(heap.find(block + 8).status, HeapStatus::NotBlockStart);
        EXPECT_EQ(heap.free_block(block).status, HeapStatus::Ok);
        EXPECT_EQ(heap.free_block(block).status, HeapStatus::NotAllocated) << "double free of " << bytes;
        EXPECT_EQ(heap.find(block).status, HeapStatus::NotAllocated);
        EXPECT_EQ(heap.resize_in_place(block, 1), HeapStatus::NotAllocated);
        EXPECT_EQ(heap.find(keep).status, HeapStatus::Ok);
    }
    EXPECT_EQ(heap.free_block(100 * chunk_bytes).status, HeapStatus::NotOurChunk);
    EXPECT_EQ(heap.free_block(chunk_count * chunk_bytes).status, HeapStatus::NotOurChunk);
    EXPECT_EQ(heap.free_block(~SegmentOffset{0}).status, HeapStatus::NotOurChunk);
    EXPECT_EQ(heap.find(~SegmentOffset{0}).status, HeapStatus::NotOurChunk);
}

TEST(NodeHeap, GivesAllChunksBack) {
    Fixture fixture;
    std::vector<SegmentOffset> blocks;
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) { blocks.push_back(fixture.allocate(random() % 3000)); }
    for (int i = 0; i < 40; ++i) { blocks.push_back(fixture.allocate(random() % big_bytes_min)); }
    EXPECT_GT(fixture.next_chunk, 10U);
    std::shuffle(blocks.begin(), blocks.end(), random);
    bool pending = false;
    for (const SegmentOffset block : blocks) { pending = fixture.heap.free_block(block).release_pending; }
    EXPECT_TRUE(pending);
    EXPECT_EQ(fixture.released(), fixture.next_chunk) << "without a reserve nothing stays, not even idle slabs";
    EXPECT_EQ(fixture.heap.chunks_owned(), 0U);
    EXPECT_EQ(fixture.heap.pages_used(), 0U);
    EXPECT_EQ(fixture.heap.free_block(blocks.front()).status, HeapStatus::NotOurChunk);
    fixture.heap.add_chunk({0});
    EXPECT_EQ(fixture.heap.allocate(16).status, HeapStatus::Ok) << "a chunk may come again";
}

TEST(NodeHeap, KeepsTheReserveUntilTrimmed) {
    Fixture fixture(2);
    std::vector<SegmentOffset> blocks;
    for (int i = 0; i < 60; ++i) { blocks.push_back(fixture.allocate(200'000)); }
    const SegmentOffset small = fixture.allocate(16);
    const std::uint32_t chunks = fixture.next_chunk;
    for (const SegmentOffset block : blocks) { fixture.heap.free_block(block); }
    EXPECT_EQ(fixture.heap.chunks_owned(), 3U) << "two in reserve, one with a block";
    fixture.heap.free_block(small);
    EXPECT_EQ(fixture.heap.chunks_owned(), 2U);
    EXPECT_TRUE(fixture.heap.trim());
    EXPECT_EQ(fixture.released(), chunks);
    EXPECT_FALSE(fixture.heap.trim());
}

TEST(NodeHeap, OneBlockTakenAndFreedCostsNoChunks) {
    Fixture fixture(1);
    for (int i = 0; i < 1000; ++i) { EXPECT_FALSE(fixture.heap.free_block(fixture.allocate(64)).release_pending); }
    EXPECT_EQ(fixture.next_chunk, 1U);
}

TEST(NodeHeap, ResizesInPlaceWhereThatIsSensible) {
    Fixture fixture;
    NodeHeap &heap = fixture.heap;
    const SegmentOffset small = fixture.allocate(100);
    EXPECT_EQ(heap.resize_in_place(small, 112), HeapStatus::Ok);
    EXPECT_EQ(heap.resize_in_place(small, 113), HeapStatus::DoesNotFit);
    EXPECT_EQ(heap.resize_in_place(small, 56), HeapStatus::DoesNotFit) << "half empty: a smaller class is better";
    EXPECT_EQ(heap.resize_in_place(small, big_bytes_min), HeapStatus::DoesNotFit);
    EXPECT_EQ(heap.resize_in_place(small + 16, 112), HeapStatus::NotBlockStart);
    const SegmentOffset run = fixture.allocate(10 * page_bytes);
    EXPECT_EQ(heap.resize_in_place(run, 100 * page_bytes), HeapStatus::Ok) << "free neighbours";
    EXPECT_EQ(heap.find(run).bytes, 100 * page_bytes);
    const SegmentOffset behind = fixture.allocate(10 * page_bytes);
    EXPECT_EQ(behind, run + 100 * page_bytes);
    EXPECT_EQ(heap.resize_in_place(run, 101 * page_bytes), HeapStatus::DoesNotFit);
    EXPECT_EQ(heap.resize_in_place(run, 50 * page_bytes), HeapStatus::Ok);
    EXPECT_EQ(heap.free_block(run + 50 * page_bytes).status, HeapStatus::NotAllocated);
    EXPECT_EQ(heap.resize_in_place(run, 1000), HeapStatus::DoesNotFit);
    EXPECT_EQ(heap.pages_used(), 50U + 10U + shape_of(size_class_of(100)).slab_pages);
}

// Scenario: 64 MiB of blocks of 16 to 4,096 bytes; a random half of them freed; as much allocated again, in other
// sizes. The chunks in use may exceed the live bytes by 40 %: rounding to classes costs up to 25 %, slabs with holes
// the rest.
TEST(NodeHeap, FragmentationIsBounded) {
    Fixture fixture;
    std::mt19937 random(5);
    std::vector<std::pair<SegmentOffset, std::size_t>> blocks;
    std::size_t live = 0;
    const auto fill = [&](std::size_t smallest, std::size_t largest) {
        while (live < std::size_t{64} << 20) {
            const std::size_t bytes = smallest + random() % (largest - smallest + 1);
            blocks.emplace_back(fixture.allocate(bytes), bytes);
            live += bytes;
        }
    };
    fill(16, 4096);
    for (int round = 0; round < 4; ++round) {
        std::shuffle(blocks.begin(), blocks.end(), random);
        for (std::size_t i = blocks.size() / 2; i > 0; --i) {
            live -= blocks.back().second;
            ASSERT_EQ(fixture.heap.free_block(blocks.back().first).status, HeapStatus::Ok);
            blocks.pop_back();
        }
        fill(16, 4096);
    }
    const double overhead = static_cast<double>(fixture.heap.chunks_owned()) * chunk_bytes / static_cast<double>(live);
    RecordProperty("overhead_percent", static_cast<int>(overhead * 100 - 100));
    EXPECT_LT(overhead, 1.4);
}

} // namespace
} // namespace dsm::memory
