// A latch at its home: a count that goes down to 0, and who waits for that.
#pragma once

#include "libdsm/sync/home_queue.hpp"

namespace dsm::sync {

/// Zeroed memory is what a zeroed object has: the count 0, open.
struct LatchState {
    std::uint64_t incarnation; ///< of the object, when it was last used (H9)
    HomeQueue queue;           ///< empty when the count is 0 (H11)
    std::uint32_t count;
    std::uint32_t reserved;
};

/// The home's machine: CountDown, AwaitZero, ArriveAndWait; Cancel.
void step(LatchState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message);

/// Somebody waits at it.
inline bool latch_in_use(const LatchState &state) noexcept { return !state.queue.empty(); }

} // namespace dsm::sync
