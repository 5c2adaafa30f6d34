// Carries out what the machines of libdsm/sync want done, while the lock of the object's entry is held.
#pragma once

#include "libdsm/runtime/release_node.hpp"
#include "libdsm/runtime/synchronisation.hpp"
#include "libdsm/sync/sync_wire.hpp"

namespace dsm::rt {

class SyncExecutor final : public sync::LockEffects, public sync::ConditionEffects, public sync::BarrierEffects {
public:
    /// `id` is the object's number: with it the agent of a node is chosen.
    SyncExecutor(Synchronisation &sync, LockId id) : sync_(sync), id_(id) {}

    void send(NodeId to, const sync::LockMessage &message) override {
        if (message.kind == sync::LockMessageKind::Token) { count(sync_.engine_.statistics().lock_hand_overs); }
        post(agent(to), message);
    }
    void send(NodeId to, const sync::ConditionMessage &message) override {
        const bool to_waiter = to == message.waiter.node && to != sync_.home_of(id_);
        post(to_waiter ? message.waiter.rank : agent(to), message);
    }
    void send(NodeId to, const sync::BarrierMessage &message) override { post(agent(to), message); }
    void deliver_here(const sync::ConditionMessage &message) override {
        const sync::WaitSlot slot = message.waiter.slot;
        if (sync::on_wait_message(sync_.record_of(slot), message)) { sync_.wake(slot); }
    }
    void wake(sync::WaitSlot slot) override { sync_.wake(slot); }
    void open(std::uint32_t) override {
        AllBarrier &all = sync_.memory_.all;
        if (sync_.node_.releases != nullptr) { sync_.node_.releases->on_barrier_open(); }
        all.opened.fetch_add(1, std::memory_order_release);
        wake_all(*sync_.node_.wait_slots, sync_.engine_, all.waiters);
    }

private:
    Rank agent(NodeId node) const { return sync_.node_.topology->agent(node, id_.value); }
    template <class Message> void post(Rank to, const Message &message) {
        std::byte record[1 + sync::sync_message_bytes_max];
        record[0] = static_cast<std::byte>(Service::Sync);
        const std::size_t bytes = sync::encode(
            message, std::span<std::byte, sync::sync_message_bytes_max>(record + 1, sync::sync_message_bytes_max));
        sync_.engine_.post(to, {record, 1 + bytes});
    }

    Synchronisation &sync_;
    LockId id_;
};

} // namespace dsm::rt
