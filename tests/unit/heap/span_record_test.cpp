// Pure functions on span records: homes, blocks, live bytes; and sets of holders.
#include "libdsm/memory/span_holders.hpp"
#include "libdsm/memory/span_record.hpp"
#include "sparse_memory.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

namespace dsm::memory {
namespace {

SpanRecord record_of(HomePolicy homes, std::uint64_t bytes, std::uint8_t block_shift, std::uint16_t home = 0) {
    const auto chunks = static_cast<std::uint32_t>((bytes + chunk_bytes - 1) / chunk_bytes);
    return {bytes,
            ChunkId{40},
            chunks,
            1,
            NodeId{3},
            NodeId{home},
            SpanKind::Collective,
            SpanState::Live,
            homes,
            MemoryKind::Sequential,
            block_shift,
            0,
            0,
            0,
            0};
}

PageId page_in(const SpanRecord &record, std::uint64_t index) {
    return {page_of(offset_of(record.first)).value + index};
}

TEST(SpanRecord, CyclicDealsBlocksOutFromTheHome) {
    const SpanRecord record = record_of(HomePolicy::Cyclic, 5 * chunk_bytes, 14, 2);
    for (std::uint64_t page = 0; page < 5 * pages_per_chunk; ++page) {
        EXPECT_EQ(home_of(record, page_in(record, page), 3).value, (2 + page / 4) % 3);
    }
}

TEST(SpanRecord, BlockPolicyCutsIntoContiguousEvenParts) {
    for (const std::uint32_t nodes : {1U, 2U, 3U, 7U, 1000U, 16384U}) {
        for (const std::uint64_t pages : {1ULL, 2ULL, 5ULL, 100ULL, 511ULL, 4096ULL}) {
            const SpanRecord record = record_of(HomePolicy::Block, pages * page_bytes, 12);
            for (std::uint64_t node = 0; node < nodes; ++node) {
                for (std::uint64_t page = node * pages / nodes; page < (node + 1) * pages / nodes; ++page) {
                    ASSERT_EQ(home_of(record, page_in(record, page), nodes).value, node);
                }
            }
        }
    }
}

TEST(SpanRecord, PagesBehindTheLiveBytesHaveTheLastHome) {
    const SpanRecord record = record_of(HomePolicy::Block, 3 * page_bytes, 12);
    EXPECT_EQ(home_of(record, page_in(record, 511), 3).value, 2);
}

TEST(SpanRecord, AllPagesOfABlockHaveOneHome) {
    for (const HomePolicy homes : {HomePolicy::Cyclic, HomePolicy::Block, HomePolicy::FirstTouch, HomePolicy::One}) {
        for (std::uint8_t shift = 12; shift <= 21; ++shift) {
            const SpanRecord record = record_of(homes, 3 * chunk_bytes - 5, shift, 1);
            for (std::uint64_t page = 0; page < 3 * pages_per_chunk; ++page) {
                const PageBlock block = block_of(record, page_in(record, page));
                ASSERT_EQ(block.page_count, 1U << (shift - 12));
                ASSERT_EQ(block.first.value % block.page_count, 0U);
                ASSERT_GE(page_in(record, page), block.first);
                ASSERT_LT(page_in(record, page).value, block.first.value + block.page_count);
                ASSERT_EQ(home_of(record, page_in(record, page), 5), home_of(record, block.first, 5));
            }
        }
    }
}

TEST(SpanRecord, ContainsEndsAtTheExactByte) {
    const SpanRecord record = record_of(HomePolicy::One, chunk_bytes + 17, 12);
    const SegmentOffset begin = offset_of(record.first);
    EXPECT_TRUE(contains(record, begin));
    EXPECT_TRUE(contains(record, begin + chunk_bytes + 16));
    EXPECT_FALSE(contains(record, begin + chunk_bytes + 17));
    EXPECT_FALSE(contains(record, begin - 1));
    EXPECT_TRUE(covers(record, {41}));
    EXPECT_FALSE(covers(record, {42}));
    EXPECT_FALSE(covers(record, {39}));
}

TEST(HolderPool, AgreesWithSetsOfNodes) {
    constexpr std::uint32_t nodes = 10240;
    constexpr std::uint32_t spans = 20;
    const test::SparseMemory memory(HolderPool::region_bytes(spans, nodes));
    HolderPool pool(memory.base(), nodes);
    std::array<HolderList, spans> lists{};
    std::array<std::set<std::uint16_t>, spans> expected;
    std::mt19937 random(7);
    for (int step = 0; step < 50'000; ++step) {
        const std::size_t span = random() % spans;
        const auto node = static_cast<std::uint16_t>(random() % (step % 2 == 0 ? 12 : nodes));
        switch (random() % 64) {
        case 0:
            pool.clear(lists[span]);
            expected[span].clear();
            break;
        case 1:
        case 2:
        case 3:
            pool.erase(lists[span], {node});
            expected[span].erase(node);
            break;
        default:
            pool.insert(lists[span], {node});
            expected[span].insert(node);
        }
        ASSERT_EQ(lists[span].count, expected[span].size());
        ASSERT_EQ(pool.contains(lists[span], {node}), expected[span].contains(node));
        if (step % 97 != 0) { continue; }
        NodeSet copy;
        pool.copy_to(lists[span], copy);
        std::set<std::uint16_t> members;
        copy.for_each([&](NodeId member) { members.insert(member.value); });
        ASSERT_EQ(members, expected[span]);
        ASSERT_EQ(copy.size(), members.size());
    }
}

} // namespace
} // namespace dsm::memory
