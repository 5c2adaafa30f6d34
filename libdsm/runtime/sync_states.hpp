// The states that an entry of the synchronisation table may hold: one object's, of one kind.
#pragma once

#include "libdsm/sync/barrier.hpp"
#include "libdsm/sync/condition.hpp"
#include "libdsm/sync/lock_token.hpp"

namespace dsm::rt {

/// Zeroed memory is the initial state of each. Which one it is follows from the entry's key.
union SyncStates {
    sync::LockState lock;
    sync::ConditionState condition;
    sync::CountedBarrierState barrier;
};

} // namespace dsm::rt
