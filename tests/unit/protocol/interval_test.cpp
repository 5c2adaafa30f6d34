// Intervals of a node: what is held, when an interval closes, when the next one does.
#include "libdsm/protocol/release/interval.hpp"

#include <gtest/gtest.h>

namespace dsm::protocol {
namespace {

TEST(Interval, ANodeThatHasWrittenNothingGoesOn) {
    IntervalState state{};
    IntervalTicket ticket{};
    EXPECT_EQ(begin_release(state, false, ticket), CloseStart::Nothing);
    EXPECT_TRUE(is_due(state, ticket));
}

TEST(Interval, IsPublishedWhenItsDiffsAreMadeAndAcknowledged) {
    IntervalState state{};
    IntervalTicket ticket{};
    ASSERT_EQ(begin_release(state, true, ticket), CloseStart::Close);
    EXPECT_FALSE(is_due(state, ticket));
    add_parts(state, 2);
    EXPECT_FALSE(part_done(state)) << "one is acknowledged while others are made";
    EXPECT_FALSE(part_done(state)) << "all are made";
    EXPECT_TRUE(part_done(state));
    EXPECT_FALSE(is_due(state, ticket)) << "the caller publishes first";
    EXPECT_FALSE(finish(state));
    EXPECT_TRUE(is_due(state, ticket));
    EXPECT_EQ(state.done, 1U);
}

TEST(Interval, WithoutDiffsItIsPublishedWhenAllWereAskedFor) {
    IntervalState state{};
    IntervalTicket ticket{};
    ASSERT_EQ(begin_release(state, true, ticket), CloseStart::Close);
    EXPECT_TRUE(part_done(state));
}

TEST(Interval, WhoHasWrittenNothingWaitsForWhatCloses) {
    IntervalState state{};
    IntervalTicket first{};
    IntervalTicket second{};
    ASSERT_EQ(begin_release(state, true, first), CloseStart::Close);
    EXPECT_EQ(begin_release(state, false, second), CloseStart::Wait);
    EXPECT_FALSE(is_due(state, second));
    EXPECT_TRUE(part_done(state));
    EXPECT_FALSE(finish(state)) << "nobody waits for another";
    EXPECT_TRUE(is_due(state, second));
}

TEST(Interval, WhoReleasesOtherPagesThanThoseListedWaitsForWhatCloses) {
    IntervalState state{};
    IntervalTicket all{};
    IntervalTicket range{};
    EXPECT_EQ(begin_release(state, false, range), CloseStart::Nothing) << "no page of the range is listed";
    EXPECT_TRUE(is_due(state, range));
    ASSERT_EQ(begin_release(state, true, all), CloseStart::Close);
    EXPECT_EQ(begin_release(state, false, range), CloseStart::Wait) << "a page of the range may be in it";
    EXPECT_FALSE(is_due(state, range));
    EXPECT_TRUE(part_done(state));
    EXPECT_FALSE(finish(state));
    EXPECT_TRUE(is_due(state, range));
}

TEST(Interval, WhatComesMeanwhileWaitsForTheNextOneTogether) {
    IntervalState state{};
    IntervalTicket tickets[3]{};
    ASSERT_EQ(begin_release(state, true, tickets[0]), CloseStart::Close);
    EXPECT_EQ(begin_release(state, true, tickets[1]), CloseStart::Wait);
    EXPECT_EQ(begin_release(state, true, tickets[2]), CloseStart::Wait);
    EXPECT_TRUE(part_done(state));
    EXPECT_TRUE(finish(state)) << "the next one closes at once";
    EXPECT_TRUE(is_due(state, tickets[0]));
    EXPECT_FALSE(is_due(state, tickets[1]));
    EXPECT_TRUE(part_done(state));
    EXPECT_FALSE(finish(state));
    EXPECT_TRUE(is_due(state, tickets[1]));
    EXPECT_TRUE(is_due(state, tickets[2]));
    EXPECT_EQ(state.done, 2U);
}

TEST(Interval, NumbersMayWrapAround) {
    IntervalState state{};
    state.begun = state.done = UINT32_MAX;
    IntervalTicket ticket{};
    ASSERT_EQ(begin_release(state, true, ticket), CloseStart::Close);
    EXPECT_FALSE(is_due(state, ticket));
    EXPECT_TRUE(part_done(state));
    EXPECT_FALSE(finish(state));
    EXPECT_TRUE(is_due(state, ticket));
}

} // namespace
} // namespace dsm::protocol
