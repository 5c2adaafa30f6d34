// The simulator itself: a seed gives the same run again, and the runs are not empty.
#include "tests/simulation/simulation.hpp"

#include <gtest/gtest.h>

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

TEST(Simulation, ASeedReplaysExactly) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const std::vector<std::string> trace = trace_of(seed);
        EXPECT_GT(trace.size(), 1'000U);
        EXPECT_EQ(trace, trace_of(seed));
    }
    EXPECT_NE(trace_of(1), trace_of(2));
}

TEST(Simulation, EverythingHappensSometimes) {
    SimulationResult sum;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        PoolMemory memory(4'096);
        SimulationOptions options;
        options.seed = seed;
        const SimulationResult result = Simulation(options, memory.pool(), nullptr).run();
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

} // namespace
} // namespace dsm::protocol_test
