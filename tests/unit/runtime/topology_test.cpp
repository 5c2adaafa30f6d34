// Hosts cut into nodes, ranks that stand alone, agents.
#include "libdsm/runtime/topology.hpp"

#include <gtest/gtest.h>
#include <map>
#include <vector>

namespace dsm::rt {
namespace {

using Alone = std::vector<bool>;

std::vector<int> nodes_of(const Topology &topology) {
    std::vector<int> nodes;
    for (std::int32_t rank = 0; rank < topology.rank_count(); ++rank) {
        nodes.push_back(topology.node_of(Rank{rank}).value);
    }
    return nodes;
}

std::vector<int> nodes_of(const std::vector<int> &hosts, int ranks_per_node, Alone alone = {}) {
    alone.resize(hosts.size());
    return nodes_of(Topology::make(Rank{0}, hosts, ranks_per_node, alone));
}

/// What must hold for every topology: the tables agree with one another, and a node lies on one host.
void expect_sound(const Topology &topology) {
    std::size_t ranks_seen = 0;
    for (std::uint16_t node = 0; node < topology.node_count(); ++node) {
        const auto &ranks = topology.ranks_of(NodeId{node});
        ASSERT_FALSE(ranks.empty());
        EXPECT_EQ(topology.first_rank_of(NodeId{node}), ranks.front());
        for (std::size_t place = 0; place < ranks.size(); ++place, ++ranks_seen) {
            EXPECT_EQ(topology.node_of(ranks[place]), NodeId{node});
            EXPECT_EQ(topology.local_rank_of(ranks[place]), static_cast<int>(place));
            EXPECT_EQ(topology.host_of(ranks[place]), topology.host_of(ranks[0]));
            if (place > 0) { EXPECT_LT(ranks[place - 1], ranks[place]); }
        }
    }
    EXPECT_EQ(ranks_seen, static_cast<std::size_t>(topology.rank_count()));
}

TEST(Topology, AHostIsANode) {
    EXPECT_EQ(nodes_of({0}, 0), (std::vector{0}));
    EXPECT_EQ(nodes_of({7, 7, 7}, 0), (std::vector{0, 0, 0}));
    EXPECT_EQ(nodes_of({0, 0, 1, 1, 2}, 0), (std::vector{0, 0, 1, 1, 2}));
    EXPECT_EQ(nodes_of({5, 3, 5, 3}, 0), (std::vector{0, 1, 0, 1})) << "dealt out over hosts in turn";
}

TEST(Topology, RanksPerNodeCutsHosts) {
    EXPECT_EQ(nodes_of({0, 0, 0}, 1), (std::vector{0, 1, 2}));
    EXPECT_EQ(nodes_of({0, 0, 0, 0, 0}, 2), (std::vector{0, 0, 1, 1, 2})) << "the last node takes what is left";
    EXPECT_EQ(nodes_of({0, 0, 0, 1, 1}, 2), (std::vector{0, 0, 1, 2, 2})) << "never across hosts";
    EXPECT_EQ(nodes_of({0, 1, 0, 1, 0, 1}, 2), (std::vector{0, 1, 0, 1, 2, 3}));
    EXPECT_EQ(nodes_of({0, 0}, 100), (std::vector{0, 0}));
}

TEST(Topology, ARankAloneIsANodeOfItsOwn) {
    EXPECT_EQ(nodes_of({0, 0, 0}, 0, {false, true, false}), (std::vector{0, 1, 0}));
    EXPECT_EQ(nodes_of({0, 0, 0}, 0, {true, false, false}), (std::vector{0, 1, 1})) << "the others stay together";
    EXPECT_EQ(nodes_of({0, 0, 0}, 0, {true, true, true}), (std::vector{0, 1, 2}));
    EXPECT_EQ(nodes_of({0, 0, 0, 0, 0}, 2, {false, true, false, false, false}), (std::vector{0, 1, 0, 2, 2}))
        << "it does not count among its neighbours' ranks";
}

TEST(Topology, TablesAgree) {
    for (int ranks_per_node : {0, 1, 2, 3, 7}) {
        for (int hosts : {1, 2, 3}) {
            std::vector<int> host_of_rank;
            Alone alone;
            for (int rank = 0; rank < 20; ++rank) {
                host_of_rank.push_back(rank * 7 % hosts);
                alone.push_back(rank % 6 == 4);
            }
            expect_sound(Topology::make(Rank{3}, host_of_rank, ranks_per_node, alone));
        }
    }
}

TEST(Topology, KnowsItself) {
    const Topology topology = Topology::make(Rank{4}, {0, 1, 0, 1, 1, 1}, 2, Alone(6));
    EXPECT_EQ(topology.self(), Rank{4});
    EXPECT_EQ(topology.self_node(), NodeId{2});
    EXPECT_EQ(topology.local_rank(), 0);
    EXPECT_EQ(topology.ranks_of_this_host(), (std::vector{Rank{1}, Rank{3}, Rank{4}, Rank{5}}));
    EXPECT_EQ(topology.place_on_host(Rank{5}), 3);
    EXPECT_EQ(topology.place_on_host(Rank{2}), 1) << "counted on its own host";
    EXPECT_TRUE(topology.same_host(Rank{1}));
    EXPECT_FALSE(topology.same_host(Rank{2}));
}

TEST(Topology, AgentsAreSpreadOverTheNode) {
    const std::vector<int> hosts(12, 0);
    const Topology here = Topology::make(Rank{0}, hosts, 4, Alone(12));
    const Topology there = Topology::make(Rank{11}, hosts, 4, Alone(12));
    constexpr int subjects = 8192;
    std::map<std::int32_t, int> count;
    for (std::uint64_t subject = 0; subject < subjects; ++subject) {
        const Rank agent = here.agent(NodeId{1}, subject);
        EXPECT_EQ(agent, there.agent(NodeId{1}, subject)) << "all ranks agree";
        EXPECT_EQ(here.node_of(agent), NodeId{1});
        ++count[agent.value];
    }
    ASSERT_EQ(count.size(), 4U);
    for (const auto &[rank, times] : count) {
        EXPECT_NEAR(times, subjects / 4, subjects / 40) << "rank " << rank << " of neighbouring pages";
    }
    EXPECT_EQ(Topology::make(Rank{0}, {0, 0}, 1, Alone(2)).agent(NodeId{1}, 99), Rank{1});
}

TEST(Topology, ThereIsACore) {
    const Cores cores = count_cores();
    EXPECT_GE(cores.of_rank, 1);
    EXPECT_GE(cores.of_host, cores.of_rank);
}

} // namespace
} // namespace dsm::rt
