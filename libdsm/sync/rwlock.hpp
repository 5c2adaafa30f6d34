// A read-write lock at its home: many readers or one writer, served in the order of their coming; readers that stand
// next to each other in the queue enter together (the queue of Krieger, Stumm and Unrau 1993, kept at one node instead
// of linked through the waiters).
#pragma once

#include "libdsm/sync/home_queue.hpp"

namespace dsm::sync {

/// Zeroed memory is a free lock.
struct RwlockState {
    HomeQueue queue;
    LockOwner writer;      ///< 0: nobody writes
    std::uint32_t readers; ///< 0 while somebody writes (H6)
    std::uint32_t reserved;
};

/// The home's machine: Read, Write, Unlock, Query; Cancel.
void step(RwlockState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message);

/// Somebody holds it or waits for it.
inline bool rwlock_in_use(const RwlockState &state) noexcept {
    return state.writer.value != 0 || state.readers != 0 || !state.queue.empty();
}

} // namespace dsm::sync
