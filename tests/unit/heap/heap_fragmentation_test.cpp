// What a hostile sequence can make the heap waste at most (the bounds of docs/allocator.md): a new slab of a class is
// made only while all its slabs are full, so a class never has more slabs than its most blocks at a time needed, and
// one kept idle.
#include "libdsm/memory/heap.hpp"
#include "sparse_memory.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 256;

class Hostile {
public:
    void allocate(SizeClass size_class) {
        SegmentOffset offset = 0;
        if (heap_.allocate_batch(size_class, {&offset, 1}) == 0) {
            heap_.add_chunk({next_chunk_++});
            ASSERT_EQ(heap_.allocate_batch(size_class, {&offset, 1}), 1U);
        }
        heap_.hand_out(offset);
        std::vector<SegmentOffset> &blocks = blocks_[size_class.value];
        blocks.push_back(offset);
        peak_[size_class.value] = std::max(peak_[size_class.value], blocks.size());
        live_bytes_ += class_bytes(size_class.value);
    }
    /// Allocates until the class has so many bytes.
    void fill(SizeClass size_class, std::size_t bytes) {
        while (blocks_[size_class.value].size() * class_bytes(size_class.value) < bytes) { allocate(size_class); }
    }
    /// Keeps every n-th block of the class in the order in which they were allocated; 0 keeps none.
    void thin(SizeClass size_class, std::size_t keep_every) {
        std::vector<SegmentOffset> kept;
        std::vector<SegmentOffset> &blocks = blocks_[size_class.value];
        for (std::size_t at = 0; at < blocks.size(); ++at) {
            if (keep_every != 0 && at % keep_every == 0) {
                kept.push_back(blocks[at]);
                continue;
            }
            ASSERT_EQ(heap_.free_block(blocks[at]).status, HeapStatus::Ok);
            live_bytes_ -= class_bytes(size_class.value);
        }
        blocks = std::move(kept);
    }
    /// Pages that the bound allows.
    std::uint64_t pages_bound() const {
        std::uint64_t pages = 0;
        for (std::uint8_t index = 0; index < size_class_count; ++index) {
            const SizeClassShape &shape = shape_of({index});
            const std::uint64_t slabs = (peak_[index] + shape.slab_blocks - 1) / shape.slab_blocks;
            if (peak_[index] > 0) { pages += (slabs + 1) * shape.slab_pages; }
        }
        return pages;
    }
    void expect_bounded() const { ASSERT_LE(heap_.pages_used(), pages_bound()); }
    double overhead() const {
        return static_cast<double>(heap_.chunks_owned()) * chunk_bytes / static_cast<double>(live_bytes_);
    }
    std::uint32_t chunks() const { return heap_.chunks_owned(); }
    std::uint64_t pages_used() const { return heap_.pages_used(); }
    NodeHeap &heap() { return heap_; }

private:
    test::SparseMemory memory_{NodeHeap::region_bytes(chunk_count)};
    NodeHeap heap_{memory_.base(), chunk_count, chunk_count};
    std::array<std::vector<SegmentOffset>, size_class_count> blocks_;
    std::array<std::size_t, size_class_count> peak_{};
    std::uint32_t next_chunk_ = 0;
    std::uint64_t live_bytes_ = 0;
};

// One class after the other: filled, then all but one block of each slab freed. The worst that a program can do to
// slabs.
TEST(Fragmentation, OneBlockLeftInEverySlabStaysWithinTheBound) {
    Hostile hostile;
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        hostile.fill({index}, std::size_t{3} << 20);
        hostile.thin({index}, shape_of({index}).slab_blocks);
        hostile.expect_bounded();
    }
    const std::uint32_t chunks = hostile.chunks();
    EXPECT_LE(std::uint64_t{chunks} * pages_per_chunk, hostile.pages_bound() * 5 / 4) << "slabs stand close together";
    // What was once needed is needed no second time.
    for (std::uint8_t index = 0; index < size_class_count; ++index) { hostile.fill({index}, std::size_t{3} << 20); }
    hostile.expect_bounded();
    EXPECT_EQ(hostile.chunks(), chunks);
}

// Every second block freed, then the next class: at most half of what is used is lost to holes.
TEST(Fragmentation, EverySecondBlockFreedCostsAtMostTwice) {
    Hostile hostile;
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        hostile.fill({index}, std::size_t{4} << 20);
        hostile.thin({index}, 2);
        hostile.expect_bounded();
    }
    RecordProperty("overhead_percent", static_cast<int>(hostile.overhead() * 100 - 100));
    EXPECT_LT(hostile.overhead(), 2.3) << "2, a sixteenth behind the blocks of a slab, the last chunk";
}

// Everything of one class freed serves every other class.
TEST(Fragmentation, AClassGivesItsPagesToTheOthers) {
    Hostile hostile;
    hostile.fill({0}, std::size_t{16} << 20);
    const std::uint32_t chunks = hostile.chunks();
    hostile.thin({0}, 0);
    // Every class keeps one slab, and large slabs leave up to 63 pages unused at the end of a chunk and before such a
    // slab in the middle of one: a quarter of 512.
    std::size_t idle_pages = 0;
    for (const SizeClassShape &shape : size_class_shapes) { idle_pages += shape.slab_pages; }
    const std::size_t chunks_of_idle_slabs = idle_pages / pages_per_chunk + 1;
    for (std::uint8_t index = 1; index < size_class_count; ++index) {
        hostile.fill({index}, std::size_t{14} << 20);
        EXPECT_LE(hostile.chunks(), chunks * 5 / 4 + chunks_of_idle_slabs) << "class of " << class_bytes(index);
        hostile.thin({index}, 0);
    }
    EXPECT_TRUE(hostile.heap().trim());
    EXPECT_EQ(hostile.chunks(), 0U);
    EXPECT_EQ(hostile.pages_used(), 0U);
}

class RandomClasses : public testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomClasses, StayWithinTheBound) {
    Hostile hostile;
    std::mt19937 random(GetParam());
    for (int turn = 0; turn < 150; ++turn) {
        const SizeClass size_class{static_cast<std::uint8_t>(random() % size_class_count)};
        hostile.fill(size_class, random() % (std::size_t{4} << 20));
        hostile.expect_bounded();
        hostile.thin(size_class, random() % 40);
        hostile.expect_bounded();
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomClasses, testing::Range(0U, 4U));

} // namespace
} // namespace dsm::memory
