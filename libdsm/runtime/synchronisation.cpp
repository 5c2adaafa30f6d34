// Threads and the machines of locks, conditions and barriers.
#include "libdsm/runtime/synchronisation.hpp"

#include "libdsm/base/hash.hpp"
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/sync_executor.hpp"

#include <cerrno>
#include <mutex>
#include <sched.h>

namespace dsm::rt {
namespace {

constexpr int serial_thread = -1; ///< DSM_BARRIER_SERIAL_THREAD

/// The object number under which the barrier of all ranks is known; no object stands there.
constexpr LockId all_ranks{~std::uint64_t{0} >> 8U};

} // namespace

Synchronisation::Synchronisation(Node &node, Engine &engine)
    : node_(node), engine_(engine), memory_(*node.sync), table_(node.sync->table) {
    engine_.serve(Service::Sync, *this);
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

template <class Ready> void Synchronisation::await(const WaitSubject &subject, sync::WaitSlot slot, Ready ready) {
    engine_.kick();
    engine_.wait(subject, memory_.seats[slot.value].bit, ready);
}

void Synchronisation::await_wake(const WaitSubject &subject, sync::WaitSlot slot) {
    SyncSeat &seat = memory_.seats[slot.value];
    await(subject, slot, [&seat] { return seat.woken.load(std::memory_order_acquire) != 0; });
    seat.woken.store(0, std::memory_order_relaxed);
}

// ---- Mutexes

sync::LockContext Synchronisation::lock_context(LockId lock) {
    return {.lock = lock,
            .self = self_node(),
            .home = home_of(lock),
            .node_count = node_.topology->node_count(),
            .records = records()};
}

sync::LockOutcome Synchronisation::step_lock(LockId lock, const sync::LockEvent &event) {
    SyncEntry &entry = table_.find(SyncKind::Mutex, lock);
    SyncExecutor effects(*this, lock);
    const std::lock_guard held(entry.lock);
    return sync::step(entry.states.lock, lock_context(lock), effects, event);
}

int Synchronisation::mutex_lock(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (sync::lock_fast(table_.find(SyncKind::Mutex, lock).states.lock, seat.owner)) { return 0; }
    auto outcome = step_lock(lock, {sync::LockEventKind::Lock, seat.slot, seat.owner, nullptr});
    while (outcome == sync::LockOutcome::Wait) {
        await_wake({"lock", lock.value}, seat.slot);
        outcome = step_lock(lock, {sync::LockEventKind::Retry, seat.slot, seat.owner, nullptr});
    }
    engine_.kick();
    return outcome == sync::LockOutcome::Deadlock ? EDEADLK : 0;
}

int Synchronisation::mutex_trylock(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (sync::lock_fast(table_.find(SyncKind::Mutex, lock).states.lock, seat.owner)) { return 0; }
    auto outcome = step_lock(lock, {sync::LockEventKind::Try, seat.slot, seat.owner, nullptr});
    while (outcome == sync::LockOutcome::Wait) {
        await_wake({"lock", lock.value}, seat.slot);
        outcome = step_lock(lock, {sync::LockEventKind::TryRetry, seat.slot, seat.owner, nullptr});
    }
    engine_.kick();
    return outcome == sync::LockOutcome::Acquired ? 0 : EBUSY;
}

int Synchronisation::mutex_unlock(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (sync::unlock_fast(table_.find(SyncKind::Mutex, lock).states.lock, seat.owner)) { return 0; }
    auto outcome = step_lock(lock, {sync::LockEventKind::Unlock, seat.slot, seat.owner, nullptr});
    while (outcome == sync::LockOutcome::Wait) { // for the lender of a borrowed token to have it back
        await_wake({"lock", lock.value}, seat.slot);
        outcome = step_lock(lock, {sync::LockEventKind::UnlockRetry, seat.slot, seat.owner, nullptr});
    }
    engine_.kick();
    return outcome == sync::LockOutcome::NotOwner ? EPERM : 0;
}

int Synchronisation::mutex_destroy(LockId lock) {
    SyncEntry &entry = table_.find(SyncKind::Mutex, lock);
    const std::lock_guard held(entry.lock);
    return sync::lock_in_use(entry.states.lock) ? EBUSY : 0;
}

// ---- Conditions

sync::ConditionContext Synchronisation::condition_context(LockId condition) {
    return {.condition = condition,
            .self = self_node(),
            .pool = {memory_.condition_pool, {memory_.conditions, condition_records_max}}};
}

void Synchronisation::step_condition(const sync::ConditionMessage &message) {
    SyncEntry &entry = table_.find(SyncKind::Condition, message.condition);
    SyncExecutor effects(*this, message.condition);
    const std::lock_guard held(entry.lock);
    sync::step(entry.states.condition, condition_context(message.condition), effects, message);
}

void Synchronisation::tell_home(const sync::ConditionMessage &message) {
    const NodeId home = home_of(message.condition);
    if (home == self_node()) {
        step_condition(message);
    } else {
        SyncExecutor(*this, message.condition).send(home, message);
    }
    engine_.kick();
}

int Synchronisation::cond_wait(LockId condition, LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    std::uint64_t &word = table_.find(SyncKind::Mutex, lock).states.lock.word;
    const std::uint64_t holder = std::atomic_ref(word).load(std::memory_order_relaxed) & sync::lock_owner_mask;
    if (holder != seat.owner.value) { return EPERM; }

    sync::WaitRecord &record = record_of(seat.slot);
    const std::uint32_t sequence = sync::begin_wait(record);
    const sync::ConditionWaiter waiter{self_node(), node_.topology->self(), seat.slot, sequence};
    tell_home({sync::ConditionMessageKind::Enqueue, false, self_node(), condition, waiter});
    const WaitSubject subject{"condition", condition.value};
    // In the queue first, then the mutex goes: so a signal that is given under the mutex finds this thread.
    await(subject, seat.slot, [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Enqueueing; });
    mutex_unlock(lock);
    await(subject, seat.slot, [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Waiting; });
    const bool refused = sync::wait_phase(record) == sync::ConditionPhase::Refused;
    sync::end_wait(record);
    if (refused) { ::sched_yield(); } // No room in the queue: a spurious wake-up, and no reason to spin.
    return mutex_lock(lock);
}

int Synchronisation::cond_wake(LockId condition, bool all) {
    const auto kind = all ? sync::ConditionMessageKind::Broadcast : sync::ConditionMessageKind::Signal;
    const sync::ConditionWaiter teller{self_node(), node_.topology->self(), {}, 0};
    tell_home({kind, false, self_node(), condition, teller});
    return 0;
}

int Synchronisation::cond_destroy(LockId condition) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    sync::WaitRecord &record = record_of(seat.slot);
    const std::uint32_t sequence = sync::begin_query(record);
    const sync::ConditionWaiter asker{self_node(), node_.topology->self(), seat.slot, sequence};
    tell_home({sync::ConditionMessageKind::Query, false, self_node(), condition, asker});
    await({"condition", condition.value}, seat.slot,
          [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Querying; });
    const bool busy = sync::wait_phase(record) == sync::ConditionPhase::QueryBusy;
    sync::end_wait(record);
    return busy ? EBUSY : 0;
}

// ---- Barriers

sync::CountedBarrierContext Synchronisation::barrier_context(LockId barrier) {
    return {.barrier = barrier,
            .self = self_node(),
            .home = home_of(barrier),
            .records = records(),
            .pool = {memory_.barrier_pool, {memory_.barriers, barrier_records_max}}};
}

sync::BarrierOutcome Synchronisation::step_barrier(LockId barrier, const sync::BarrierEvent &event) {
    SyncEntry &entry = table_.find(SyncKind::Barrier, barrier);
    SyncExecutor effects(*this, barrier);
    const std::lock_guard held(entry.lock);
    return sync::step(entry.states.barrier, barrier_context(barrier), effects, event);
}

sync::BarrierOutcome Synchronisation::wait_at_barrier(LockId barrier, sync::WaitSlot slot,
                                                      sync::BarrierOutcome outcome) {
    while (outcome == sync::BarrierOutcome::Wait) {
        await_wake({"barrier", barrier.value}, slot);
        outcome = step_barrier(barrier, {sync::BarrierEventKind::Look, slot, {}, 0, nullptr});
    }
    engine_.kick();
    return outcome;
}

int Synchronisation::barrier_wait(LockId barrier, unsigned count) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    const auto first = step_barrier(barrier, {sync::BarrierEventKind::Arrive, seat.slot, {}, count, nullptr});
    const auto outcome = wait_at_barrier(barrier, seat.slot, first);
    if (outcome == sync::BarrierOutcome::Serial) { return serial_thread; }
    if (outcome == sync::BarrierOutcome::BadCount) { return EINVAL; }
    return outcome == sync::BarrierOutcome::NoSpace ? ENOMEM : 0;
}

int Synchronisation::barrier_destroy(LockId barrier) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    const Rank self = node_.topology->self();
    const auto first = step_barrier(barrier, {sync::BarrierEventKind::Query, seat.slot, self, 0, nullptr});
    return wait_at_barrier(barrier, seat.slot, first) == sync::BarrierOutcome::QueryBusy ? EBUSY : 0;
}

int Synchronisation::barrier_all() {
    AllBarrier &all = memory_.all;
    Waiter waiter(*node_.wait_slots, engine_, node_.topology->self());
    SyncExecutor effects(*this, all_ranks);
    all.lock.lock();
    const std::uint32_t before = all.opened.load(std::memory_order_relaxed);
    if (++all.arrived == node_.topology->ranks_of(self_node()).size()) {
        all.arrived = 0;
        sync::tree_arrive(all.tree, {.self = self_node(), .node_count = node_.topology->node_count()}, effects);
    }
    const bool open = all.opened.load(std::memory_order_relaxed) != before;
    if (!open) { waiter.add_to(all.waiters); }
    all.lock.unlock();
    engine_.kick();
    if (!open) { waiter.wait({"barrier", all_ranks.value}); }
    return node_.topology->self().value == 0 ? serial_thread : 0;
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
    if (subject.what[0] == 'l') {
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
