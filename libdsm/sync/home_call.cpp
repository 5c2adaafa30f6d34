// The word of a call. Invariants: docs/synchronisation.md.
#include "libdsm/sync/home_call.hpp"

#include "libdsm/base/check.hpp"

#include <atomic>

namespace dsm::sync {

namespace {

using Phase = HomeCallPhase;

/// The word taken apart.
struct Word {
    std::uint32_t sequence;
    HomeResult result;
    Phase phase;
};

constexpr unsigned sequence_shift = 16;
constexpr unsigned result_shift = 8;

std::uint64_t packed(const Word &word) noexcept {
    return (std::uint64_t{word.sequence} << sequence_shift) |
           (static_cast<std::uint64_t>(word.result) << result_shift) | static_cast<std::uint64_t>(word.phase);
}
Word unpacked(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> sequence_shift), static_cast<HomeResult>((word >> result_shift) & 0xff),
            static_cast<Phase>(word & 0xff)};
}

/// What an answer makes of a call; Idle in the phase: the answer is impossible there.
Word after_answer(Word call, const HomeMessage &message) noexcept {
    const bool waits_for_cancel = call.phase == Phase::Cancelling || call.phase == Phase::Crossed;
    switch (message.kind) {
    case HomeMessageKind::Answer:
        if (call.phase == Phase::Asked || call.phase == Phase::Queued) {
            return {call.sequence, message.result, Phase::Over};
        }
        if (call.phase == Phase::Cancelling) { return {call.sequence, message.result, Phase::Crossed}; }
        return call.phase == Phase::Over ? call : Word{};
    case HomeMessageKind::Queued: // an Answer that overtook it has said more
        return call.phase == Phase::Asked ? Word{call.sequence, call.result, Phase::Queued} : call;
    case HomeMessageKind::CancelAck:
        return call.phase == Phase::Cancelling ? Word{call.sequence, HomeResult::TimedOut, Phase::Over} : Word{};
    case HomeMessageKind::CancelLate: // H3: who stands in a queue is granted or cancelled, so the Answer says Granted
        return waits_for_cancel ? Word{call.sequence, HomeResult::Granted, Phase::Over} : Word{};
    case HomeMessageKind::Request:
    case HomeMessageKind::Cancel:
        break;
    }
    return Word{};
}

} // namespace

std::uint32_t begin_call(HomeCall &call) noexcept {
    std::atomic_ref word(call.word);
    const Word before = unpacked(word.load(std::memory_order_relaxed));
    DSM_CHECK(before.phase == Phase::Idle, "H2 a thread has one call at a time", before.sequence);
    word.store(packed({before.sequence + 1, HomeResult::Granted, Phase::Asked}), std::memory_order_release);
    return before.sequence + 1;
}

bool begin_cancel(HomeCall &call) noexcept {
    std::atomic_ref word(call.word);
    std::uint64_t seen = word.load(std::memory_order_acquire);
    if (unpacked(seen).phase != Phase::Queued) { return false; }
    Word cancelling = unpacked(seen);
    cancelling.phase = Phase::Cancelling;
    return word.compare_exchange_strong(seen, packed(cancelling), std::memory_order_acq_rel, std::memory_order_acquire);
}

HomeCallPhase call_phase(const HomeCall &call) noexcept {
    // A const object is never written through this reference; C++20's atomic_ref takes no const type.
    return unpacked(std::atomic_ref(const_cast<std::uint64_t &>(call.word)).load(std::memory_order_acquire)).phase;
}

HomeEnd end_call(HomeCall &call) noexcept {
    std::atomic_ref word(call.word);
    const Word before = unpacked(word.load(std::memory_order_acquire));
    DSM_CHECK(before.phase == Phase::Over, "H2 a call ends once", before.sequence);
    const HomeEnd end{before.result, std::atomic_ref(call.number).load(std::memory_order_relaxed)};
    word.store(packed({before.sequence, HomeResult::Granted, Phase::Idle}), std::memory_order_release);
    return end;
}

bool on_home_answer(HomeCall &call, const HomeMessage &message) noexcept {
    std::atomic_ref word(call.word);
    std::uint64_t seen = word.load(std::memory_order_acquire);
    for (;;) {
        const Word before = unpacked(seen);
        const bool late = before.sequence != message.waiter.sequence || before.phase == Phase::Idle;
        if (late) { return false; }
        const Word after = after_answer(before, message);
        DSM_CHECK(after.phase != Phase::Idle, "H2 a call ends once", message.id.value);
        if (after.phase == before.phase) { return false; }
        // Before the word says that it is there. One Answer comes to a call, so nobody else writes it.
        if (message.kind == HomeMessageKind::Answer) {
            std::atomic_ref(call.number).store(message.number, std::memory_order_relaxed);
        }
        if (word.compare_exchange_weak(seen, packed(after), std::memory_order_acq_rel, std::memory_order_acquire)) {
            return true;
        }
    }
}

} // namespace dsm::sync
