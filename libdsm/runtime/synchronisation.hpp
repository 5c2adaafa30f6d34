// Mutexes, condition variables and barriers of this rank's threads: finds the object's state in the node's table, steps
// the machine, sends what it wants sent, and lets the thread wait.
#pragma once

#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/sync_memory.hpp"

#include <cstdint>
#include <span>

namespace dsm::rt {

class Synchronisation final : public RecordService {
public:
    Synchronisation(Node &node, Engine &engine);

    // All return pthread's codes. The object stands in the segment; any thread may call.
    int mutex_lock(LockId lock);
    int mutex_trylock(LockId lock);
    int mutex_unlock(LockId lock);
    int mutex_destroy(LockId lock);
    int cond_wait(LockId condition, LockId lock);
    int cond_wake(LockId condition, bool all);
    int cond_destroy(LockId condition);
    int barrier_wait(LockId barrier, unsigned count);
    int barrier_destroy(LockId barrier);
    /// One thread of every rank. DSM_BARRIER_SERIAL_THREAD on rank 0.
    int barrier_all();

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    /// What is known about what a thread waits for, for reports.
    void describe(const WaitSubject &subject);

private:
    friend class SyncExecutor;
    NodeId home_of(LockId id) const;
    NodeId self_node() const { return node_.topology->self_node(); }
    std::span<sync::WaitRecord> records() { return {memory_.records, seats_max}; }
    sync::WaitRecord &record_of(sync::WaitSlot slot) { return memory_.records[slot.value]; }
    sync::LockContext lock_context(LockId lock);
    sync::ConditionContext condition_context(LockId condition);
    sync::CountedBarrierContext barrier_context(LockId barrier);

    sync::LockOutcome step_lock(LockId lock, const sync::LockEvent &event);
    sync::BarrierOutcome step_barrier(LockId barrier, const sync::BarrierEvent &event);
    void tell_home(const sync::ConditionMessage &message);
    void step_condition(const sync::ConditionMessage &message);
    sync::BarrierOutcome wait_at_barrier(LockId barrier, sync::WaitSlot slot, sync::BarrierOutcome outcome);
    void on_condition(const sync::ConditionMessage &message);
    void on_barrier(const sync::BarrierMessage &message);

    void wake(sync::WaitSlot slot);
    /// Waits until wake() was called for the slot since the last call.
    void await_wake(const WaitSubject &subject, sync::WaitSlot slot);
    template <class Ready> void await(const WaitSubject &subject, sync::WaitSlot slot, Ready ready);

    Node &node_;
    Engine &engine_;
    SyncMemory &memory_;
    SyncTable table_;
};

} // namespace dsm::rt
