// Streams of misses, and what is fetched ahead of them.
#include "libdsm/runtime/read_ahead.hpp"

#include <gtest/gtest.h>

namespace dsm::rt {
namespace {

ReadAhead::Batch miss(ReadAhead &ahead, std::uint64_t page) { return ahead.on_miss(PageId{page}); }

TEST(ReadAhead, TheThirdMissInARowConfirmsAStream) {
    ReadAhead ahead;
    EXPECT_EQ(miss(ahead, 10).count, 0U);
    EXPECT_EQ(miss(ahead, 11).count, 0U);
    const auto batch = miss(ahead, 12);
    EXPECT_EQ(batch.first, PageId{13});
    EXPECT_EQ(batch.stride, 1);
    EXPECT_EQ(batch.count, 4U);
}

TEST(ReadAhead, BatchesGrowToTheirBound) {
    ReadAhead ahead;
    miss(ahead, 0);
    miss(ahead, 1);
    std::uint64_t next = 2;
    for (const std::uint32_t count : {4U, 8U, 16U, 32U, 64U, 64U}) {
        const auto batch = miss(ahead, next);
        EXPECT_EQ(batch.count, count);
        EXPECT_EQ(batch.first, PageId{next + 1});
        next += count + 1;
    }
}

TEST(ReadAhead, StridesAndDescentsAreStreams) {
    for (const std::int64_t stride : {-1, 3, 512, -100}) {
        ReadAhead ahead;
        const auto at = [&](int i) { return static_cast<std::uint64_t>(100'000 + i * stride); };
        miss(ahead, at(0));
        miss(ahead, at(1));
        const auto batch = miss(ahead, at(2));
        EXPECT_EQ(batch.stride, stride);
        EXPECT_EQ(batch.first, PageId{at(3)});
    }
}

TEST(ReadAhead, SeveralStreamsAtOnce) {
    ReadAhead ahead;
    for (std::uint64_t i = 0; i < 2; ++i) {
        for (std::uint64_t stream = 0; stream < 3; ++stream) { EXPECT_EQ(miss(ahead, stream * 100'000 + i).count, 0U); }
    }
    for (std::uint64_t stream = 0; stream < 3; ++stream) { EXPECT_EQ(miss(ahead, stream * 100'000 + 2).count, 4U); }
}

TEST(ReadAhead, WhatJumpsAboutFetchesNothing) {
    ReadAhead ahead;
    std::uint64_t page = 1;
    for (unsigned i = 0; i < 1000; ++i) {
        page = page * 6364136223846793005ULL + 1442695040888963407ULL;
        EXPECT_EQ(miss(ahead, page >> 34).count, 0U);
    }
}

TEST(ReadAhead, AStreamThatBreaksBeginsAnew) {
    ReadAhead ahead;
    for (const std::uint64_t page : {0, 1, 2}) { miss(ahead, page); }
    EXPECT_EQ(miss(ahead, 5).count, 0U); // Not 7: what was fetched was not wanted, or has gone.
    EXPECT_EQ(miss(ahead, 6).count, 0U);
    EXPECT_EQ(miss(ahead, 7).count, 4U);
}

} // namespace
} // namespace dsm::rt
