// The rules of the two barriers, one by one.
#include "libdsm/sync/barrier.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

struct Sent {
    unsigned to;
    BarrierMessage message;
};

class BarrierNodes : public BarrierEffects, public testing::Test {
protected:
    static constexpr unsigned node_count = 7;
    static constexpr unsigned threads = 4;
    using Kind = BarrierMessageKind;
    using Outcome = BarrierOutcome;

    void send(NodeId to, const BarrierMessage &message) override { sent.push_back({to.value, message}); }
    void wake(WaitSlot slot) override { woken.push_back(slot.value); }
    void open(std::uint32_t generation) override { opened.push_back(generation); }

    TreeBarrierContext tree_context(unsigned node) {
        return {NodeId{static_cast<std::uint16_t>(node)}, node_count, fan_out};
    }
    void arrive(unsigned node) { tree_arrive(trees[node], tree_context(node), *this); }
    void deliver_tree() {
        while (!sent.empty()) {
            const Sent next = take(0);
            step(trees[next.to], tree_context(next.to), *this, next.message);
        }
    }

    CountedBarrierContext context(unsigned node) {
        return {LockId{8}, NodeId{static_cast<std::uint16_t>(node)}, NodeId{0}, records[node],
                RecordPool<BarrierRecord>(pool_heads[node], pools[node])};
    }
    Outcome pass(unsigned node, unsigned thread, std::uint32_t count) {
        return step(states[node], context(node), *this,
                    {BarrierEventKind::Arrive, WaitSlot{thread}, Rank{0}, count, nullptr});
    }
    Outcome look(unsigned node, unsigned thread) {
        return step(states[node], context(node), *this,
                    {BarrierEventKind::Look, WaitSlot{thread}, Rank{0}, 0, nullptr});
    }
    Outcome query(unsigned node, unsigned thread) {
        return step(states[node], context(node), *this,
                    {BarrierEventKind::Query, WaitSlot{thread}, Rank{0}, 0, nullptr});
    }
    Sent take(std::size_t which) {
        const Sent next = sent[which];
        sent.erase(sent.begin() + static_cast<std::ptrdiff_t>(which));
        return next;
    }
    Sent deliver(std::size_t which = 0) {
        const Sent next = take(which);
        step(states[next.to], context(next.to), *this, {BarrierEventKind::Message, {}, {}, 0, &next.message});
        return next;
    }
    void deliver_all() {
        while (!sent.empty()) { deliver(); }
    }

    std::uint16_t fan_out = 2;
    TreeBarrierState trees[node_count]{};
    CountedBarrierState states[node_count]{};
    WaitRecord records[node_count][threads]{};
    PoolHead pool_heads[node_count]{};
    BarrierRecord pools[node_count][3]{};
    std::vector<Sent> sent;
    std::vector<unsigned> woken;
    std::vector<std::uint32_t> opened;
};

TEST_F(BarrierNodes, TheTreeOpensWhenTheLastNodeHasComeAndEachNodeOnce) {
    for (const unsigned fan_out_now : {1U, 2U, 4U, 16U}) {
        fan_out = static_cast<std::uint16_t>(fan_out_now);
        std::fill(std::begin(trees), std::end(trees), TreeBarrierState{});
        for (std::uint32_t generation = 0; generation < 3; ++generation) {
            for (unsigned node = 0; node < node_count; ++node) {
                EXPECT_TRUE(opened.empty());
                arrive((node + generation) % node_count);
                deliver_tree();
            }
            EXPECT_EQ(opened, std::vector<std::uint32_t>(node_count, generation));
            opened.clear();
        }
    }
}

TEST_F(BarrierNodes, TheTreeNeedsTwoMessagesForEachNodeButTheRoot) {
    unsigned messages = 0;
    for (unsigned node = 0; node < node_count; ++node) { arrive(node); }
    while (!sent.empty()) {
        const Sent next = take(0);
        ++messages;
        step(trees[next.to], tree_context(next.to), *this, next.message);
    }
    EXPECT_EQ(messages, 2 * (node_count - 1));
}

TEST_F(BarrierNodes, TheTreeRefusesAnotherGeneration) {
    BarrierMessage message{};
    message.kind = Kind::TreeArrive;
    message.from = NodeId{1};
    message.generation = 1;
    EXPECT_EXIT(step(trees[0], tree_context(0), *this, message), testing::ExitedWithCode(70), "B2");
    arrive(0);
    EXPECT_EXIT(arrive(0), testing::ExitedWithCode(70), "B1");
}

TEST_F(BarrierNodes, ABarrierOfOneOpensAtOnce) {
    EXPECT_EQ(pass(0, 0, 1), Outcome::Serial);
    EXPECT_EQ(pass(1, 0, 1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(look(1, 0), Outcome::Serial);
}

TEST_F(BarrierNodes, ExactlyOneThreadIsSerial) {
    EXPECT_EQ(pass(1, 0, 3), Outcome::Wait);
    EXPECT_EQ(pass(1, 1, 3), Outcome::Wait);
    EXPECT_EQ(pass(0, 0, 3), Outcome::Wait);
    EXPECT_EQ(look(1, 0), Outcome::Wait);
    deliver_all();
    const Outcome outcomes[] = {look(1, 0), look(1, 1), look(0, 0)};
    EXPECT_EQ(std::count(std::begin(outcomes), std::end(outcomes), Outcome::Serial), 1);
    EXPECT_EQ(std::count(std::begin(outcomes), std::end(outcomes), Outcome::Released), 2);
}

TEST_F(BarrierNodes, OneMessageLetsAllThreadsOfANodeGo) {
    pass(1, 0, 4);
    pass(2, 0, 4);
    pass(1, 1, 4);
    pass(1, 2, 4);
    for (int arrivals = 0; arrivals < 4; ++arrivals) { deliver(); }
    EXPECT_EQ(sent.size(), 2U);
}

TEST_F(BarrierNodes, OpeningsAreToldByTicketInAnyOrder) {
    pass(1, 0, 1);
    pass(1, 1, 1);
    deliver();
    deliver();
    ASSERT_EQ(sent.size(), 2U);
    deliver(1); // the later opening first
    EXPECT_EQ(look(1, 0), Outcome::Wait);
    EXPECT_EQ(look(1, 1), Outcome::Serial);
    deliver();
    EXPECT_EQ(look(1, 0), Outcome::Serial);
}

TEST_F(BarrierNodes, ArrivalsThatComeTogetherMayBelongToTwoOpenings) {
    pass(1, 0, 2);
    deliver();
    BarrierMessage both{};
    both.kind = Kind::CountedArrive;
    both.from = NodeId{2};
    both.arrivals = 2;
    both.count = 2;
    both.barrier = LockId{8};
    step(states[0], context(0), *this, {BarrierEventKind::Message, {}, {}, 0, &both});
    EXPECT_EQ(states[0].generation, 1U);
    EXPECT_EQ(states[0].arrived, 1U);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[1].message.arrivals, 1U);
}

TEST_F(BarrierNodes, ADifferentCountIsRefusedToTheOddOne) {
    pass(1, 0, 2);
    deliver();
    pass(2, 0, 3);
    deliver_all();
    EXPECT_EQ(look(2, 0), Outcome::BadCount);
    EXPECT_EQ(look(1, 0), Outcome::Wait);
    EXPECT_EQ(pass(0, 0, 2), Outcome::Released);
    deliver_all();
    EXPECT_EQ(look(1, 0), Outcome::Serial);
    EXPECT_EQ(pass(0, 0, 5), Outcome::Wait); // a new generation, a new count
}

TEST_F(BarrierNodes, WithoutSpaceAnArrivalIsRefused) {
    for (unsigned node = 1; node <= 4; ++node) {
        pass(node, 0, 5);
        deliver();
    }
    deliver_all();
    EXPECT_EQ(look(4, 0), Outcome::NoSpace);
    EXPECT_EQ(look(3, 0), Outcome::Wait);
    EXPECT_EQ(states[0].arrived, 3U);
}

TEST_F(BarrierNodes, AQueryTellsWhetherAnybodyWaits) {
    EXPECT_EQ(query(0, 3), Outcome::QueryIdle);
    EXPECT_EQ(query(1, 3), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(look(1, 3), Outcome::QueryIdle);
    pass(2, 0, 2);
    deliver();
    EXPECT_EQ(query(0, 3), Outcome::QueryBusy);
    EXPECT_EQ(query(1, 3), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(look(1, 3), Outcome::QueryBusy);
}

TEST_F(BarrierNodes, ImpossibleMessagesNameTheirInvariant) {
    BarrierMessage message{};
    message.kind = Kind::CountedDepart;
    message.arrivals = 1;
    const BarrierEvent event{BarrierEventKind::Message, {}, {}, 0, &message};
    EXPECT_EXIT(step(states[1], context(1), *this, event), testing::ExitedWithCode(70), "B6");
    message.kind = Kind::TreeArrive;
    EXPECT_EXIT(step(states[1], context(1), *this, event), testing::ExitedWithCode(70), "B3");
}

} // namespace
