// A lock for many mappers or one dropper.
#include "libdsm/memory/map_lock.hpp"

#include "libdsm/base/futex.hpp"

#include <climits>

namespace dsm::memory {

void MapLock::lock_shared() noexcept {
    for (;;) {
        std::uint32_t state = state_.load(std::memory_order_relaxed);
        if ((state & exclusive) == 0 && waiting_.load(std::memory_order_relaxed) == 0) {
            if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) { return; }
            continue;
        }
        wait(state);
    }
}

void MapLock::unlock_shared() noexcept {
    if (state_.fetch_sub(1, std::memory_order_release) == 1 && waiting_.load(std::memory_order_relaxed) != 0) {
        futex_wake(state_, INT_MAX);
    }
}

void MapLock::lock() noexcept {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    for (;;) {
        std::uint32_t state = 0;
        if (state_.compare_exchange_weak(state, exclusive, std::memory_order_acquire)) { return; }
        wait(state);
    }
}

void MapLock::unlock() noexcept {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    state_.store(0, std::memory_order_release);
    futex_wake(state_, INT_MAX);
}

void MapLock::wait(std::uint32_t seen) noexcept {
    // A short sleep, bounded: between our look at `waiting_` and the sleep the last reason to wake us may have passed.
    constexpr Nanoseconds look_again_ns = 1'000'000;
    cpu_relax();
    futex_wait(state_, seen, look_again_ns);
}

} // namespace dsm::memory
