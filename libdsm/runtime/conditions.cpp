// Threads that wait for conditions and threads that signal them.
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/sync_executor.hpp"
#include "libdsm/runtime/synchronisation.hpp"

#include <cerrno>
#include <mutex>
#include <sched.h>

namespace dsm::rt {

sync::ConditionContext Synchronisation::condition_context(LockId condition) {
    return {.condition = condition,
            .self = self_node(),
            .pool = {memory_.condition_pool, {memory_.conditions, condition_records_max}}};
}

void Synchronisation::step_condition(const sync::ConditionMessage &message) {
    // Signals are not awaited, so one may come when the memory is freed already: it must not bring the object back.
    using Kind = sync::ConditionMessageKind;
    const bool may_be_late = message.kind == Kind::Signal || message.kind == Kind::Broadcast;
    if (may_be_late && table_.find_if_present(SyncKind::Condition, message.condition) == nullptr) { return; }
    SyncEntry &entry = table_.lock(SyncKind::Condition, message.condition);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    SyncExecutor effects(*this, message.condition);
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

int Synchronisation::cond_wait(LockId condition, LockId lock, const Deadline &deadline) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (!sync::holds_lock(lock_state(lock), seat.owner)) { return EPERM; }

    sync::WaitRecord &record = record_of(seat.slot);
    const std::uint32_t sequence = sync::begin_wait(record);
    const sync::ConditionWaiter waiter{self_node(), node_.topology->self(), seat.slot, sequence};
    tell_home({sync::ConditionMessageKind::Enqueue, false, self_node(), condition, waiter});
    const WaitSubject subject{"condition", condition.value};
    // In the queue first, then the mutex goes: so a signal that is given under the mutex finds this thread.
    await(subject, seat.slot, [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Enqueueing; });
    const std::uint32_t relocks = release_wholly(lock);
    const auto is_over = [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Waiting; };
    if (!await(subject, seat.slot, deadline, is_over) && sync::begin_cancel(record)) {
        // The home decides which came first, the signal or the end of patience: a signal is never lost (C3).
        tell_home({sync::ConditionMessageKind::Cancel, false, self_node(), condition, waiter});
        await(subject, seat.slot, [&record] { return sync::wait_phase(record) != sync::ConditionPhase::Cancelling; });
    }
    const sync::ConditionPhase end = sync::wait_phase(record);
    sync::end_wait(record);
    if (end == sync::ConditionPhase::Refused) { ::sched_yield(); } // A spurious wake-up, and no reason to spin.
    take_as_often(lock, relocks);                                  // Which acquires.
    return end == sync::ConditionPhase::Cancelled ? ETIMEDOUT : 0;
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

} // namespace dsm::rt
