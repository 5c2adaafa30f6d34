// The heap against a reference model under seeded hostile sequences: every answer of the heap is predicted.
#include "libdsm/memory/heap.hpp"
#include "sparse_memory.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 64;
constexpr std::uint32_t chunks_given_max = 16; ///< beyond it the heap has to live with NeedChunk

class HostileUser {
public:
    explicit HostileUser(std::uint32_t seed) : random_(seed), heap_(memory_.base(), chunk_count, seed % 3) {
        for (std::uint32_t chunk = 0; chunk < chunk_count; ++chunk) { unused_.insert(chunk); }
    }

    void run(int steps) {
        for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
            const bool growing = step / 6000 % 2 == 0;
            const std::uint32_t dice = pick(100);
            if (dice < (growing ? 65U : 20U)) {
                allocate();
            } else if (dice < 75) {
                free_live();
            } else if (dice < 80) {
                resize();
            } else {
                attack(dice % 5);
            }
            take_released();
        }
    }

    void finish() {
        // The sequence was worth something only if it met what it is about.
        EXPECT_GT(allocated_, 10000U);
        EXPECT_GT(most_live_, 1000U);
        EXPECT_GT(refused_for_room_, 0U);
        EXPECT_GT(chunks_returned_, 0U);
        EXPECT_GT(resized_, 0U);
        EXPECT_GT(attacks_, 5000U);
        while (!live_.empty() && !testing::Test::HasFatalFailure()) { free_live(); }
        heap_.trim();
        take_released();
        EXPECT_EQ(owned_.size(), 0U);
        EXPECT_EQ(heap_.pages_used(), 0U);
    }

private:
    std::uint32_t pick(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    std::size_t some_size() {
        switch (pick(6)) {
        case 0: { // the borders of classes
            const std::size_t border = class_bytes(pick(size_class_count));
            return border + pick(3) - 1;
        }
        case 1:
            return big_bytes_min - pick(3);
        case 2:
            return small_bytes_max + pick(200'000);
        case 3:
            return pick(2) == 0 ? ~std::size_t{0} - pick(10'000) : std::size_t{1} << (20 + pick(44));
        default:
            return pick(5000);
        }
    }

    void allocate() {
        const std::size_t bytes = some_size();
        const std::size_t alignment = pick(4) == 0 ? std::size_t{1} << pick(22) : 1;
        HeapBlock block = alignment == 1 ? heap_.allocate(bytes) : heap_.allocate_aligned(alignment, bytes);
        if (bytes >= big_bytes_min || alignment > heap_alignment_max) {
            ASSERT_EQ(block.status, HeapStatus::TooLarge);
            return;
        }
        if (block.status == HeapStatus::NeedChunk) {
            if (owned_.size() >= chunks_given_max) {
                ++refused_for_room_;
                return;
            }
            give_chunk();
            block = alignment == 1 ? heap_.allocate(bytes) : heap_.allocate_aligned(alignment, bytes);
        }
        ASSERT_EQ(block.status, HeapStatus::Ok);
        ASSERT_EQ(block.offset % std::max(alignment, block_granule_bytes), 0U);
        ASSERT_GE(block.bytes, bytes);
        ASSERT_TRUE(owned_.contains(chunk_of(block.offset).value));
        ASSERT_EQ(chunk_of(block.offset), chunk_of(block.offset + block.bytes - 1));
        const auto next = live_.lower_bound(block.offset);
        ASSERT_TRUE(next == live_.end() || block.offset + block.bytes <= next->first) << "overlap above";
        ASSERT_TRUE(next == live_.begin() || std::prev(next)->first + std::prev(next)->second <= block.offset)
            << "overlap below";
        live_[block.offset] = block.bytes;
        ++allocated_;
        most_live_ = std::max(most_live_, live_.size());
    }

    std::map<SegmentOffset, std::size_t>::iterator some_live() {
        const auto at = live_.lower_bound(random_() % (chunk_count * chunk_bytes));
        return at == live_.end() ? live_.begin() : at;
    }

    void free_live() {
        if (live_.empty()) { return; }
        const auto victim = some_live();
        ASSERT_EQ(heap_.find(victim->first).bytes, victim->second);
        ASSERT_EQ(heap_.free_block(victim->first).status, HeapStatus::Ok);
        freed_.push_back(victim->first);
        live_.erase(victim);
    }

    void resize() {
        if (live_.empty()) { return; }
        const auto block = some_live();
        const std::size_t bytes = some_size();
        const HeapStatus status = heap_.resize_in_place(block->first, bytes);
        ASSERT_TRUE(status == HeapStatus::Ok || status == HeapStatus::DoesNotFit);
        const HeapBlock now = heap_.find(block->first);
        ASSERT_EQ(now.status, HeapStatus::Ok);
        if (status == HeapStatus::DoesNotFit) {
            ASSERT_EQ(now.bytes, block->second);
            return;
        }
        ASSERT_GE(now.bytes, bytes);
        const auto next = std::next(block);
        ASSERT_TRUE(next == live_.end() || block->first + now.bytes <= next->first) << "grown into a neighbour";
        block->second = now.bytes;
        ++resized_;
    }

    void attack(std::uint32_t how) {
        ++attacks_;
        if (how == 0 && !freed_.empty()) { // double free
            const SegmentOffset offset = freed_[pick(freed_.size())];
            if (!live_.contains(offset)) { expect_refused(offset); }
        } else if (how == 1 && !live_.empty()) { // inside a block
            const auto block = some_live();
            const SegmentOffset inside = block->first + 1 + random_() % (block->second - 1);
            ASSERT_EQ(heap_.free_block(inside).status, HeapStatus::NotBlockStart);
        } else if (how == 2) { // anywhere in the segment, often at plausible places
            const SegmentOffset offset = random_() % (chunk_count * chunk_bytes) & ~SegmentOffset{pick(2) * 15U};
            if (!live_.contains(offset)) { expect_refused(offset); }
        } else if (how == 3 && !unused_.empty()) { // a foreign chunk
            const SegmentOffset offset = *unused_.begin() * chunk_bytes + random_() % chunk_bytes;
            ASSERT_EQ(heap_.free_block(offset).status, HeapStatus::NotOurChunk);
        } else if (how == 4) { // outside
            ASSERT_EQ(heap_.free_block(chunk_count * chunk_bytes + random_()).status, HeapStatus::NotOurChunk);
            ASSERT_EQ(heap_.find(~SegmentOffset{0} - random_()).status, HeapStatus::NotOurChunk);
        }
    }

    void expect_refused(SegmentOffset offset) {
        ASSERT_NE(heap_.find(offset).status, HeapStatus::Ok);
        ASSERT_NE(heap_.resize_in_place(offset, 100), HeapStatus::Ok);
        ASSERT_NE(heap_.free_block(offset).status, HeapStatus::Ok);
    }

    void give_chunk() {
        const auto chunk = std::next(unused_.begin(), pick(unused_.size()));
        heap_.add_chunk({*chunk});
        owned_.insert(*chunk);
        unused_.erase(chunk);
    }

    void take_released() {
        while (const auto chunk = heap_.take_released_chunk()) {
            const auto block = live_.lower_bound(offset_of(*chunk));
            ASSERT_TRUE(block == live_.end() || chunk_of(block->first) != *chunk) << "a chunk in use was given up";
            ASSERT_EQ(owned_.erase(chunk->value), 1U);
            unused_.insert(chunk->value);
            ++chunks_returned_;
        }
        ASSERT_EQ(heap_.chunks_owned(), owned_.size());
    }

    std::mt19937 random_;
    test::SparseMemory memory_{NodeHeap::region_bytes(chunk_count)};
    NodeHeap heap_;
    std::map<SegmentOffset, std::size_t> live_;
    std::vector<SegmentOffset> freed_;
    std::set<std::uint32_t> owned_;
    std::set<std::uint32_t> unused_;
    std::size_t allocated_ = 0, most_live_ = 0, refused_for_room_ = 0, chunks_returned_ = 0, resized_ = 0, attacks_ = 0;
};

class HostileSequences : public testing::TestWithParam<std::uint32_t> {};

TEST_P(HostileSequences, EveryAnswerIsPredicted) {
    HostileUser user(GetParam());
    user.run(60'000);
    if (!HasFatalFailure()) { user.finish(); }
}
INSTANTIATE_TEST_SUITE_P(Seeds, HostileSequences, testing::Range(0U, 12U));

} // namespace
} // namespace dsm::memory
