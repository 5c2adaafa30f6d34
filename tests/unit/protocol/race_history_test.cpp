// Which intervals are concurrent and which bytes they share, as the home remembers them.
#include "libdsm/protocol/release/race_history.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace dsm::protocol {
namespace {

PageBytes bytes_of(std::size_t first, std::size_t count) {
    PageBytes bytes{};
    for (std::size_t at = first; at < first + count; ++at) {
        bytes[at / line_bytes] |= std::uint64_t{1} << (at % line_bytes);
    }
    return bytes;
}

class RaceHistoryTest : public testing::Test {
protected:
    struct Race {
        unsigned node;
        Interval interval;
        std::size_t first, count;
        friend bool operator==(const Race &, const Race &) = default;
    };
    static constexpr PageLife page{PageId{7}, 1};

    std::vector<Race> races(PageLife life, unsigned writer, std::vector<Interval> time, const PageBytes &bytes) const {
        std::vector<Race> found;
        history_.for_each_race(life, NodeId{static_cast<std::uint16_t>(writer)}, time, bytes,
                               [&](const RaceWrite &write, const PageBytes &both) {
                                   const ByteRun run = first_run_of(both);
                                   found.push_back({write.node.value, write.interval, run.first, run.count});
                               });
        return found;
    }
    void remember(PageLife life, unsigned writer, Interval interval, const PageBytes &bytes) {
        history_.remember(life, NodeId{static_cast<std::uint16_t>(writer)}, interval, bytes);
    }

    std::unique_ptr<std::byte[]> memory_ = std::make_unique<std::byte[]>(RaceHistory::region_bytes());
    RaceHistory history_{memory_.get()};
};

TEST_F(RaceHistoryTest, ZeroedMemoryRemembersNothing) {
    EXPECT_TRUE(races(page, 0, {0, 0}, bytes_of(0, page_bytes)).empty());
    EXPECT_TRUE(races({PageId{0}, 1}, 0, {0, 0}, bytes_of(0, page_bytes)).empty());
}

TEST_F(RaceHistoryTest, TheSameBytesInUnknownIntervalsAreARace) {
    remember(page, 1, 3, bytes_of(60, 8));
    EXPECT_EQ(races(page, 2, {0, 2, 0}, bytes_of(62, 100)), (std::vector<Race>{{1, 3, 62, 6}})) << "across a line";
}

TEST_F(RaceHistoryTest, WhatTheWriterKnewIsNone) {
    remember(page, 1, 3, bytes_of(60, 8));
    EXPECT_TRUE(races(page, 2, {0, 3, 0}, bytes_of(60, 8)).empty());
    EXPECT_TRUE(races(page, 2, {0, 9, 0}, bytes_of(60, 8)).empty());
}

TEST_F(RaceHistoryTest, NeighbouringBytesAreNone) {
    remember(page, 1, 3, bytes_of(60, 8));
    EXPECT_TRUE(races(page, 2, {0, 0, 0}, bytes_of(68, 8)).empty());
    EXPECT_TRUE(races(page, 2, {0, 0, 0}, bytes_of(52, 8)).empty());
}

TEST_F(RaceHistoryTest, NobodyRacesWithItself) {
    remember(page, 1, 3, bytes_of(0, 8));
    EXPECT_TRUE(races(page, 1, {0, 0}, bytes_of(0, 8)).empty());
}

TEST_F(RaceHistoryTest, PartsOfAnIntervalAreOneWrite) {
    remember(page, 1, 3, bytes_of(0, 8));
    remember(page, 1, 3, bytes_of(8, 8));
    EXPECT_EQ(races(page, 0, {0, 0}, bytes_of(0, 100)), (std::vector<Race>{{1, 3, 0, 16}}));
}

TEST_F(RaceHistoryTest, TheOldestGivesWay) {
    for (Interval interval = 1; interval <= RaceHistory::writes_of_page_max + 1; ++interval) {
        remember(page, 1, interval, bytes_of(interval, 1));
    }
    EXPECT_TRUE(races(page, 0, {0, 0}, bytes_of(1, 1)).empty()) << "forgotten";
    EXPECT_EQ(races(page, 0, {0, 0}, bytes_of(2, 1)), (std::vector<Race>{{1, 2, 2, 1}}));
}

TEST_F(RaceHistoryTest, ANewAllocationOfThePageBeginsAnew) {
    remember(page, 1, 3, bytes_of(0, 8));
    const PageLife next{page.page, 2};
    EXPECT_TRUE(races(next, 0, {0, 0}, bytes_of(0, 8)).empty());
    remember(next, 2, 1, bytes_of(100, 1));
    EXPECT_TRUE(races(next, 0, {0, 0, 0}, bytes_of(0, 8)).empty());
    EXPECT_TRUE(races(page, 0, {0, 0, 0}, bytes_of(0, 8)).empty());
}

/// Pages that share a place push each other out, and are never taken for one another.
TEST_F(RaceHistoryTest, PagesAreNotConfused) {
    const std::uint64_t pages = std::uint64_t{4} << RaceHistory::places_bits;
    for (std::uint64_t at = 1; at <= pages; ++at) { remember({PageId{at}, 1}, 1, at, bytes_of(0, 1)); }
    std::uint64_t found = 0;
    for (std::uint64_t at = 1; at <= pages; ++at) {
        for (const Race &race : races({PageId{at}, 1}, 0, {0, 0}, bytes_of(0, 1))) {
            EXPECT_EQ(race.interval, at);
            ++found;
        }
    }
    EXPECT_GT(found, 0U);
}

TEST_F(RaceHistoryTest, ChangedBytesLeaveTheTwinAlone) {
    alignas(64) std::byte frame[page_bytes]{};
    alignas(64) std::byte twin[page_bytes]{};
    frame[5] = frame[6] = frame[4095] = std::byte{1};
    PageBytes wanted = bytes_of(5, 2);
    add_bytes(wanted, bytes_of(4095, 1));
    EXPECT_EQ(changed_bytes(frame, twin), wanted);
    EXPECT_EQ(changed_bytes(frame, twin), wanted);
    EXPECT_TRUE(is_empty(changed_bytes(twin, twin)));
}

} // namespace
} // namespace dsm::protocol
