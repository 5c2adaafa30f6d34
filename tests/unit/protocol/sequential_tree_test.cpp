// Reads that climb the tree of readers: who asks whom, what it costs, and what invalidations, evictions and changes of
// owner make of copies that the owner has not served. The figures are those of docs/protocol.md.
#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "tests/simulation/protocol_world.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

namespace dsm::protocol_test {
namespace {

using protocol::Eviction;
using protocol::Flag;
using protocol::PageMessageKind;
using protocol::Pending;

/// A page, home 0, in a job whose reads climb: 0 has children 1 and 2, 1 has 3 and 4, 2 has 5 and 6, 3 has 7 and 8.
class SequentialTree : public testing::Test {
protected:
    void start(unsigned nodes, unsigned read_fan_out = 2, bool first_touch = false) {
        WorldOptions options;
        options.nodes = nodes;
        options.first_touch = {first_touch};
        options.limits.residence_us = 0;
        options.limits.read_fan_out = static_cast<std::uint16_t>(read_fan_out);
        options.limits.tree_above_nodes = 1;
        world = std::make_unique<World>(options, memory.pool());
    }
    void deliver_all() {
        while (!world->network.empty()) { deliver_oldest(); }
    }
    void deliver_oldest() {
        const auto oldest =
            std::min_element(world->network.begin(), world->network.end(),
                             [](const Packet &left, const Packet &right) { return left.id < right.id; });
        world->deliver(static_cast<std::size_t>(oldest - world->network.begin()), 0);
    }
    /// The first message of the kind to the node, before all others.
    void deliver(PageMessageKind kind, unsigned to) {
        const auto packet = std::find_if(world->network.begin(), world->network.end(),
                                         [&](const Packet &one) { return one.kind() == kind && one.to.value == to; });
        ASSERT_NE(packet, world->network.end());
        world->deliver(static_cast<std::size_t>(packet - world->network.begin()), 0);
    }
    void use(unsigned node, Access wanted) {
        for (unsigned tries = 0; world->access(node, 0) < wanted; ++tries) {
            ASSERT_LT(tries, 3U);
            world->fault(node, 0, wanted, 0);
            deliver_all();
        }
        if (wanted == Access::Write) {
            world->write(node, 0, 0, ++tag);
        } else {
            world->read(node, 0, 0);
        }
        world->accessed(node, 0, 0);
        deliver_all();
        ASSERT_EQ(world->failure(), "");
    }
    using Cost = std::pair<std::uint64_t, std::uint64_t>;
    /// Messages and frames that moved since the last call.
    Cost cost() {
        const std::uint64_t messages =
            std::accumulate(world->messages_sent.begin(), world->messages_sent.end(), std::uint64_t{0});
        const Cost now{messages, world->frames_sent};
        const Cost spent{now.first - counted.first, now.second - counted.second};
        counted = now;
        return spent;
    }
    [[nodiscard]] unsigned served_by(unsigned node) const { return world->at(node, 0).state.copyset.count(); }

    void TearDown() override {
        if (!world) { return; }
        world->check_quiet();
        EXPECT_EQ(world->failure(), "");
    }

    PoolMemory memory{4'096};
    std::unique_ptr<World> world;
    std::uint64_t tag = 0;
    Cost counted{};
};

TEST_F(SequentialTree, ASolitaryColdReadCostsItsDepth) {
    start(9);
    use(0, Access::Write);
    cost();
    use(7, Access::Read); // 7 asks 3, 3 asks 1, 1 asks 0.
    EXPECT_EQ(cost(), Cost(2 * 3, 3));
    EXPECT_EQ(world->access(3, 0), Access::Read) << "who passes on keeps a copy";
    use(8, Access::Read);
    EXPECT_EQ(cost(), Cost(2, 1)) << "3 serves its second child";
}

TEST_F(SequentialTree, AfterAFewReadersTheHintIsFollowed) {
    start(9);
    use(0, Access::Write);
    use(7, Access::Read);
    use(0, Access::Write); // Every node told one other: nobody counts it as a crowd.
    cost();
    use(7, Access::Read);
    EXPECT_EQ(cost(), Cost(2, 1));
}

TEST_F(SequentialTree, AllReadersAtOnceAreServedByAFewEach) {
    constexpr unsigned nodes = 1'000;
    start(nodes, 6);
    use(nodes - 1, Access::Write); // The owner is not the home.
    for (unsigned round = 0; round < 2; ++round) {
        cost();
        for (unsigned node = 0; node < nodes - 1; ++node) { world->fault(node, 0, Access::Read, 0); }
        deliver_all();
        EXPECT_EQ(cost(), Cost(2 * (nodes - 1), nodes - 1));
        for (unsigned node = 0; node < nodes; ++node) {
            EXPECT_NE(world->access(node, 0), Access::None);
            EXPECT_LE(served_by(node), 6U);
            world->accessed(node, 0, 0);
        }
        EXPECT_EQ(served_by(nodes - 1), 1U) << "the owner served the home alone";
        EXPECT_EQ(memory.pool().chunks_in_use(), 0U) << "what a node remembers fits its state";
        use(nodes - 1, Access::Write); // Two messages for each copy, and everybody is told to climb again.
        EXPECT_EQ(cost(), Cost(2 * (nodes - 1), 0));
    }
}

TEST_F(SequentialTree, AnEvictedCopyKeepsWhomItServed) {
    start(9);
    use(0, Access::Write);
    use(7, Access::Read);
    EXPECT_EQ(world->evict(3, 0, 0), Eviction::Dropped);
    EXPECT_EQ(world->evict(1, 0, 0), Eviction::Dropped);
    EXPECT_EQ(served_by(3), 1U);
    use(0, Access::Write);
    EXPECT_EQ(world->access(7, 0), Access::None);
    EXPECT_EQ(served_by(3), 0U);
}

TEST_F(SequentialTree, AReaderThatBecomesOwnerTakesItsListAlong) {
    start(9);
    use(0, Access::Write);
    use(7, Access::Read);
    use(8, Access::Read);
    use(3, Access::Write); // 3 served 7 and 8, and was served by 1.
    EXPECT_EQ(world->access(7, 0), Access::None);
    EXPECT_EQ(world->access(1, 0), Access::None);
    EXPECT_EQ(served_by(3), 0U);
    use(8, Access::Read);
}

TEST_F(SequentialTree, ARelayAnswersAfterThoseItServed) {
    start(9);
    use(0, Access::Write);
    use(7, Access::Read);
    world->fault(0, 0, Access::Write, 0);
    deliver(PageMessageKind::Invalidate, 1);
    deliver(PageMessageKind::Invalidate, 3);
    EXPECT_TRUE(has(world->at(1, 0).state, Flag::Relaying));
    EXPECT_TRUE(has(world->at(3, 0).state, Flag::Relaying));
    EXPECT_EQ(world->access(0, 0), Access::Read) << "7 still has a copy";
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
}

TEST_F(SequentialTree, ChildrenWaitForTheReadOfTheirParent) {
    start(9);
    use(0, Access::Write);
    cost();
    world->fault(3, 0, Access::Read, 0);
    world->fault(7, 0, Access::Read, 0);
    world->fault(8, 0, Access::Read, 0);
    deliver(PageMessageKind::ReadRequest, 3);
    deliver(PageMessageKind::ReadRequest, 3);
    EXPECT_EQ(world->at(3, 0).state.readers.count(), 2U);
    deliver_all();
    EXPECT_EQ(cost(), Cost(2 * 4, 4)) << "1, 3, 7 and 8, once each";
    for (const unsigned node : {3U, 7U, 8U}) {
        world->read(node, 0, 0);
        world->accessed(node, 0, 0);
    }
}

TEST_F(SequentialTree, AReplyThatWasInvalidatedLetsTheChildrenWaitForTheOwnership) {
    start(9);
    use(0, Access::Write);
    world->fault(1, 0, Access::Read, 0);
    world->fault(3, 0, Access::Read, 0);
    deliver(PageMessageKind::ReadRequest, 0); // The reply to 1 is on its way.
    world->fault(0, 0, Access::Write, 0);
    deliver(PageMessageKind::Invalidate, 1); // It overtakes the reply.
    deliver(PageMessageKind::ReadReply, 1);
    EXPECT_EQ(world->at(1, 0).state.pending, Pending::Own);
    deliver(PageMessageKind::ReadRequest, 1);
    EXPECT_EQ(world->at(1, 0).state.readers.count(), 1U);
    deliver(PageMessageKind::InvalidateAck, 0);
    world->write(0, 0, 0, ++tag);
    world->accessed(0, 0, 0);
    deliver_all();
    EXPECT_TRUE(owns(world->at(1, 0).state));
    world->accessed(1, 0, 0);
    deliver_all();
    EXPECT_EQ(world->access(3, 0), Access::Read);
    world->read(3, 0, 0);
    world->accessed(3, 0, 0);
}

TEST_F(SequentialTree, ASecondInvalidationJoinsTheFirst) {
    start(9);
    use(0, Access::Write);
    use(3, Access::Read); // 0 knows 1, and 1 knows 3.
    EXPECT_EQ(world->evict(3, 0, 0), Eviction::Dropped);
    use(7, Access::Read); // 3 reads again, and serves 7.
    world->at(3, 0).state.reads_climb = false;
    EXPECT_EQ(world->evict(3, 0, 0), Eviction::Dropped);
    use(3, Access::Read); // By the hint: now 0 knows 3 as well.
    EXPECT_EQ(served_by(0), 2U);
    world->fault(0, 0, Access::Write, 0);
    deliver(PageMessageKind::Invalidate, 1);
    deliver(PageMessageKind::Invalidate, 3); // Of the owner, or of 1: 3 relays to 7.
    EXPECT_TRUE(has(world->at(3, 0).state, Flag::Relaying));
    deliver(PageMessageKind::Invalidate, 3); // Answered at once.
    EXPECT_EQ(world->tree.second_invalidations, 1U);
    EXPECT_TRUE(has(world->at(3, 0).state, Flag::Relaying));
    deliver(PageMessageKind::Invalidate, 7);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
    EXPECT_EQ(world->access(7, 0), Access::None);
}

TEST_F(SequentialTree, APinnedCopyServesUntilItIsInvalidated) {
    start(9);
    use(0, Access::Write);
    use(1, Access::Read);
    ASSERT_TRUE(world->try_pin(1, 0, Access::Read, 0));
    use(3, Access::Read); // Served under the pin.
    world->fault(0, 0, Access::Write, 0);
    deliver_all();
    world->fault(4, 0, Access::Read, 0);
    deliver_all();
    EXPECT_EQ(world->access(4, 0), Access::None) << "what only a pin keeps is not passed on";
    EXPECT_EQ(world->access(3, 0), Access::None) << "the pin of another node keeps nothing here";
    world->unpin(1, 0, 0);
    deliver_all();
    EXPECT_EQ(world->access(0, 0), Access::Write);
    world->write(0, 0, 0, ++tag);
    world->accessed(0, 0, 0);
    deliver_all();
    use(4, Access::Read);
}

TEST_F(SequentialTree, APageNeverWrittenIsNotSentAlongTheTreeEither) {
    start(9);
    use(7, Access::Read);
    EXPECT_EQ(cost(), Cost(2 * 3, 0));
    use(8, Access::Write);
    EXPECT_EQ(world->access(7, 0), Access::None);
    use(7, Access::Read);
}

TEST_F(SequentialTree, TheFirstTouchIsOfTheNodeThatReads) {
    start(9, 2, true);
    use(7, Access::Read);
    EXPECT_EQ(first_toucher(world->at(0, 0).state), NodeId{7});
    EXPECT_TRUE(owns(world->at(7, 0).state));
}

} // namespace
} // namespace dsm::protocol_test
