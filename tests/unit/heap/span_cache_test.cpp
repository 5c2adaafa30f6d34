// The node's cache of spans: overtaking messages, exact bounds, and readers that race with a writer.
#include "libdsm/memory/span_cache.hpp"
#include "sparse_memory.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 64;

SpanRecord span_of(std::uint32_t first, std::uint32_t count, std::uint32_t generation) {
    // Every field is made of the generation, so that a mixture of two records shows.
    return {count * chunk_bytes - generation % 1000,
            ChunkId{first},
            count,
            generation,
            NodeId{static_cast<std::uint16_t>(generation % 16384)},
            NodeId{static_cast<std::uint16_t>(generation % 16381)},
            SpanKind::Collective,
            SpanState::Live,
            HomePolicy::Cyclic,
            MemoryKind::Sequential,
            static_cast<std::uint8_t>(12 + generation % 10),
            static_cast<std::uint8_t>(generation % 2),
            static_cast<std::uint16_t>(generation % 65521),
            0,
            0};
}

struct Fixture {
    test::SparseMemory memory{SpanCache::region_bytes(chunk_count)};
    SpanCache cache{memory.base(), chunk_count};
};

TEST(SpanCache, KnowsWhatWasInserted) {
    Fixture fixture;
    SpanCache &cache = fixture.cache;
    const SpanRecord span = span_of(3, 5, 10);
    EXPECT_FALSE(cache.lookup(ChunkId{3}));
    EXPECT_EQ(cache.insert(span), CacheStatus::Ok);
    EXPECT_EQ(cache.insert(span), CacheStatus::AlreadyThere);
    for (std::uint32_t chunk = 3; chunk < 8; ++chunk) { EXPECT_EQ(cache.lookup(ChunkId{chunk}), span); }
    EXPECT_EQ(cache.lookup(PageId{3 * pages_per_chunk}), span);
    EXPECT_FALSE(cache.lookup(ChunkId{2}) || cache.lookup(ChunkId{8}) || cache.lookup(ChunkId{chunk_count}));
    EXPECT_TRUE(cache.contains(3 * chunk_bytes));
    EXPECT_TRUE(cache.contains(8 * chunk_bytes - 11));
    EXPECT_FALSE(cache.contains(8 * chunk_bytes - 10)) << "behind the exact size";
    EXPECT_FALSE(cache.contains(~SegmentOffset{0}));
    EXPECT_FALSE(cache.remove({3}, 11));
    EXPECT_TRUE(cache.remove({3}, 10));
    EXPECT_FALSE(cache.remove({3}, 10));
    EXPECT_FALSE(cache.lookup(ChunkId{5}));
}

TEST(SpanCache, RefusesAnAnswerThatTheDropOvertook) {
    Fixture fixture;
    SpanCache &cache = fixture.cache;
    EXPECT_FALSE(cache.remove({3}, 10));
    EXPECT_EQ(cache.insert(span_of(3, 5, 10)), CacheStatus::Stale);
    EXPECT_EQ(cache.insert(span_of(3, 5, 9)), CacheStatus::Stale);
    EXPECT_EQ(cache.insert(span_of(4, 2, 12)), CacheStatus::Ok);
    EXPECT_EQ(cache.insert(span_of(3, 5, 11)), CacheStatus::Stale) << "a younger span stands in its way";
    EXPECT_EQ(cache.insert(span_of(3, 5, 13)), CacheStatus::Overlap) << "an older one would have to be dropped first";
    EXPECT_TRUE(cache.remove({4}, 12));
    EXPECT_EQ(cache.insert(span_of(3, 5, 13)), CacheStatus::Ok);
}

TEST(SpanCache, GenerationsMayWrap) {
    Fixture fixture;
    EXPECT_FALSE(fixture.cache.remove({0}, 0xfffffff0U));
    EXPECT_EQ(fixture.cache.insert(span_of(0, 1, 5)), CacheStatus::Ok);
    EXPECT_EQ(fixture.cache.insert(span_of(0, 1, 0xfffffff5U)), CacheStatus::Stale);
}

TEST(SpanCache, ReadersNeverSeeAMixture) {
    Fixture fixture;
    SpanCache reader_cache(fixture.memory.map_again(), chunk_count);
    std::atomic<bool> done{false};
    std::atomic<bool> wrong{false};
    std::vector<std::jthread> readers;
    for (int thread = 0; thread < 2; ++thread) {
        readers.emplace_back([&] {
            for (std::uint32_t i = 0; !done.load(std::memory_order_relaxed); ++i) {
                const ChunkId chunk{i % 2 == 0 ? 0U : 11U}; // both ends of the span
                const auto found = reader_cache.lookup(chunk);
                if (!found) { continue; }
                const SpanRecord whole = span_of(found->first.value, found->chunk_count, found->generation);
                if (*found != whole || !covers(*found, chunk)) { wrong = true; }
            }
        });
    }
    for (std::uint32_t generation = 1; generation < 1'000'000; ++generation) {
        const SpanRecord span = span_of(0, 12, generation);
        ASSERT_EQ(fixture.cache.insert(span), CacheStatus::Ok);
        ASSERT_TRUE(fixture.cache.remove(span.first, generation));
    }
    done = true;
    readers.clear();
    EXPECT_FALSE(wrong);
}

} // namespace
} // namespace dsm::memory
