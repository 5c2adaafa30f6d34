// What the simulation of many nodes promises, on up to 1,024 of them: counts are exact, time grows with the depth of
// trees, tables stay small, and nothing depends on the machine.
#include "tests/scale/page_job.hpp"
#include "tests/scale/scale_report.hpp"
#include "tests/scale/start_jobs.hpp"
#include "tests/scale/sync_jobs.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace dsm::scale_test {
namespace {

constexpr unsigned many = 1024;

/// Passes messages on as a script says: node 0 sends so many to node 1, which answers each.
class PingJob final : public Job {
public:
    PingJob(VirtualNetwork &network, unsigned messages) : network_(network), messages_(messages) {}
    void on_local(NodeId, std::uint32_t) override {
        for (unsigned message = 0; message < messages_; ++message) {
            network_.send(NodeId{1}, std::vector<std::byte>(8));
        }
    }
    void on_message(NodeId at, NodeId from, std::span<const std::byte>) override {
        if (at == NodeId{1}) { return network_.send(from, std::vector<std::byte>(8)); }
        last_answer_at = network_.now();
    }
    TimeNs last_answer_at = 0;

private:
    VirtualNetwork &network_;
    unsigned messages_;
};

TimeNs ping(unsigned messages, VirtualNetwork &network) {
    PingJob job(network, messages);
    const TimeNs begun_at = network.begin();
    network.at(NodeId{0}, begun_at, 0);
    network.run(job);
    return job.last_answer_at - begun_at;
}

TEST(VirtualNetwork, a_round_trip_is_two_one_way_latencies) {
    VirtualNetwork network(tcp_cluster(), 2);
    EXPECT_EQ(ping(1, network), 2 * one_way_ns(tcp_cluster(), 8));
    EXPECT_EQ(network.traffic().messages, 2U);
    EXPECT_EQ(network.traffic().queue_max, 0U);
    EXPECT_EQ(network.traffic().chain_max, 2U);
}

TEST(VirtualNetwork, an_engine_does_one_thing_at_a_time) {
    const NetworkModel model{.name = "slow receiver",
                             .latency_ns = 1000,
                             .send_ns = 10,
                             .receive_ns = 500,
                             .ps_per_byte = 0,
                             .connect_ns = 0,
                             .envelope_bytes = 0};
    VirtualNetwork network(model, 2);
    // The tenth message begins when the ninth has been received and answered; its answer finds node 0 idle.
    EXPECT_EQ(ping(10, network), 10 + 1000 + 10 * (500 + 10) + 1000 + 500);
    EXPECT_EQ(network.traffic().queue_max, 9U); // The last arrives 90 ns after the first, which is under way then.
}

TEST(VirtualNetwork, first_contacts_cost_both_engines) {
    VirtualNetwork network(fast_fabric(), 2);
    network.count_connections();
    const TimeNs round_trip = 2 * one_way_ns(fast_fabric(), 8);
    EXPECT_EQ(ping(1, network), round_trip + 2 * fast_fabric().connect_ns);
    EXPECT_EQ(ping(1, network), round_trip);
    EXPECT_EQ(network.traffic().peers_of_one_max, 1U);
}

TEST(Trees, levels) {
    EXPECT_EQ(levels_of_heap_tree(1, 4), 0U);
    EXPECT_EQ(levels_of_heap_tree(5, 4), 1U);
    EXPECT_EQ(levels_of_heap_tree(6, 4), 2U);
    EXPECT_EQ(levels_of_heap_tree(10240, 4), 7U);
    EXPECT_EQ(levels_of_split_tree(8, 8), 1U);
    EXPECT_EQ(levels_of_split_tree(9, 8), 2U);
    EXPECT_EQ(levels_of_split_tree(10239, 8), 5U);
}

class ScaleTest : public testing::TestWithParam<NetworkModel> {};

TEST_P(ScaleTest, every_operation_keeps_its_limits) {
    for (const std::string &line : broken_limits(run_all(GetParam(), {.nodes_max = many, .limits = {}}))) {
        ADD_FAILURE() << line;
    }
}

TEST_P(ScaleTest, counts_are_exact) {
    for (const unsigned nodes : node_counts(many)) {
        const std::uint64_t others = nodes - 1;
        EXPECT_EQ(barrier_of_all(GetParam(), nodes).traffic.messages, 2 * others);
        PageJob page(GetParam(), nodes, {});
        EXPECT_EQ(page.read_everywhere().traffic.messages, 2 * others);
        EXPECT_EQ(page.invalidate().traffic.messages, 2 * others);
        EXPECT_EQ(page.read_everywhere().traffic.messages, 2 * others);
        EXPECT_EQ(look_up_one_span(GetParam(), nodes, true, {}).traffic.messages, 2 * others);
        const Figures lock = contended_lock(GetParam(), nodes);
        EXPECT_EQ(lock.operations, others);
        EXPECT_LE(lock.traffic.messages, 3 * others);
    }
}

TEST_P(ScaleTest, longest_chains_are_the_depth_of_the_trees) {
    const Figures barrier = barrier_of_all(GetParam(), many);
    EXPECT_EQ(barrier.traffic.chain_max, barrier.levels);
    PageJob page(GetParam(), many, {});
    const Figures read = page.read_everywhere();
    EXPECT_EQ(read.traffic.chain_max, read.levels);
    const Figures invalidation = page.invalidate();
    EXPECT_EQ(invalidation.traffic.chain_max, invalidation.levels);
    const Figures span = look_up_one_span(GetParam(), many, true, {});
    EXPECT_EQ(span.traffic.chain_max, span.levels);
}

TEST_P(ScaleTest, eight_times_the_nodes_take_at_most_twice_the_time) {
    EXPECT_LE(barrier_of_all(GetParam(), many).time_ns, 2 * barrier_of_all(GetParam(), many / 8).time_ns);
    PageJob small(GetParam(), many / 8, {});
    PageJob large(GetParam(), many, {});
    EXPECT_LE(large.read_everywhere().time_ns, 2 * small.read_everywhere().time_ns);
    EXPECT_LE(large.invalidate().time_ns, 2 * small.invalidate().time_ns);
}

TEST_P(ScaleTest, a_hand_over_costs_one_way_and_three_messages) {
    const Figures lock = contended_lock(GetParam(), many);
    const TimeNs hand_over_ns = lock.time_ns / lock.operations;
    EXPECT_LE(hand_over_ns, one_way_ns(GetParam(), 15) * 11 / 10);
}

// The limits are no limits if nothing breaks them.
TEST_P(ScaleTest, reads_without_a_tree_break_the_limit) {
    protocol::SequentialLimits limits;
    limits.tree_above_nodes = nodes_max;
    Series series{"read", "", limits.read_fan_out, {PageJob(GetParam(), many, limits).read_everywhere()}};
    EXPECT_EQ(broken_limits({series}).size(), 1U);
}

TEST_P(ScaleTest, look_ups_without_a_tree_break_the_limit) {
    Series series{"span", "", 0, {look_up_one_span(GetParam(), many, false, {})}};
    EXPECT_EQ(broken_limits({series}).size(), 1U);
}

TEST_P(ScaleTest, equal_runs_give_equal_bytes) {
    std::ostringstream first;
    std::ostringstream second;
    write_json(first, GetParam(), run_all(GetParam(), {.nodes_max = 64, .limits = {}}));
    write_json(second, GetParam(), run_all(GetParam(), {.nodes_max = 64, .limits = {}}));
    EXPECT_EQ(first.str(), second.str());
}

INSTANTIATE_TEST_SUITE_P(Models, ScaleTest, testing::Values(tcp_cluster(), fast_fabric()),
                         [](const auto &model) { return model.param.name; });

// With the tree of readers and without it: then the owner knows them all.
TEST(PageMemory, of_10240_readers_stays_under_2_KiB_at_any_node) {
    for (const unsigned tree_above_nodes : {32U, static_cast<unsigned>(nodes_max)}) {
        protocol::SequentialLimits limits;
        limits.tree_above_nodes = static_cast<std::uint16_t>(tree_above_nodes);
        PageJob page(fast_fabric(), 10240, limits);
        EXPECT_LE(page.read_everywhere().memory_bytes_max, page_memory_bytes_max);
        EXPECT_LE(page.invalidate().memory_bytes_max, page_memory_bytes_max);
        EXPECT_LE(page.read_everywhere().memory_bytes_max, page_memory_bytes_max);
    }
}

} // namespace
} // namespace dsm::scale_test
