// Mutexes, condition variables and barriers of this rank's threads: finds the object's state in the node's table, steps
// the machine, sends what it wants sent, and lets the thread wait. Kinds of mutexes are the caller's matter.
#pragma once

#include "libdsm/runtime/deadline.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/sync_memory.hpp"

#include <cstdint>
#include <span>

namespace dsm::rt {

struct Seat;

class Synchronisation final : public RecordService {
public:
    Synchronisation(Node &node, Engine &engine);

    // All return pthread's codes. The object stands in the segment; any thread may call.

    /// EDEADLK when the calling thread has the lock: the caller knows whether it may relock. The deadline is looked at
    /// only where the lock is not to be had at once: ETIMEDOUT, or EINVAL when it is not valid.
    int mutex_lock(LockId lock, const Deadline &deadline = {});
    /// EBUSY, or EDEADLK as mutex_lock().
    int mutex_trylock(LockId lock);
    /// Once more, for a thread that has the lock: 0, EAGAIN.
    int mutex_relock(LockId lock);
    /// What a timed lock of a lock that is the caller's own does: ETIMEDOUT at the deadline, EINVAL.
    int wait_in_vain(LockId lock, const Deadline &deadline);
    /// EPERM for a thread that does not have the lock.
    int mutex_unlock(LockId lock);
    /// EBUSY when the lock is held or waited for anywhere.
    int mutex_destroy(LockId lock);

    /// The deadline is valid. ETIMEDOUT; EPERM for a thread that does not have the lock. However often the lock was
    /// taken, it is released meanwhile and then taken as often.
    int cond_wait(LockId condition, LockId lock, const Deadline &deadline = {});
    int cond_wake(LockId condition, bool all);
    int cond_destroy(LockId condition);

    int barrier_wait(LockId barrier, unsigned count);
    int barrier_destroy(LockId barrier);
    /// One thread of every rank. DSM_BARRIER_SERIAL_THREAD on rank 0.
    int barrier_all();

    /// The node that keeps an object's state, or has its token at first.
    NodeId home_of(LockId id) const;

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    /// What is known about what a thread waits for, for reports.
    void describe(const WaitSubject &subject);

private:
    friend class SyncExecutor;
    /// The object number under which the barrier of all ranks is known; no object stands there.
    static constexpr LockId all_ranks{~std::uint64_t{0} >> 8U};

    /// The thread holds the lock from now on, and will no more.
    void acquired_lock(LockId lock) const;
    void released_lock(LockId lock) const;
    NodeId self_node() const { return node_.topology->self_node(); }
    std::span<sync::WaitRecord> records() { return {memory_.records, seats_max}; }
    sync::WaitRecord &record_of(sync::WaitSlot slot) { return memory_.records[slot.value]; }
    sync::LockContext lock_context(LockId lock);
    sync::ConditionContext condition_context(LockId condition);
    sync::CountedBarrierContext barrier_context(LockId barrier);

    sync::LockState &lock_state(LockId lock);
    sync::LockOutcome step_lock(LockId lock, const sync::LockEvent &event);
    sync::LockOutcome finish_lock(LockId lock, const Seat &seat, sync::LockEventKind first, sync::LockEventKind again);
    sync::LockOutcome unlock_once(LockId lock);
    /// Gives back a lock that this thread has, and returns how often it had relocked it.
    std::uint32_t release_wholly(LockId lock);
    void take_as_often(LockId lock, std::uint32_t relocks);
    sync::BarrierOutcome step_barrier(LockId barrier, const sync::BarrierEvent &event);
    void tell_home(const sync::ConditionMessage &message);
    void step_condition(const sync::ConditionMessage &message);
    sync::BarrierOutcome wait_at_barrier(LockId barrier, sync::WaitSlot slot, sync::BarrierOutcome outcome);
    void on_condition(const sync::ConditionMessage &message);
    void on_barrier(const sync::BarrierMessage &message);

    void wake(sync::WaitSlot slot);
    /// Waits until wake() was called for the slot since the last call; false when the deadline came first.
    bool await_wake(const WaitSubject &subject, sync::WaitSlot slot, const Deadline &deadline);
    void await_wake(const WaitSubject &subject, sync::WaitSlot slot);
    template <class Ready>
    bool await(const WaitSubject &subject, sync::WaitSlot slot, const Deadline &deadline, Ready ready) {
        engine_.kick();
        return wait_until(engine_, subject, memory_.seats[slot.value].bit, deadline, ready);
    }
    template <class Ready> void await(const WaitSubject &subject, sync::WaitSlot slot, Ready ready) {
        await(subject, slot, Deadline(), ready);
    }

    Node &node_;
    Engine &engine_;
    SyncMemory &memory_;
    SyncTable &table_;
};

} // namespace dsm::rt
