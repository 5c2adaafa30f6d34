// Sleeping on a word in memory that processes share, and a small mutex made of it. Linux futexes, never private.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace dsm {

/// A moment of CLOCK_MONOTONIC in nanoseconds.
using Nanoseconds = std::int64_t;
Nanoseconds now_ns() noexcept;

/// Every bit set: wakes and is woken by all.
constexpr std::uint32_t futex_all = 0xffffffffU;

/// Sleeps while word == expected, until woken by a matching bit or until timeout_ns has passed (< 0: no limit).
/// Returns for spurious reasons too; false when the time passed.
bool futex_wait(const std::atomic<std::uint32_t> &word, std::uint32_t expected, Nanoseconds timeout_ns,
                std::uint32_t bits = futex_all) noexcept;
/// Wakes up to count sleepers whose bits overlap. Returns how many were woken.
int futex_wake(const std::atomic<std::uint32_t> &word, int count, std::uint32_t bits = futex_all) noexcept;

/// Pauses the processor inside a spin loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// How long a FutexMutex may be waited for before the job ends with a report; 0 for ever (the default).
void set_lock_patience(Nanoseconds patience_ns) noexcept;

/// A mutex of one word for memory shared by processes; zeroed memory is a free one. After Drepper's "Futexes are
/// tricky" (2011): 0 free, 1 held, 2 held and waited for. Usable in a signal handler that did not interrupt its holder.
class FutexMutex {
public:
    void lock() noexcept {
        if (!try_lock()) { lock_slowly(); }
    }
    bool try_lock() noexcept;
    void unlock() noexcept;
    /// A hint: somebody held it a moment ago.
    bool is_locked() const noexcept { return word_.load(std::memory_order_relaxed) != 0; }

private:
    void lock_slowly() noexcept;
    std::atomic<std::uint32_t> word_{0};
};

} // namespace dsm
