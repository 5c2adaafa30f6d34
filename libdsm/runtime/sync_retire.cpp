// Settled, in use, and the records of those who wait, kind by kind.
#include "libdsm/runtime/sync_retire.hpp"

namespace dsm::rt {
namespace {

template <class Record> void give_back_all(sync::RecordPool<Record> pool, std::uint32_t first) noexcept {
    while (first != 0) {
        const std::uint32_t link = first;
        first = pool.at(link).next;
        pool.give_back(link);
    }
}

} // namespace

const char *name_of(SyncKind kind) noexcept {
    switch (kind) {
    case SyncKind::Mutex:
        return "mutex";
    case SyncKind::Condition:
        return "condition";
    case SyncKind::Barrier:
        return "barrier";
    case SyncKind::Rwlock:
        return "read-write lock";
    case SyncKind::Semaphore:
        return "semaphore";
    case SyncKind::Latch:
        return "latch";
    case SyncKind::Once:
        return "once";
    case SyncKind::Atomic:
        return "atomic";
    }
    return "";
}

bool is_settled(SyncKind kind, const SyncStates &states) noexcept {
    switch (kind) {
    case SyncKind::Mutex:
        return sync::lock_is_settled(states.lock);
    case SyncKind::Barrier:
        return states.barrier.queue.empty(); // Else threads of this node have not been let go yet.
    case SyncKind::Condition: // Signals are not waited for, and do nothing where there is no entry; answers go to
                              // threads.
    case SyncKind::Rwlock:    // From here on every call waits for the home's answer.
    case SyncKind::Semaphore:
    case SyncKind::Latch:
    case SyncKind::Once:
    case SyncKind::Atomic: // Or, a notification, is as a signal.
        return true;
    }
    return true;
}

bool is_in_use(SyncKind kind, const SyncStates &states) noexcept {
    switch (kind) {
    case SyncKind::Mutex:
        // A lock that is lent is reported by the borrower's node.
        return states.lock.phase != sync::TokenPhase::Lent && sync::lock_in_use(states.lock);
    case SyncKind::Condition:
        return sync::condition_in_use(states.condition);
    case SyncKind::Barrier:
        return !sync::barrier_is_settled(states.barrier);
    case SyncKind::Rwlock:
        return sync::rwlock_in_use(states.rwlock);
    case SyncKind::Semaphore:
        return sync::semaphore_in_use(states.semaphore);
    case SyncKind::Latch:
        return sync::latch_in_use(states.latch);
    case SyncKind::Once:
        return sync::once_in_use(states.once);
    case SyncKind::Atomic:
        return states.atomic.first != 0;
    }
    return false;
}

void give_back_records(SyncKind kind, const SyncStates &states, SyncMemory &memory) noexcept {
    const sync::RecordPool<sync::HomeRecord> home_pool(memory.home_pool, {memory.home_records, home_records_max});
    switch (kind) {
    case SyncKind::Mutex: // Its queues link the records of threads, which stay the threads'.
        return;
    case SyncKind::Condition:
        return give_back_all<sync::ConditionRecord>({memory.condition_pool, {memory.conditions, condition_records_max}},
                                                    states.condition.head);
    case SyncKind::Barrier:
        return give_back_all<sync::BarrierRecord>({memory.barrier_pool, {memory.barriers, barrier_records_max}},
                                                  states.barrier.head);
    case SyncKind::Rwlock:
        return give_back_all(home_pool, states.rwlock.queue.head);
    case SyncKind::Semaphore:
        return give_back_all(home_pool, states.semaphore.queue.head);
    case SyncKind::Latch:
        return give_back_all(home_pool, states.latch.queue.head);
    case SyncKind::Once:
        return give_back_all(home_pool, states.once.queue.head);
    case SyncKind::Atomic:
        return give_back_all<sync::AtomicWaiter>({memory.atomic_pool, {memory.atomic_waiters, atomic_waiters_max}},
                                                 states.atomic.first);
    }
}

} // namespace dsm::rt
