// Big blocks that change their size where they stand: in the directory against a model, and in the cache of a node,
// where messages about it may come in any order.
#include "libdsm/memory/span_cache.hpp"
#include "libdsm/memory/span_directory.hpp"
#include "sparse_memory.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 64;

struct Fixture {
    Fixture() { directory.format(); }
    SpanRecord allocate(std::uint64_t bytes) {
        const auto record = directory.allocate(
            {bytes, SpanKind::BigBlock, NodeId{0}, HomePolicy::Cyclic, NodeId{0}, 12, MemoryKind::Sequential});
        EXPECT_TRUE(record.has_value());
        return record.value_or(SpanRecord{});
    }
    SpanStatus resize(SpanRecord &record, std::uint64_t bytes) {
        const SpanStatus status = directory.resize(record.first, record.generation, bytes, resized);
        if (status == SpanStatus::Ok) { record = resized.now; }
        return status;
    }
    void end_tail() {
        if (resized.tail.chunk_count == 0) { return; }
        EXPECT_EQ(directory.finish_free(resized.tail.first, resized.tail.generation), SpanStatus::Ok);
    }
    void free(const SpanRecord &record) {
        NodeSet holders;
        std::uint32_t left = 0;
        EXPECT_EQ(directory.begin_free(record.first, record.generation, holders), SpanStatus::Ok);
        holders.for_each([&](NodeId node) { directory.forget_holder(record.first, record.generation, node, left); });
        EXPECT_EQ(directory.finish_free(record.first, record.generation), SpanStatus::Ok);
    }
    test::SparseMemory memory{SpanDirectory::region_bytes(chunk_count, 2)};
    SpanDirectory directory{memory.base(), chunk_count, 2};
    SpanResize resized{};
};

TEST(SpanResize, GrowsWhereTheNeighboursAreFree) {
    Fixture fixture;
    SpanRecord block = fixture.allocate(2 * chunk_bytes);
    EXPECT_EQ(fixture.resize(block, 5 * chunk_bytes - 7), SpanStatus::Ok);
    EXPECT_EQ(block.chunk_count, 5U);
    EXPECT_EQ(block.bytes, 5 * chunk_bytes - 7);
    EXPECT_EQ(fixture.directory.lookup({4}), block);
    const SpanRecord behind = fixture.allocate(1);
    EXPECT_EQ(behind.first.value, 5U);
    EXPECT_EQ(fixture.resize(block, 5 * chunk_bytes), SpanStatus::Ok) << "within the last chunk";
    EXPECT_EQ(fixture.resize(block, 5 * chunk_bytes + 1), SpanStatus::NoRoom);
    EXPECT_EQ(fixture.resize(block, 0), SpanStatus::NoRoom);
    EXPECT_EQ(fixture.resize(block, 1000 * chunk_bytes), SpanStatus::NoRoom);
    EXPECT_EQ(fixture.directory.lookup({4}), block);
    fixture.free(behind);
    fixture.free(block);
    EXPECT_EQ(fixture.directory.free_chunks(), chunk_count);
    EXPECT_EQ(fixture.resize(block, chunk_bytes), SpanStatus::NoSpan);
}

TEST(SpanResize, WhatIsCutOffIsFreedAsASpan) {
    Fixture fixture;
    SpanRecord block = fixture.allocate(7 * chunk_bytes);
    EXPECT_EQ(fixture.resize(block, 3 * chunk_bytes - 1), SpanStatus::Ok);
    const SpanRecord tail = fixture.resized.tail;
    EXPECT_EQ(tail.first.value, 3U);
    EXPECT_EQ(tail.chunk_count, 4U);
    EXPECT_EQ(tail.generation, block.generation);
    EXPECT_EQ(fixture.directory.share({2}, NodeId{1}), block);
    EXPECT_FALSE(fixture.directory.share({3}, NodeId{1})) << "nobody learns of the tail any more";
    EXPECT_EQ(fixture.allocate(chunk_bytes).first.value, 7U) << "not free before every node has dropped it";
    EXPECT_EQ(fixture.resize(block, 4 * chunk_bytes), SpanStatus::NoRoom);
    EXPECT_EQ(fixture.directory.finish_free(tail.first, tail.generation), SpanStatus::Ok);
    EXPECT_EQ(fixture.resize(block, 4 * chunk_bytes), SpanStatus::NoRoom)
        << "pages that were dropped do not come back in the same generation";
    EXPECT_EQ(fixture.allocate(4 * chunk_bytes).first.value, 3U);
}

TEST(SpanResize, AgreesWithAModelOfChunks) {
    Fixture fixture;
    std::mt19937 random(11);
    std::map<std::uint32_t, SpanRecord> live;
    int grown = 0;
    int cut = 0;
    for (int step = 0; step < 20'000; ++step) {
        const auto at = live.lower_bound(static_cast<std::uint32_t>(random() % chunk_count));
        if (at == live.end() || random() % 4 == 0) {
            const auto record =
                fixture.directory.allocate({1 + random() % (6 * chunk_bytes), SpanKind::BigBlock, NodeId{0},
                                            HomePolicy::Cyclic, NodeId{0}, 12, MemoryKind::Sequential});
            if (record) { live[record->first.value] = *record; }
        } else if (random() % 3 == 0) {
            fixture.free(at->second);
            live.erase(at);
        } else {
            const std::uint32_t before = at->second.chunk_count;
            if (fixture.resize(at->second, 1 + random() % (8 * chunk_bytes)) == SpanStatus::Ok) {
                fixture.end_tail();
                grown += at->second.chunk_count > before ? 1 : 0;
                cut += at->second.chunk_count < before ? 1 : 0;
            }
        }
        std::uint32_t used = 0;
        for (const auto &[first, record] : live) {
            used += record.chunk_count;
            const auto next = live.upper_bound(first);
            ASSERT_TRUE(next == live.end() || first + record.chunk_count <= next->first);
            ASSERT_EQ(fixture.directory.lookup({first + record.chunk_count - 1}), record);
        }
        ASSERT_EQ(fixture.directory.free_chunks(), chunk_count - used);
    }
    EXPECT_GT(grown, 100);
    EXPECT_GT(cut, 100);
}

struct CacheFixture {
    test::SparseMemory memory{SpanCache::region_bytes(chunk_count)};
    SpanCache cache{memory.base(), chunk_count};
    static SpanRecord version(std::uint32_t number, std::uint32_t chunks) {
        return {chunks * chunk_bytes,
                ChunkId{4},
                chunks,
                9,
                NodeId{0},
                NodeId{0},
                SpanKind::BigBlock,
                SpanState::Live,
                HomePolicy::Cyclic,
                MemoryKind::Sequential,
                12,
                0,
                0,
                number,
                0};
    }
};

TEST(SpanResize, ACacheTakesTheLaterVersion) {
    CacheFixture fixture;
    SpanCache &cache = fixture.cache;
    EXPECT_EQ(cache.insert(CacheFixture::version(0, 2)), CacheStatus::Ok);
    EXPECT_EQ(cache.insert(CacheFixture::version(1, 5)), CacheStatus::Ok);
    EXPECT_EQ(cache.lookup(ChunkId{8}), CacheFixture::version(1, 5));
    EXPECT_EQ(cache.insert(CacheFixture::version(0, 2)), CacheStatus::Stale);
    EXPECT_EQ(cache.insert(CacheFixture::version(1, 5)), CacheStatus::AlreadyThere);
    EXPECT_EQ(cache.lookup(ChunkId{4}), CacheFixture::version(1, 5));
}

TEST(SpanResize, ACutReachesTheCacheBeforeOrAfterTheRecord) {
    for (const bool known_before : {true, false}) {
        CacheFixture fixture;
        SpanCache &cache = fixture.cache;
        if (known_before) { cache.insert(CacheFixture::version(1, 6)); }
        cache.cut(CacheFixture::version(2, 3));
        EXPECT_EQ(cache.lookup(ChunkId{6}).has_value(), known_before);
        EXPECT_FALSE(cache.lookup(ChunkId{7})) << "cut off";
        EXPECT_EQ(cache.insert(CacheFixture::version(1, 6)), CacheStatus::Stale) << "an answer that was overtaken";
        EXPECT_FALSE(cache.lookup(ChunkId{7}));
        cache.cut(CacheFixture::version(1, 5));
        EXPECT_EQ(cache.insert(CacheFixture::version(1, 5)), CacheStatus::Stale) << "a cut that was overtaken";
        cache.insert(CacheFixture::version(2, 3));
        EXPECT_EQ(cache.lookup(ChunkId{6}), CacheFixture::version(2, 3));
        EXPECT_TRUE(cache.remove({4}, 9));
        EXPECT_FALSE(cache.lookup(ChunkId{4}));
        EXPECT_EQ(cache.insert(CacheFixture::version(3, 3)), CacheStatus::Stale);
    }
}

} // namespace
} // namespace dsm::memory
