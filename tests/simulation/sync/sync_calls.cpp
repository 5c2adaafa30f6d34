// The calls of simulated threads: as the runtime steps the machines for them, and what a program may expect.
#include "tests/simulation/sync/sync_effects.hpp"

namespace dsm::sync_test {

// ---- What threads do ----

LockOutcome World::step_lock(Thread &thread, unsigned lock, LockEventKind kind) {
    NodeEffects effects(*this, thread.node);
    const LockOutcome outcome = step(nodes_[thread.node].locks[lock], lock_context(thread.node, lock), effects,
                                     {kind, thread.slot, thread.owner, nullptr});
    if (outcome == LockOutcome::Acquired && kind != LockEventKind::Relock) { acquired(thread, lock); }
    watch_fairness(thread.node, lock);
    check_lock(lock);
    return outcome;
}

Task<LockOutcome> World::lock(Thread &thread, unsigned lock) {
    const LockOutcome outcome = co_await timed_lock(thread, lock, 0);
    co_return outcome;
}

Task<LockOutcome> World::timed_lock(Thread &thread, unsigned lock, unsigned patience_steps) {
    const std::uint64_t patience_ends = after(patience_steps);
    LockState &state = nodes_[thread.node].locks[lock];
    ++oracles_[lock].active;
    if (lock_fast(state, thread.owner)) {
        acquired(thread, lock);
        check_lock(lock);
        co_return LockOutcome::Acquired;
    }
    const auto kind = patience_steps == 0 ? LockEventKind::Lock : LockEventKind::TimedLock;
    LockOutcome outcome = step_lock(thread, lock, kind);
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread, patience_ends);
        const bool gives_up = patience_ends != 0 && counts_.steps >= patience_ends;
        outcome = step_lock(thread, lock, gives_up ? LockEventKind::Abandon : LockEventKind::Retry);
        counts_.abandoned_late += gives_up && outcome == LockOutcome::Acquired;
    }
    if (outcome != LockOutcome::Acquired) { --oracles_[lock].active; }
    counts_.timed_out += outcome == LockOutcome::TimedOut;
    co_return outcome;
}

/// L11: a try is refused only if the lock was in use at some moment of its call.
Task<LockOutcome> World::try_lock(Thread &thread, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    check_lock(lock); // a use that goes on counts as one of this call
    const std::uint64_t uses_before = oracle.uses - is_in_use(lock);
    const bool another_asks = !nodes_[thread.node].locks[lock].tries.empty();
    LockOutcome outcome = step_lock(thread, lock, LockEventKind::Try);
    counts_.queued_tries += another_asks && outcome == LockOutcome::Wait;
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread);
        outcome = step_lock(thread, lock, LockEventKind::TryRetry);
    }
    if (outcome == LockOutcome::Acquired) {
        ++oracle.active;
    } else if (oracle.uses == uses_before) {
        fail("L11: node %u is refused lock %u, which nobody used", thread.node, lock);
    }
    counts_.busy += outcome == LockOutcome::Busy;
    co_return outcome;
}

bool World::relock(Thread &thread, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    if (oracle.holder != &thread) { fail("lock %u is not its holder's any more", lock); }
    const bool may = oracle.relocks < options_.relocks_max;
    oracle.relocks += may; // before the step, whose checks compare
    const LockOutcome outcome = step_lock(thread, lock, LockEventKind::Relock);
    if (outcome != (may ? LockOutcome::Acquired : LockOutcome::TooDeep)) { fail("L12: a relock of lock %u", lock); }
    counts_.relocks += may;
    counts_.too_deep += !may;
    return may;
}

void World::unlock_relock(Thread &thread, unsigned lock) {
    --oracles_[lock].relocks;
    if (unlock_fast(nodes_[thread.node].locks[lock], thread.owner)) { fail("L12: lock %u is let go early", lock); }
    const LockOutcome outcome = step_lock(thread, lock, LockEventKind::Unlock);
    if (outcome != LockOutcome::StillHeld) { fail("L12: lock %u is let go early", lock); }
}

Task<> World::unlock(Thread &thread, unsigned lock) {
    if (oracles_[lock].holder != &thread) { fail("lock %u is not its holder's any more", lock); }
    if (oracles_[lock].relocks != 0) {
        unlock_relock(thread, lock);
        co_return Nothing{};
    }
    oracles_[lock].holder = nullptr;
    LockOutcome outcome = LockOutcome::Released;
    if (!unlock_fast(nodes_[thread.node].locks[lock], thread.owner)) {
        outcome = step_lock(thread, lock, LockEventKind::Unlock);
    }
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread);
        outcome = step_lock(thread, lock, LockEventKind::UnlockRetry);
    }
    if (outcome != LockOutcome::Released) { fail("unlock refused"); }
    --oracles_[lock].active;
    check_lock(lock);
    co_return Nothing{};
}

void World::tell_home(const Thread &thread, ConditionMessageKind kind, unsigned condition, std::uint32_t sequence) {
    const NodeId self{static_cast<std::uint16_t>(thread.node)};
    const LockId id{first_condition + condition};
    const NodeId home = home_of(first_condition + condition);
    const ConditionMessage message{kind, false, self, id, {self, thread.rank, thread.slot, sequence}};
    if (home == self) {
        deliver_condition(thread.node, message);
    } else {
        post(thread.node, home, message);
    }
}

Task<bool> World::wait(Thread &thread, unsigned condition, unsigned lock, unsigned patience_steps) {
    WaitRecord &record = nodes_[thread.node].records[thread.slot.value];
    const std::uint64_t patience_ends = after(patience_steps);
    const std::uint32_t sequence = begin_wait(record);
    tell_home(thread, ConditionMessageKind::Enqueue, condition, sequence);
    while (wait_phase(record) == ConditionPhase::Enqueueing) { co_await sleep(thread); }
    const unsigned relocks = oracles_[lock].relocks;
    for (unsigned i = 0; i <= relocks; ++i) { co_await unlock(thread, lock); }
    bool tried_cancel = false;
    while (wait_phase(record) == ConditionPhase::Waiting || wait_phase(record) == ConditionPhase::Cancelling) {
        const bool impatient = patience_ends != 0 && counts_.steps >= patience_ends && !tried_cancel;
        if (impatient) {
            tried_cancel = true;
            if (begin_cancel(record)) { tell_home(thread, ConditionMessageKind::Cancel, condition, sequence); }
        } else {
            co_await sleep(thread, tried_cancel ? 0 : patience_ends);
        }
    }
    const bool was_woken = wait_phase(record) != ConditionPhase::Cancelled;
    end_wait(record);
    co_await yield(thread); // who was refused without a message must still let others go on
    const LockOutcome outcome = co_await this->lock(thread, lock);
    if (outcome != LockOutcome::Acquired) { fail("the mutex is not to be had again"); }
    for (unsigned i = 0; i < relocks; ++i) { relock(thread, lock); }
    co_return was_woken;
}

void World::signal(Thread &thread, unsigned condition) {
    tell_home(thread, ConditionMessageKind::Signal, condition, 0);
}

void World::broadcast(Thread &thread, unsigned condition) {
    tell_home(thread, ConditionMessageKind::Broadcast, condition, 0);
}

Task<bool> World::is_waited_on(Thread &thread, unsigned condition) {
    WaitRecord &record = nodes_[thread.node].records[thread.slot.value];
    tell_home(thread, ConditionMessageKind::Query, condition, begin_query(record));
    while (wait_phase(record) == ConditionPhase::Querying) { co_await sleep(thread); }
    const bool busy = wait_phase(record) == ConditionPhase::QueryBusy;
    end_wait(record);
    co_return busy;
}

Task<BarrierOutcome> World::pass(Thread &thread, unsigned barrier, std::uint32_t count) {
    NodeEffects effects(*this, thread.node);
    CountedBarrierState &state = nodes_[thread.node].barriers[barrier];
    BarrierOutcome outcome = step(state, barrier_context(thread.node, barrier), effects,
                                  {BarrierEventKind::Arrive, thread.slot, thread.rank, count, nullptr});
    while (outcome == BarrierOutcome::Wait) {
        co_await sleep(thread);
        outcome = step(state, barrier_context(thread.node, barrier), effects,
                       {BarrierEventKind::Look, thread.slot, thread.rank, 0, nullptr});
    }
    counts_.serials += outcome == BarrierOutcome::Serial;
    co_return outcome;
}

Task<BarrierOutcome> World::query_barrier(Thread &thread, unsigned barrier) {
    NodeEffects effects(*this, thread.node);
    CountedBarrierState &state = nodes_[thread.node].barriers[barrier];
    BarrierOutcome outcome = step(state, barrier_context(thread.node, barrier), effects,
                                  {BarrierEventKind::Query, thread.slot, thread.rank, 0, nullptr});
    while (outcome == BarrierOutcome::Wait) {
        co_await sleep(thread);
        outcome = step(state, barrier_context(thread.node, barrier), effects,
                       {BarrierEventKind::Look, thread.slot, thread.rank, 0, nullptr});
    }
    co_return outcome;
}

Task<> World::pass_tree(Thread &thread) {
    Node &node = nodes_[thread.node];
    const std::uint32_t generation = node.tree_opened;
    if (++node.tree_arrivals == options_.threads_per_node) {
        node.tree_arrivals = 0;
        NodeEffects effects(*this, thread.node);
        tree_arrive(node.tree, tree_context(thread.node), effects);
    }
    while (node.tree_opened == generation) { co_await sleep(thread); }
    co_return Nothing{};
}

} // namespace dsm::sync_test
