// A home at node 0 of one object, and callers at nodes 0 to 5, one thread each: what the tests of home objects share.
#pragma once

#include "libdsm/sync/home_call.hpp"
#include "libdsm/sync/home_queue.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace dsm::sync {

template <class State, HomeObjectKind kind> class HomeFixture : public HomeEffects, public testing::Test {
protected:
    using Kind = HomeMessageKind;
    using Manner = HomeManner;
    using Operation = HomeOperation;
    using Phase = HomeCallPhase;
    using Result = HomeResult;

    void answer(const HomeMessage &message) override {
        EXPECT_EQ(message.object, kind);
        sent.push_back(message);
    }

    HomeMessage request(unsigned node, Operation operation) {
        HomeMessage message{};
        message.kind = Kind::Request;
        message.object = kind;
        message.operation = operation;
        message.id = LockId{8};
        message.waiter = {NodeId{static_cast<std::uint16_t>(node)}, Rank{static_cast<std::int32_t>(node)}, WaitSlot{0},
                          begin_call(calls[node])};
        message.owner = lock_owner(message.waiter.rank, 1);
        message.incarnation = incarnation;
        message.initial = initial;
        return message;
    }
    void tell(const HomeMessage &message) {
        step(state, {LockId{8}, RecordPool<HomeRecord>(pool_head, pool)}, *this, message);
        while (delivers_at_once && !sent.empty()) { deliver(); }
    }
    /// What the caller has for an answer; nothing while it waits.
    std::optional<Result> ask(unsigned node, Operation operation, Manner manner = Manner::Block, bool reads = false,
                              std::uint32_t arrivals = 0) {
        HomeMessage message = request(node, operation);
        message.manner = manner;
        message.reads = reads;
        message.number = arrivals;
        tell(message);
        last = message;
        return end(node);
    }
    std::optional<Result> end(unsigned node) {
        if (call_phase(calls[node]) != Phase::Over) { return std::nullopt; }
        const HomeEnd end = end_call(calls[node]);
        number = end.number;
        return end.result;
    }
    /// Delivers an answer; true when it changed its thread's phase.
    bool deliver(std::size_t which = 0) {
        const HomeMessage message = sent[which];
        sent.erase(sent.begin() + static_cast<std::ptrdiff_t>(which));
        return on_home_answer(calls[message.waiter.node.value], message);
    }
    void cancel(HomeMessage message) {
        EXPECT_TRUE(begin_cancel(calls[message.waiter.node.value]));
        message.kind = Kind::Cancel;
        tell(message);
    }
    Phase phase(unsigned node) { return call_phase(calls[node]); }

    State state{};
    PoolHead pool_head{};
    HomeRecord pool[3]{};
    HomeCall calls[6]{};
    std::vector<HomeMessage> sent;
    bool delivers_at_once = true;
    HomeMessage last{}; ///< the last request
    std::uint32_t number = 0;
    std::uint64_t incarnation = 0;
    std::uint32_t initial = 0;
};

} // namespace dsm::sync
