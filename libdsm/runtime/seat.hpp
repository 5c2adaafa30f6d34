// The seat of a thread: its number among the threads of the node that synchronise, and its identity as the owner of
// locks.
#pragma once

#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/sync_memory.hpp"

namespace dsm::rt {

struct Seat {
    sync::WaitSlot slot;
    sync::LockOwner owner;
};

/// This thread's seat, taken at its first call and given back when the thread ends. Not for signal handlers.
const Seat &seat_of_this_thread(SyncMemory &memory, Rank self, Engine &engine);
/// No thread may give its seat back any more: the memory is going away.
void forget_seats();

} // namespace dsm::rt
