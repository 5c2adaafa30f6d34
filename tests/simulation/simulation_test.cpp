// The simulator itself: a seed gives the same run again, the runs are not empty, and each ending happens.
#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <optional>

namespace dsm::protocol_test {
namespace {

std::vector<std::string> trace_of(std::uint64_t seed) {
    PoolMemory memory(4'096);
    std::vector<std::string> trace;
    SimulationOptions options;
    options.seed = seed;
    const SimulationResult result = Simulation(options, memory.pool(), &trace).run();
    EXPECT_EQ(result.failure, "");
    return trace;
}

SimulationResult run(std::uint64_t seed, Ending ending) {
    PoolMemory memory(4'096);
    SimulationOptions options;
    options.seed = seed;
    options.ending = ending;
    SimulationResult result = Simulation(options, memory.pool(), nullptr).run();
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    return result;
}

TEST(Simulation, ASeedReplaysExactly) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const std::vector<std::string> trace = trace_of(seed);
        EXPECT_GT(trace.size(), 500U);
        EXPECT_EQ(trace, trace_of(seed));
    }
    EXPECT_NE(trace_of(1), trace_of(2));
}

TEST(Simulation, EverythingHappensSometimes) {
    SimulationResult sum;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const SimulationResult result = run(seed, Ending::Disturbed);
        sum.accesses += result.accesses;
        sum.frees += result.frees;
        sum.evictions += result.evictions;
        sum.abandoned_waits += result.abandoned_waits;
        sum.tree.climbs += result.tree.climbs;
        sum.tree.served_by_readers += result.tree.served_by_readers;
        sum.tree.second_invalidations += result.tree.second_invalidations;
        for (std::size_t i = 0; i < sum.messages_sent.size(); ++i) { sum.messages_sent[i] += result.messages_sent[i]; }
    }
    EXPECT_GT(sum.accesses, 10'000U);
    EXPECT_GT(sum.frees, 0U);
    EXPECT_GT(sum.evictions, 1'000U);
    EXPECT_GT(sum.abandoned_waits, 0U);
    EXPECT_GT(sum.tree.climbs, 1'000U);
    EXPECT_GT(sum.tree.served_by_readers, 1'000U);
    EXPECT_GT(sum.tree.second_invalidations, 10U);
    for (std::size_t kind = 1; kind < sum.messages_sent.size(); ++kind) {
        EXPECT_GT(sum.messages_sent[kind], 0U) << kind;
    }
}

TEST(Simulation, MessagesWaitForRoomAndHoldRequestsBack) {
    std::uint64_t waits_for_room = 0;
    std::uint64_t requests_held = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const SimulationResult result = run(seed, Ending::Disturbed);
        waits_for_room += result.waits_for_room;
        requests_held += result.requests_held;
        EXPECT_EQ(result.calms + result.deaths, 0U);
    }
    EXPECT_GT(waits_for_room, 0U);
    EXPECT_GT(requests_held, waits_for_room);
}

TEST(Simulation, InCalmEveryWaitEndsWithinTheBound) {
    SimulationResult sum;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const SimulationResult result = run(seed, Ending::Calm);
        sum.calms += result.calms;
        sum.waits_in_calm += result.waits_in_calm;
        sum.messages_waited_max = std::max(sum.messages_waited_max, result.messages_waited_max);
        EXPECT_LE(result.share_of_bound_max, 1.0);
    }
    EXPECT_GT(sum.calms, 40U);
    EXPECT_GT(sum.waits_in_calm, 1'000U);
    EXPECT_GT(sum.messages_waited_max, 50U);
}

TEST(Simulation, AfterADeathSomeWaitsDoNotEndAndLeadToIt) {
    SimulationResult sum;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const SimulationResult result = run(seed, Ending::Death);
        sum.deaths += result.deaths;
        sum.deaths_with_stuck_waits += result.deaths_with_stuck_waits;
        sum.accesses += result.accesses;
    }
    EXPECT_EQ(sum.deaths, 50U);
    EXPECT_GT(sum.deaths_with_stuck_waits, 10U);
    EXPECT_GT(sum.accesses, 1'000U);
}

TEST(Inboxes, WhatFindsNoRoomHoldsItsSenderUntilItIsInside) {
    Inboxes inboxes(3, 1);
    Random random(1);
    EXPECT_TRUE(inboxes.arrive(0, 1, 10)) << "the node was idle";
    EXPECT_FALSE(inboxes.arrive(0, 2, 11));
    EXPECT_TRUE(inboxes.may_ask(1));
    EXPECT_FALSE(inboxes.may_ask(2));
    EXPECT_EQ(inboxes.take(0, random), 10U);
    EXPECT_TRUE(inboxes.may_ask(2));
    EXPECT_EQ(inboxes.take(0, random), 11U);
    EXPECT_EQ(inboxes.take(0, random), std::nullopt);
    EXPECT_TRUE(inboxes.arrive(0, 1, 12));
    EXPECT_FALSE(inboxes.arrive(0, 2, 13));
    inboxes.forget(0);
    EXPECT_TRUE(inboxes.may_ask(2)) << "nobody waits for a dead node's room";
    EXPECT_EQ(inboxes.waits_for_room(), 2U);
}

} // namespace
} // namespace dsm::protocol_test
