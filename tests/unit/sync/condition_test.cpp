// The rules of conditions, one by one.
#include "libdsm/sync/condition.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

/// A condition at node 0 and threads of nodes 0 to 3, one each.
class ConditionHome : public ConditionEffects, public testing::Test {
protected:
    using Kind = ConditionMessageKind;
    using Phase = ConditionPhase;

    void send(NodeId to, const ConditionMessage &message) override {
        EXPECT_NE(to.value, 0);
        sent.push_back(message);
    }
    void deliver_here(const ConditionMessage &message) override { on_wait_message(records[0], message); }

    ConditionContext context() { return {LockId{8}, NodeId{0}, RecordPool<ConditionRecord>(pool_head, pool)}; }
    void tell(Kind kind, unsigned node, std::uint32_t sequence = 0) {
        const NodeId from{static_cast<std::uint16_t>(node)};
        const ConditionMessage message{
            kind, false, from, LockId{8}, {from, Rank{static_cast<std::int32_t>(node)}, WaitSlot{0}, sequence}};
        step(state, context(), *this, message);
    }
    /// Delivers the oldest answer; true when it changed its thread's phase.
    bool deliver(std::size_t which = 0) {
        const ConditionMessage message = sent[which];
        sent.erase(sent.begin() + static_cast<std::ptrdiff_t>(which));
        return on_wait_message(records[message.waiter.node.value], message);
    }
    std::uint32_t enqueue(unsigned node) {
        const std::uint32_t sequence = begin_wait(records[node]);
        tell(Kind::Enqueue, node, sequence);
        return sequence;
    }
    Phase phase(unsigned node) { return wait_phase(records[node]); }

    ConditionState state{};
    PoolHead pool_head{};
    ConditionRecord pool[3]{};
    WaitRecord records[4]{};
    std::vector<ConditionMessage> sent;
};

TEST_F(ConditionHome, AWaiterIsAcknowledgedAndThenWoken) {
    enqueue(1);
    EXPECT_EQ(phase(1), Phase::Enqueueing);
    EXPECT_TRUE(deliver());
    EXPECT_EQ(phase(1), Phase::Waiting);
    tell(Kind::Signal, 2);
    EXPECT_TRUE(deliver());
    EXPECT_EQ(phase(1), Phase::Woken);
    EXPECT_FALSE(condition_in_use(state));
}

TEST_F(ConditionHome, AWaiterOfTheHomeNodeNeedsNoMessage) {
    enqueue(0);
    EXPECT_EQ(phase(0), Phase::Waiting);
    tell(Kind::Signal, 0);
    EXPECT_EQ(phase(0), Phase::Woken);
    EXPECT_TRUE(sent.empty());
}

TEST_F(ConditionHome, ASignalWakesTheLongestWaitingOneOnly) {
    enqueue(2);
    enqueue(1);
    sent.clear();
    tell(Kind::Signal, 3);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].waiter.node.value, 2);
    EXPECT_TRUE(condition_in_use(state));
}

TEST_F(ConditionHome, ABroadcastWakesAllAndASignalToNobodyIsForgotten) {
    tell(Kind::Signal, 3);
    tell(Kind::Broadcast, 3);
    enqueue(1);
    enqueue(2);
    sent.clear();
    tell(Kind::Broadcast, 3);
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_FALSE(condition_in_use(state));
}

TEST_F(ConditionHome, AWakeThatOvertakesTheAcknowledgementCountsAsBoth) {
    enqueue(1);
    tell(Kind::Signal, 2);
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(phase(1), Phase::Woken);
    EXPECT_FALSE(deliver(0));
    EXPECT_EQ(phase(1), Phase::Woken);
}

TEST_F(ConditionHome, ALateAcknowledgementIsNoneOfTheNextWait) {
    enqueue(1);
    tell(Kind::Signal, 2);
    deliver(1);
    end_wait(records[1]);
    enqueue(1);
    EXPECT_FALSE(deliver(0)); // of the first wait
    EXPECT_EQ(phase(1), Phase::Enqueueing);
    EXPECT_TRUE(deliver(0));
    EXPECT_EQ(phase(1), Phase::Waiting);
}

TEST_F(ConditionHome, ACancelTakesAWaiterOut) {
    enqueue(2);
    const std::uint32_t sequence = enqueue(1);
    deliver();
    deliver();
    EXPECT_TRUE(begin_cancel(records[1]));
    tell(Kind::Cancel, 1, sequence);
    EXPECT_TRUE(deliver());
    EXPECT_EQ(phase(1), Phase::Cancelled);
    enqueue(3); // the tail was mended
    tell(Kind::Broadcast, 0);
    EXPECT_EQ(sent.size(), 3U);
}

TEST_F(ConditionHome, ACancelOfOneWhoWasWokenComesTooLate) {
    const std::uint32_t sequence = enqueue(1);
    deliver();
    EXPECT_TRUE(begin_cancel(records[1]));
    tell(Kind::Signal, 2);
    tell(Kind::Cancel, 1, sequence);
    EXPECT_TRUE(deliver(1)); // CancelLate before the Wake
    EXPECT_EQ(phase(1), Phase::Woken);
    EXPECT_FALSE(deliver(0));
    end_wait(records[1]);
    EXPECT_EQ(phase(1), Phase::Idle);
}

TEST_F(ConditionHome, ACancelIsOnlyForWhoWaits) {
    EXPECT_FALSE(begin_cancel(records[1]));
    enqueue(1);
    EXPECT_FALSE(begin_cancel(records[1])); // before the acknowledgement it could overtake the Enqueue
}

TEST_F(ConditionHome, WithoutSpaceAWaiterIsRefusedAndTheOthersKeepTheirPlaces) {
    enqueue(0);
    enqueue(1);
    enqueue(2);
    enqueue(3);
    EXPECT_EQ(sent.back().kind, Kind::EnqueueRefused);
    deliver(2);
    EXPECT_EQ(phase(3), Phase::Refused);
    end_wait(records[3]);
    EXPECT_EQ(state.waiters, 3U);
    tell(Kind::Signal, 3);
    enqueue(3); // a record is free again
    EXPECT_EQ(sent.back().kind, Kind::EnqueueAck);
}

TEST_F(ConditionHome, AQueryTellsWhetherAnybodyWaits) {
    std::uint32_t sequence = begin_query(records[1]);
    tell(Kind::Query, 1, sequence);
    deliver();
    EXPECT_EQ(phase(1), Phase::QueryIdle);
    end_wait(records[1]);
    enqueue(0);
    sequence = begin_query(records[1]);
    tell(Kind::Query, 1, sequence);
    deliver();
    EXPECT_EQ(phase(1), Phase::QueryBusy);
}

TEST_F(ConditionHome, AnswersToTheHomeAreImpossible) {
    EXPECT_EXIT(tell(Kind::Wake, 1), testing::ExitedWithCode(70), "C5");
    enqueue(1);
    EXPECT_EXIT(begin_wait(records[1]), testing::ExitedWithCode(70), "C3");
}

TEST(RecordPool, GivesEveryRecordOnceAndTakesItBack) {
    PoolHead head{};
    ConditionRecord records[3]{};
    RecordPool<ConditionRecord> pool(head, records);
    const std::uint32_t first = pool.take();
    const std::uint32_t second = pool.take();
    const std::uint32_t third = pool.take();
    EXPECT_EQ(first + second + third, 6U);
    EXPECT_EQ(pool.take(), 0U);
    pool.give_back(second);
    pool.give_back(first);
    EXPECT_EQ(pool.take(), first);
    EXPECT_EQ(pool.take(), second);
    EXPECT_EQ(pool.take(), 0U);
}

} // namespace
