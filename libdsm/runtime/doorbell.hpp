// Doorbells: one futex word per rank in memory that the ranks of a host share. Who sends to a rank of the same host
// rings it; whoever sleeps in that rank - a waiting thread or the progress thread - sleeps on this one word. Bits tell
// the sleepers apart, so that a message wakes one thread that can handle it and an answer wakes the one that waits for
// it.
#pragma once

#include "libdsm/base/futex.hpp"

#include <atomic>
#include <cstdint>

namespace dsm::rt {

/// The bit of the progress thread; waiting threads share the others.
constexpr std::uint32_t progress_bit = 0x80000000U;
constexpr std::uint32_t waiter_bits = ~progress_bit;
constexpr unsigned waiter_bit_count = 31;

/// Zeroed memory is a valid doorbell. One cache line, so that ringing one does not disturb the next.
struct alignas(64) Doorbell {
    std::atomic<std::uint32_t> word;            ///< grows with every ring
    std::atomic<std::uint32_t> waiters_asleep;  ///< threads that sleep with a waiter's bit
    std::atomic<std::uint32_t> progress_asleep; ///< 1 while the progress thread sleeps
    std::atomic<std::uint32_t> messages;        ///< grows with every ring for a message
    std::atomic<std::uint32_t> waiters_awake;   ///< threads that wait, and look at the network meanwhile
};

/// "A message has come": wakes one thread of the rank that can run handlers, when all sleep and none looks by itself.
/// Order: the ring (seq_cst) comes after the message is visible; a sleeper announces itself (seq_cst) before it looks a
/// last time, and the futex compares the word. So either the sleeper sees the message or the ringer sees the sleeper.
/// Who waits awake counts as a sleeper before he ends to count as awake, and looks once more when he ends to wait.
inline void ring_for_message(Doorbell &bell) noexcept {
    bell.messages.fetch_add(1, std::memory_order_seq_cst);
    bell.word.fetch_add(1, std::memory_order_seq_cst);
    if (bell.waiters_awake.load(std::memory_order_seq_cst) != 0) { return; }
    if (bell.waiters_asleep.load(std::memory_order_seq_cst) != 0 && futex_wake(bell.word, 1, waiter_bits) > 0) {
        return;
    }
    if (bell.progress_asleep.load(std::memory_order_seq_cst) != 0) { futex_wake(bell.word, 1, progress_bit); }
}

/// "A message has come that can wait until a thread of the rank waits": wakes one that does.
inline void ring_for_patient_message(Doorbell &bell) noexcept {
    bell.messages.fetch_add(1, std::memory_order_seq_cst);
    bell.word.fetch_add(1, std::memory_order_seq_cst);
    if (bell.waiters_awake.load(std::memory_order_seq_cst) != 0) { return; }
    if (bell.waiters_asleep.load(std::memory_order_seq_cst) != 0) { futex_wake(bell.word, 1, waiter_bits); }
}

/// "What the thread with this bit waits for has happened."
inline void ring_for_waiter(Doorbell &bell, std::uint32_t bit) noexcept {
    bell.word.fetch_add(1, std::memory_order_seq_cst);
    if (bell.waiters_asleep.load(std::memory_order_seq_cst) != 0) { futex_wake(bell.word, 0x7fffffff, bit); }
}

/// "There is work for the progress thread itself" (a timer).
inline void ring_for_progress(Doorbell &bell) noexcept {
    bell.word.fetch_add(1, std::memory_order_seq_cst);
    if (bell.progress_asleep.load(std::memory_order_seq_cst) != 0) { futex_wake(bell.word, 1, progress_bit); }
}

/// A thread waits from here to end_wait(): awake, but inside sleep_on().
inline void begin_wait(Doorbell &bell) noexcept { bell.waiters_awake.fetch_add(1, std::memory_order_seq_cst); }
/// Behind it the thread looks at the network once more.
inline void end_wait(Doorbell &bell) noexcept { bell.waiters_awake.fetch_sub(1, std::memory_order_seq_cst); }

/// Sleeps unless the word has changed since it was `seen`. Returns false when the time passed. With the bit
/// of a waiter: between begin_wait() and end_wait().
inline bool sleep_on(Doorbell &bell, std::uint32_t seen, std::uint32_t bit, Nanoseconds timeout_ns) noexcept {
    const bool is_progress = bit == progress_bit;
    std::atomic<std::uint32_t> &asleep = is_progress ? bell.progress_asleep : bell.waiters_asleep;
    asleep.fetch_add(1, std::memory_order_seq_cst);
    if (!is_progress) { end_wait(bell); }
    const bool in_time = futex_wait(bell.word, seen, timeout_ns, bit);
    if (!is_progress) { begin_wait(bell); }
    asleep.fetch_sub(1, std::memory_order_seq_cst);
    return in_time;
}

} // namespace dsm::rt
