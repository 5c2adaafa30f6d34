// What the machines of locks, conditions and barriers share: homes, seats, messages, reports.
#include "libdsm/runtime/synchronisation.hpp"

#include "libdsm/base/hash.hpp"
#include "libdsm/runtime/held_locks.hpp"
#include "libdsm/runtime/sync_executor.hpp"

#include <mutex>
#include <string_view>

namespace dsm::rt {

Synchronisation::Synchronisation(Node &node, Engine &engine)
    : node_(node), engine_(engine), memory_(*node.sync), table_(*node.objects) {
    engine_.serve(Service::Sync, *this);
}

void Synchronisation::acquired_lock(LockId lock) const {
    if (node_.releases == nullptr) { return; }
    HeldLocks::of_this_thread().push(lock);
    node_.releases->await_updates();
}

void Synchronisation::released_lock(LockId lock) const {
    if (node_.releases != nullptr) { HeldLocks::of_this_thread().remove(lock); }
}

/// Spread by a hash, so that objects that stand side by side have different homes.
NodeId Synchronisation::home_of(LockId id) const {
    return NodeId{static_cast<std::uint16_t>(spread(id.value, 24) % node_.topology->node_count())};
}

void Synchronisation::wake(sync::WaitSlot slot) {
    SyncSeat &seat = memory_.seats[slot.value];
    seat.woken.store(1, std::memory_order_release);
    engine_.wake(seat.rank, seat.bit);
}

void Synchronisation::await_wake(const WaitSubject &subject, sync::WaitSlot slot) {
    await_wake(subject, slot, Deadline());
}

bool Synchronisation::await_wake(const WaitSubject &subject, sync::WaitSlot slot, const Deadline &deadline) {
    SyncSeat &seat = memory_.seats[slot.value];
    const auto is_woken = [&seat] { return seat.woken.load(std::memory_order_acquire) != 0; };
    const bool in_time = await(subject, slot, deadline, is_woken);
    seat.woken.store(0, std::memory_order_relaxed);
    return in_time;
}

// ---- Messages

void Synchronisation::on_record(std::int32_t, std::span<const std::byte> record) {
    const auto bytes = record.subspan(1);
    const std::uint16_t nodes = node_.topology->node_count();
    bool known = false;
    switch (sync::family_of(bytes)) {
    case sync::SyncFamily::Lock:
        if (const auto message = sync::decode_lock(bytes, nodes)) {
            known = true;
            step_lock(message->lock, {sync::LockEventKind::Message, {}, {}, &*message});
        }
        break;
    case sync::SyncFamily::Condition:
        if (const auto message = sync::decode_condition(bytes, nodes)) {
            known = true;
            on_condition(*message);
        }
        break;
    case sync::SyncFamily::Barrier:
        if (const auto message = sync::decode_barrier(bytes, nodes)) {
            known = true;
            on_barrier(*message);
        }
        break;
    case sync::SyncFamily::None:
        break;
    }
    DSM_CHECK(known, "Y2 a sync record holds a message of a lock, condition or barrier", bytes.size());
}

void Synchronisation::on_condition(const sync::ConditionMessage &message) {
    if (sync::is_answer(message.kind)) {
        DSM_CHECK(message.waiter.slot.value < seats_max, "Y3 an answer goes to a seat of this node",
                  message.waiter.slot.value);
        SyncExecutor(*this, message.condition).deliver_here(message);
    } else {
        step_condition(message);
    }
}

void Synchronisation::on_barrier(const sync::BarrierMessage &message) {
    const bool tree =
        message.kind == sync::BarrierMessageKind::TreeArrive || message.kind == sync::BarrierMessageKind::TreeDepart;
    if (!tree) {
        step_barrier(message.barrier, {sync::BarrierEventKind::Message, {}, {}, 0, &message});
        return;
    }
    SyncExecutor effects(*this, all_ranks);
    const std::lock_guard held(memory_.all.lock);
    sync::step(memory_.all.tree, {.self = self_node(), .node_count = node_.topology->node_count()}, effects, message);
}

void Synchronisation::describe(const WaitSubject &subject) {
    const LockId id{subject.subject};
    if (std::string_view(subject.what) == "lock") {
        const sync::LockState &state = table_.find(SyncKind::Mutex, id).states.lock;
        log_line("lock %llu: home node %u, token %s, hint node %u, word %llx",
                 static_cast<unsigned long long>(id.value), home_of(id).value,
                 state.phase == sync::TokenPhase::Here        ? "here"
                 : state.phase == sync::TokenPhase::Requested ? "requested"
                                                              : "elsewhere",
                 state.hint.value, static_cast<unsigned long long>(state.word));
        return;
    }
    if (id == all_ranks) {
        log_line("barrier of all ranks: %u ranks of this node have come, %u child nodes", memory_.all.arrived,
                 memory_.all.tree.arrived_below);
        return;
    }
    log_line("%s %llu: home node %u", subject.what, static_cast<unsigned long long>(id.value), home_of(id).value);
}

} // namespace dsm::rt
