// A counting semaphore (Dijkstra 1965) at its home. A unit that is put goes straight to the longest waiting thread.
#pragma once

#include "libdsm/sync/home_queue.hpp"

namespace dsm::sync {

constexpr std::uint32_t semaphore_value_max = 0x7fffffff; ///< DSM_SEM_VALUE_MAX

/// Zeroed memory is what a zeroed object has: the value 0.
struct SemaphoreState {
    std::uint64_t incarnation; ///< of the object, when it was last used (H9)
    HomeQueue queue;
    std::uint32_t value; ///< 0 while threads wait (H10)
    std::uint32_t reserved;
};

/// The home's machine: TakeUnit, PutUnit, ReadValue, Query; Cancel.
void step(SemaphoreState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message);

/// Somebody waits for it.
inline bool semaphore_in_use(const SemaphoreState &state) noexcept { return !state.queue.empty(); }

} // namespace dsm::sync
