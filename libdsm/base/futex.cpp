// Futex system calls and the mutex of one word.
#include "libdsm/base/futex.hpp"

#include "libdsm/base/check.hpp"

#include <cerrno>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm {
namespace {
constexpr Nanoseconds ns_per_s = 1'000'000'000;
constexpr int spins_before_sleep = 60;
constexpr int slices_max = 8;
constexpr Nanoseconds long_wait_ns = 20 * ns_per_s;
std::atomic<Nanoseconds> lock_patience_ns{0};

std::uint32_t *address_of(const std::atomic<std::uint32_t> &word) noexcept {
    return const_cast<std::uint32_t *>(reinterpret_cast<const std::uint32_t *>(&word));
}
} // namespace

Nanoseconds now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<Nanoseconds>(now.tv_sec) * ns_per_s + now.tv_nsec;
}

bool futex_wait(const std::atomic<std::uint32_t> &word, std::uint32_t expected, Nanoseconds timeout_ns,
                std::uint32_t bits) noexcept {
    const int saved_errno = errno;
    timespec deadline{}; // FUTEX_WAIT_BITSET takes an absolute time.
    if (timeout_ns >= 0) {
        const Nanoseconds at = now_ns() + timeout_ns;
        deadline.tv_sec = static_cast<time_t>(at / ns_per_s);
        deadline.tv_nsec = static_cast<long>(at % ns_per_s);
    }
    const long result = ::syscall(SYS_futex, address_of(word), FUTEX_WAIT_BITSET, expected,
                                  timeout_ns >= 0 ? &deadline : nullptr, nullptr, bits);
    const bool in_time = !(result == -1 && errno == ETIMEDOUT);
    errno = saved_errno;
    return in_time;
}

int futex_wake(const std::atomic<std::uint32_t> &word, int count, std::uint32_t bits) noexcept {
    const int saved_errno = errno;
    const long woken = ::syscall(SYS_futex, address_of(word), FUTEX_WAKE_BITSET, count, nullptr, nullptr, bits);
    errno = saved_errno;
    return woken > 0 ? static_cast<int>(woken) : 0;
}

void set_lock_patience(Nanoseconds patience_ns) noexcept {
    lock_patience_ns.store(patience_ns, std::memory_order_relaxed);
}

bool FutexMutex::try_lock() noexcept {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed);
}

void FutexMutex::lock_slowly() noexcept {
    for (int spin = 0; spin < spins_before_sleep; ++spin) {
        if (try_lock()) { return; }
        cpu_relax();
    }
    const Nanoseconds patience = lock_patience_ns.load(std::memory_order_relaxed);
    // Slices that passed without a wake are counted, not time: a process that was itself stopped loses one slice.
    int slices = 0;
    while (word_.exchange(2, std::memory_order_acquire) != 0) {
        slices = futex_wait(word_, 2, patience > 0 ? patience / slices_max : long_wait_ns) ? 0 : slices + 1;
        if (patience > 0 && slices >= slices_max) {
            end_job(exit_silent_peer,
                    "a lock of libdsm's tables has been held for %lld s: its holder has stopped or died",
                    static_cast<long long>(patience / ns_per_s));
        }
    }
}

void FutexMutex::unlock() noexcept {
    if (word_.exchange(0, std::memory_order_release) == 2) { futex_wake(word_, 1); }
}

} // namespace dsm
