// What the machines want done at a node of the simulated job, and the numbers of its objects.
#pragma once

#include "tests/simulation/sync/sync_world.hpp"

namespace dsm::sync_test {

constexpr unsigned first_condition = 100; ///< LockIds of locks, conditions and barriers differ
constexpr unsigned first_barrier = 200;

/// Effects of a step at one node.
class NodeEffects final : public LockEffects, public ConditionEffects, public BarrierEffects {
public:
    NodeEffects(World &world, unsigned node) : world_(world), node_(node) {}
    void send(NodeId to, const LockMessage &message) override {
        LockOracle &oracle = world_.oracles_[message.lock.value];
        switch (message.kind) {
        case LockMessageKind::Request:
            ++oracle.requests_in_flight;
            world_.counts_.forwards += message.sends != 0;
            break;
        case LockMessageKind::Token:
            ++oracle.tokens_in_flight;
            ++world_.counts_.tokens;
            break;
        case LockMessageKind::TryGrant:
            ++world_.counts_.lendings;
            ++oracle.grants_in_flight;
            break;
        case LockMessageKind::Return:
            ++oracle.returns_in_flight;
            break;
        case LockMessageKind::ReturnAck:
            ++oracle.acks_in_flight;
            break;
        case LockMessageKind::Kept:
            ++world_.counts_.kept;
            break;
        case LockMessageKind::TryLater:
            ++world_.counts_.laters;
            break;
        case LockMessageKind::TryAhead:
            ++world_.counts_.tries_ahead;
            break;
        case LockMessageKind::TryRequest:
        case LockMessageKind::TryBusy:
            break;
        }
        ++oracle.messages_in_flight;
        if (message.kind == LockMessageKind::Token) { oracle.token_to = to; }
        world_.post(node_, to, message);
    }
    void send(NodeId to, const ConditionMessage &message) override { world_.post(node_, to, message); }
    void send(NodeId to, const BarrierMessage &message) override { world_.post(node_, to, message); }
    void deliver_here(const ConditionMessage &message) override { world_.deliver_condition(node_, message); }
    void wake(WaitSlot slot) override { world_.wake(node_, slot); }
    void open(std::uint32_t generation) override {
        Node &node = world_.nodes_[node_];
        if (generation != node.tree_opened) { fail("node %u opens generation %u twice or early", node_, generation); }
        node.tree_opened = generation + 1;
        for (Thread &thread : world_.threads_) {
            if (thread.node == node_) { thread.is_woken = true; }
        }
    }

private:
    World &world_;
    unsigned node_;
};

} // namespace dsm::sync_test
