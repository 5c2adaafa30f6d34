// Operations on atomics, at their home and from elsewhere.
#include "libdsm/runtime/atomics.hpp"

#include "libdsm/runtime/release_node.hpp"

#include "libdsm/runtime/seat.hpp"

#include <cerrno>
#include <mutex>
#include <sched.h>

namespace dsm::rt {

Atomics::Atomics(Node &node, Engine &engine, Calls &calls, Spans &spans)
    : node_(node), engine_(engine), calls_(calls), spans_(spans), memory_(*node.sync), table_(*node.objects) {
    for (CallKind kind :
         {CallKind::AtomicOperate, CallKind::AtomicWait, CallKind::AtomicNotify, CallKind::AtomicWake}) {
        calls_.handle(kind, *this);
    }
}

NodeId Atomics::home_of(LockId object) {
    const auto record = spans_.find(object.value);
    if (!record || !memory::contains(*record, object.value)) { return no_node; }
    return memory::home_of(*record, memory::page_of(object.value), node_.topology->node_count());
}

// ---- Operations

int Atomics::operate(const AtomicRequest &request, std::uint64_t &before) {
    const NodeId home = home_of(request.object);
    if (home == no_node) { return EINVAL; }
    before = home == node_.topology->self_node()
                 ? operate_here(request)
                 : calls_.call<std::uint64_t>(agent(home, request.object), CallKind::AtomicOperate, request);
    acquired(node_);
    return 0;
}

/// The one place where values change, by threads of the home's node and by the handler alike.
std::uint64_t Atomics::operate_here(const AtomicRequest &request) {
    if (request.operation == sync::AtomicOperation::Load) { // Leaves no entry behind.
        SyncEntry *entry = table_.find_if_present(SyncKind::Atomic, request.object);
        return entry == nullptr ? 0 : std::atomic_ref(entry->states.atomic.value).load(std::memory_order_seq_cst);
    }
    std::atomic_ref value(table_.find(SyncKind::Atomic, request.object).states.atomic.value);
    const std::uint64_t expected = request.expected & sync::atomic_mask(request.bytes);
    std::uint64_t before = value.load(std::memory_order_seq_cst);
    while (true) {
        if (request.operation == sync::AtomicOperation::CompareExchange && before != expected) { return before; }
        const std::uint64_t next =
            sync::apply(request.operation, request.bytes, before, request.operand, request.expected);
        if (value.compare_exchange_weak(before, next, std::memory_order_seq_cst)) { return before; }
    }
}

// ---- Waiting

int Atomics::wait(LockId object, std::uint64_t old) {
    const NodeId home = home_of(object);
    if (home == no_node) { return EINVAL; }
    const Rank self = node_.topology->self();
    const Seat &seat = seat_of_this_thread(memory_, self, engine_);
    SyncSeat &place = memory_.seats[seat.slot.value];
    const WaitRequest request{object, old, self, seat.slot};
    while (true) {
        place.woken.store(0, std::memory_order_seq_cst); // Before the home is asked: a wake that follows counts.
        const WaitAnswer answer = home == node_.topology->self_node()
                                      ? queue_here(request)
                                      : calls_.call<WaitAnswer>(agent(home, object), CallKind::AtomicWait, request);
        if (answer == WaitAnswer::Changed) {
            acquired(node_);
            return 0;
        }
        if (answer == WaitAnswer::NoRoom) { // More than a million wait: this one asks again and again.
            ::sched_yield();
            continue;
        }
        engine_.wait({"atomic", object.value}, place.bit,
                     [&place] { return place.woken.load(std::memory_order_acquire) != 0; });
    }
}

/// The value is compared under the entry's lock. Who changes it notifies afterwards, under the lock: so either the new
/// value is seen here, or the notification finds the waiter.
Atomics::WaitAnswer Atomics::queue_here(const WaitRequest &request) {
    SyncEntry &entry = table_.lock(SyncKind::Atomic, request.object);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    sync::AtomicState &state = entry.states.atomic;
    if (std::atomic_ref(state.value).load(std::memory_order_seq_cst) != request.old) {
        sync::remove_waiter(state, pool(), request.rank, request.slot);
        return WaitAnswer::Changed;
    }
    return sync::add_waiter(state, pool(), request.rank, request.slot) ? WaitAnswer::Queued : WaitAnswer::NoRoom;
}

int Atomics::notify(LockId object, bool all) {
    const NodeId home = home_of(object);
    if (home == no_node) { return EINVAL; }
    const NotifyRequest request{object, all ? 1U : 0U};
    if (home == node_.topology->self_node()) {
        notify_here(request);
        engine_.kick();
    } else {
        calls_.tell(agent(home, object), CallKind::AtomicNotify, request);
    }
    return 0;
}

/// Without an entry nobody waits. A notification may come after the object was freed; it must not bring it back.
void Atomics::notify_here(const NotifyRequest &request) {
    SyncEntry *entry = table_.find_if_present(SyncKind::Atomic, request.object);
    if (entry == nullptr) { return; }
    const std::lock_guard held(entry->lock);
    sync::AtomicWaiter waiter{};
    do {
        if (!sync::take_waiter(entry->states.atomic, pool(), waiter)) { return; }
        if (node_.topology->node_of(waiter.rank) == node_.topology->self_node()) {
            wake_here(waiter.slot);
        } else {
            calls_.tell_later(waiter.rank, CallKind::AtomicWake, waiter.slot);
        }
    } while (request.all != 0);
}

void Atomics::wake_here(sync::WaitSlot slot) {
    DSM_CHECK(slot.value < seats_max, "Y3 an answer goes to a seat of this node", slot.value);
    SyncSeat &seat = memory_.seats[slot.value];
    seat.woken.store(1, std::memory_order_release);
    engine_.wake(seat.rank, seat.bit);
}

// ---- Messages

void Atomics::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::AtomicOperate) {
        const auto request = arguments_as<AtomicRequest>(arguments);
        const auto operation = static_cast<unsigned>(request.operation);
        DSM_CHECK(operation < sync::atomic_operation_count && sync::is_atomic_size(request.bytes),
                  "Y4 an atomic operation is one of those that there are", operation);
        calls_.answer(token, operate_here(request));
    } else if (kind == CallKind::AtomicWait) {
        calls_.answer(token, queue_here(arguments_as<WaitRequest>(arguments)));
    } else if (kind == CallKind::AtomicNotify) {
        notify_here(arguments_as<NotifyRequest>(arguments));
    } else if (kind == CallKind::AtomicWake) {
        wake_here(arguments_as<sync::WaitSlot>(arguments));
    }
}

} // namespace dsm::rt
