// A once at its home: undone, running or done. Every node keeps a state of its own besides, in which it remembers that
// the once is done, so that later calls ask nobody.
#pragma once

#include "libdsm/sync/home_queue.hpp"

namespace dsm::sync {

/// Zeroed memory is an undone once.
struct OnceState {
    HomeQueue queue;    ///< empty unless it runs (H12); at the home alone
    LockOwner runner;   ///< 0: it does not run; at the home alone
    std::uint32_t done; ///< 1: it is done; at any node that knows. Atomic: read without the entry's lock
    std::uint32_t reserved;
};

/// The home's machine: Begin, Finish, Fail; Cancel does not occur.
void step(OnceState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message);

/// Whether this node knows that it is done; then what the function wrote is seen. Any thread, without the lock.
bool is_known_done(OnceState &state) noexcept;
/// The home has answered that it is done.
void note_done(OnceState &state) noexcept;

/// Somebody runs its function, and others may wait for that.
inline bool once_in_use(const OnceState &state) noexcept { return state.runner.value != 0; }

} // namespace dsm::sync
