// The states that an entry of the synchronisation table may hold: one object's, of one kind.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/atomic_value.hpp"
#include "libdsm/sync/barrier.hpp"
#include "libdsm/sync/condition.hpp"
#include "libdsm/sync/latch.hpp"
#include "libdsm/sync/lock_token.hpp"
#include "libdsm/sync/once.hpp"
#include "libdsm/sync/rwlock.hpp"
#include "libdsm/sync/semaphore.hpp"

#include <cstdint>

namespace dsm::rt {

/// What an object is used as: one address may be only one of them at a time, but they never share an entry.
enum class SyncKind : std::uint8_t {
    Mutex = 1,
    Condition = 2,
    Barrier = 3,
    Rwlock = 4,
    Semaphore = 5,
    Latch = 6,
    Once = 7,
    Atomic = 8,
};

/// Zeroed memory is the initial state of each. Which one it is follows from the entry's key.
union SyncStates {
    sync::LockState lock;
    sync::ConditionState condition;
    sync::CountedBarrierState barrier;
    sync::RwlockState rwlock;
    sync::SemaphoreState semaphore;
    sync::LatchState latch;
    sync::OnceState once;
    sync::AtomicState atomic;
};

} // namespace dsm::rt
