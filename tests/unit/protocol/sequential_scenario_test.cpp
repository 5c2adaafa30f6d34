// The sequential protocol, scene by scene: who sends what, how many messages and frames each kind of fault costs.
// The figures are those of docs/protocol.md.
#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "tests/simulation/protocol_world.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace dsm::protocol_test {
namespace {

using protocol::Eviction;
using protocol::Flag;
using protocol::Mutation;
using protocol::PageMessageKind;
using protocol::Pending;

/// A page, home 0, whose messages arrive in the order they were sent.
class SequentialScenario : public testing::Test {
protected:
    static constexpr unsigned nodes_many = 33;

    void start(unsigned nodes, bool first_touch = false, unsigned residence_us = 0) {
        WorldOptions options;
        options.nodes = nodes;
        options.first_touch = {first_touch};
        options.limits.residence_us = residence_us;
        options.limits.fan_out = 4;
        options.limits.tree_above_nodes =
            nodes_many; // Reads follow hints here; sequential_tree_test.cpp has the others.
        world = std::make_unique<World>(options, memory.pool());
    }
    void deliver_all() {
        while (!world->network.empty()) {
            std::size_t oldest = 0;
            for (std::size_t i = 1; i < world->network.size(); ++i) {
                if (world->network[i].id < world->network[oldest].id) { oldest = i; }
            }
            world->deliver(oldest, now_us);
        }
    }
    /// A thread of the node gets the access that it wants and uses it.
    void use(unsigned node, Access wanted) {
        for (unsigned tries = 0; world->access(node, 0) < wanted; ++tries) {
            ASSERT_LT(tries, 3U);
            world->fault(node, 0, wanted, now_us);
            deliver_all();
        }
        if (wanted == Access::Write) {
            world->write(node, 0, 0, ++tag);
        } else {
            world->read(node, 0, 0);
        }
        world->accessed(node, 0, now_us);
        deliver_all();
        ASSERT_EQ(world->failure(), "");
    }
    /// Messages and frames that moved since the last call.
    std::pair<std::uint64_t, std::uint64_t> cost() {
        const std::uint64_t messages =
            std::accumulate(world->messages_sent.begin(), world->messages_sent.end(), std::uint64_t{0});
        const std::pair now{messages, world->frames_sent};
        const std::pair spent{now.first - counted.first, now.second - counted.second};
        counted = now;
        return spent;
    }
    using Cost = std::pair<std::uint64_t, std::uint64_t>;

    void TearDown() override {
        if (world) { EXPECT_EQ(world->failure(), ""); }
    }

    PoolMemory memory{256};
    std::unique_ptr<World> world;
    TimeUs now_us = 0;
    std::uint64_t tag = 0;
    Cost counted{};
};

TEST_F(SequentialScenario, HomeTakesItsOwnPageWithoutAMessage) {
    start(2);
    use(0, Access::Read);
    use(0, Access::Write);
    EXPECT_EQ(cost(), Cost(0, 0));
}

TEST_F(SequentialScenario, APageNeverWrittenIsNeverSent) {
    start(3);
    use(1, Access::Read);
    use(2, Access::Write);
    EXPECT_EQ(cost(), Cost(2 + 2 + 2, 0));
}

TEST_F(SequentialScenario, ReadFaultCostsTwoMessagesAndOneFrame) {
    start(3);
    use(0, Access::Write);
    cost();
    use(1, Access::Read);
    EXPECT_EQ(cost(), Cost(2, 1));
    use(0, Access::Read); // The owner went down to read and still has it.
    EXPECT_EQ(cost(), Cost(0, 0));
}

TEST_F(SequentialScenario, ReadFaultFollowsHints) {
    start(3);
    use(1, Access::Write);
    cost();
    use(2, Access::Read); // 2 asks home 0, which sends on to 1.
    EXPECT_EQ(cost(), Cost(3, 1));
}

TEST_F(SequentialScenario, WriteFaultMovesTheFrameOnce) {
    start(3);
    use(0, Access::Write);
    cost();
    use(1, Access::Write);
    EXPECT_EQ(cost(), Cost(2, 1));
    EXPECT_EQ(world->access(0, 0), Access::None);
}

TEST_F(SequentialScenario, OwnersUpgradeInvalidatesEveryCopy) {
    start(4);
    use(0, Access::Write);
    for (unsigned reader : {1U, 2U, 3U}) { use(reader, Access::Read); }
    cost();
    use(0, Access::Write);
    EXPECT_EQ(cost(), Cost(2 * 3, 0));
}

TEST_F(SequentialScenario, ReadersUpgradeTakesOwnershipWithoutBytes) {
    start(4);
    use(0, Access::Write);
    for (unsigned reader : {1U, 2U, 3U}) { use(reader, Access::Read); }
    cost();
    use(2, Access::Write); // Ownership, then the copies of 1 and 3; the old owner gave its own up with the grant.
    EXPECT_EQ(cost(), Cost(2 + 2 * 2, 0));
}

TEST_F(SequentialScenario, ManyCopiesGoAlongATree) {
    start(nodes_many);
    use(0, Access::Write);
    for (unsigned reader = 1; reader < nodes_many; ++reader) { use(reader, Access::Read); }
    cost();
    world->fault(0, 0, Access::Write, now_us);
    EXPECT_EQ(world->network.size(), 4U) << "the owner sends to fan_out nodes only";
    deliver_all();
    EXPECT_EQ(cost(), Cost(2 * (nodes_many - 1), 0)) << "a tree sends no more messages than a star";
    EXPECT_EQ(world->access(0, 0), Access::Write);
    for (unsigned reader = 1; reader < nodes_many; ++reader) { EXPECT_EQ(world->access(reader, 0), Access::None); }
}

TEST_F(SequentialScenario, AnOwnedPageIsEvictedToItsHome) {
    start(2);
    use(1, Access::Write);
    cost();
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Asked);
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Asked); // Asked once only.
    deliver_all();
    EXPECT_EQ(cost(), Cost(3, 1));
    EXPECT_FALSE(world->at(1, 0).has_frame);
    EXPECT_TRUE(owns(world->at(0, 0).state));
    use(1, Access::Read);
}

TEST_F(SequentialScenario, EvictionOfWhatIsNotToBeEvicted) {
    start(2);
    EXPECT_EQ(world->evict(0, 0, now_us), Eviction::Dropped); // A page never written needs no frame.
    use(0, Access::Read);
    EXPECT_EQ(world->evict(0, 0, now_us), Eviction::Dropped);
    use(0, Access::Write);
    EXPECT_EQ(world->evict(0, 0, now_us), Eviction::Refused); // A home has nobody to give it to.
    world->fault(1, 0, Access::Read, now_us);
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Refused); // A request is pending (rule 6).
    deliver_all();
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Refused); // The thread has not had its turn.
    world->accessed(1, 0, now_us);
    EXPECT_TRUE(world->try_pin(1, 0, Access::Read, now_us));
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Refused); // Pinned.
    world->unpin(1, 0, now_us);
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Dropped); // A read copy goes without a message.
    EXPECT_TRUE(world->network.empty());
}

TEST_F(SequentialScenario, ResidenceDefersUntilItsTimer) {
    start(3, false, 100);
    use(1, Access::Write);
    world->fault(2, 0, Access::Write, now_us);
    deliver_all();
    EXPECT_EQ(world->access(1, 0), Access::Write);
    ASSERT_FALSE(world->timers.empty());
    now_us = world->timers.back().at_us;
    EXPECT_GE(now_us, 100U);
    world->timer(1, 0, now_us);
    deliver_all();
    EXPECT_EQ(world->access(2, 0), Access::Write);
}

TEST_F(SequentialScenario, APageStaysAboutAsLongAsItTookToCome) {
    for (const auto &[journey_us, stay_us] : {std::pair{0U, 100U}, {199U, 100U}, {350U, 200U}, {100'000U, 1600U}}) {
        start(2, false, 100);
        world->fault(1, 0, Access::Write, now_us);
        now_us += journey_us;
        deliver_all();
        world->write(1, 0, 0, ++tag);
        world->accessed(1, 0, now_us);
        world->fault(0, 0, Access::Write, now_us);
        deliver_all();
        ASSERT_EQ(world->timers.size(), 1U);
        EXPECT_EQ(world->timers.back().at_us - now_us, stay_us);
        now_us = world->timers.back().at_us;
        world->timer(1, 0, now_us);
        deliver_all();
        EXPECT_EQ(world->access(0, 0), Access::Write);
    }
}

TEST_F(SequentialScenario, AWaiterThatVanishesHoldsThePageForABoundedTime) {
    start(2);
    world->fault(1, 0, Access::Write, now_us);
    deliver_all(); // Node 1 has it now and never says that it has mapped it.
    world->fault(0, 0, Access::Write, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::None);
    ASSERT_FALSE(world->timers.empty());
    now_us = world->timers.back().at_us;
    world->timer(1, 0, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
}

TEST_F(SequentialScenario, APinDelaysAnInvalidation) {
    start(2);
    use(0, Access::Write);
    use(1, Access::Read);
    EXPECT_TRUE(world->try_pin(1, 0, Access::Read, now_us));
    world->fault(0, 0, Access::Write, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Read);
    EXPECT_EQ(world->access(1, 0), Access::Read);
    world->unpin(1, 0, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
}

TEST_F(SequentialScenario, APinAtTheOwnerDefersRequests) {
    start(3);
    EXPECT_TRUE(world->try_pin(0, 0, Access::Write, now_us));
    world->accessed(0, 0, now_us); // It is mapped at once.
    world->fault(1, 0, Access::Read, now_us);
    world->fault(2, 0, Access::Write, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
    EXPECT_FALSE(world->try_pin(0, 0, Access::Read, now_us)); // Others wait: no pin joins the one that is there.
    world->unpin(0, 0, now_us);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::None);
}

TEST_F(SequentialScenario, AnUpgradeWaitsForThePinOfItsOwnNode) {
    start(2);
    use(0, Access::Write);
    use(1, Access::Read);
    EXPECT_TRUE(world->try_pin(1, 0, Access::Read, now_us));
    world->fault(1, 0, Access::Write, now_us);
    EXPECT_TRUE(world->network.empty()); // Nothing is asked for: an upgrade would be invalidated like any copy (S11).
    world->wakes.clear();
    world->unpin(1, 0, now_us);
    ASSERT_FALSE(world->wakes.empty());
    world->fault(1, 0, Access::Write, now_us);
    deliver_all();
    EXPECT_EQ(world->access(1, 0), Access::Write);
}

TEST_F(SequentialScenario, NothingIsPinnedWhileARequestIsPending) {
    start(2);
    use(0, Access::Write);
    use(1, Access::Read);
    world->fault(1, 0, Access::Write, now_us);
    EXPECT_FALSE(world->try_pin(1, 0, Access::Read, now_us));
    deliver_all();
    EXPECT_TRUE(world->try_pin(1, 0, Access::Read, now_us));
    world->unpin(1, 0, now_us);
}

TEST_F(SequentialScenario, FirstTouchGivesThePageAwayAlsoForARead) {
    start(3, true);
    use(2, Access::Read);
    EXPECT_EQ(cost(), Cost(4, 0)); // The read is told to ask for the ownership.
    EXPECT_TRUE(owns(world->at(2, 0).state));
    EXPECT_EQ(first_toucher(world->at(0, 0).state), NodeId{2});
    use(1, Access::Read);
    EXPECT_TRUE(owns(world->at(2, 0).state));
    EXPECT_EQ(first_toucher(world->at(0, 0).state), NodeId{2});
}

TEST_F(SequentialScenario, FirstTouchOfTheHomeItself) {
    start(2, true);
    use(0, Access::Read);
    EXPECT_EQ(first_toucher(world->at(0, 0).state), NodeId{0});
    use(1, Access::Read);
    EXPECT_TRUE(owns(world->at(0, 0).state));
}

TEST_F(SequentialScenario, AFreeTakesEveryCopyAndMovesNoFrame) {
    start(4);
    use(3, Access::Write);
    use(1, Access::Read);
    use(2, Access::Read);
    cost();
    world->free_block(0, now_us);
    deliver_all();
    EXPECT_EQ(world->frees_done, 1U);
    EXPECT_EQ(cost(), Cost(2 + 2 * 2, 0));
    for (unsigned node = 0; node < 4; ++node) { EXPECT_FALSE(world->at(node, 0).has_frame); }
    use(2, Access::Read); // Zeros again.
    EXPECT_EQ(world->at(2, 0).frame, Words{});
}

TEST_F(SequentialScenario, AStaleTakeBackDoesNoHarm) {
    start(3);
    use(1, Access::Write);
    EXPECT_EQ(world->evict(1, 0, now_us), Eviction::Asked);
    const Packet take_back = world->network.front();
    world->network.clear();
    use(2, Access::Write);
    world->network.push_back(take_back);
    deliver_all();
    EXPECT_TRUE(owns(world->at(0, 0).state));
    use(2, Access::Write);
}

TEST_F(SequentialScenario, TheWorldNoticesALostPage) {
    start(2);
    world->fault(1, 0, Access::Write, now_us);
    deliver_all();
    world->at(1, 0).frame[0] = 12'345; // A write that the protocol did not see.
    world->read(1, 0, 0);
    EXPECT_NE(world->failure(), "");
    world.reset();
}

} // namespace
} // namespace dsm::protocol_test
