// The queue at a condition's home, and the word of a waiting thread. Invariants C1 to C5: docs/synchronisation.md.
#include "libdsm/sync/condition.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::sync {

namespace {

class ConditionStep {
public:
    ConditionStep(ConditionState &state, const ConditionContext &context, ConditionEffects &effects) noexcept
        : state_(state), context_(context), effects_(effects), pool_(context.pool) {}

    void on_enqueue(const ConditionWaiter &waiter);
    void on_signal();
    void on_broadcast();
    void on_cancel(const ConditionWaiter &waiter);
    void answer(const ConditionWaiter &waiter, ConditionMessageKind kind, bool busy = false);

private:
    ConditionWaiter pop();
    bool remove(const ConditionWaiter &waiter);

    ConditionState &state_;
    const ConditionContext &context_;
    ConditionEffects &effects_;
    RecordPool<ConditionRecord> pool_;
};

void ConditionStep::answer(const ConditionWaiter &waiter, ConditionMessageKind kind, bool busy) {
    const ConditionMessage message{kind, busy, context_.self, context_.condition, waiter};
    if (waiter.node == context_.self) {
        effects_.deliver_here(message);
    } else {
        effects_.send(waiter.node, message);
    }
}

//   waiter --Enqueue--> home --EnqueueAck--> waiter; only then the mutex is released (C1)
void ConditionStep::on_enqueue(const ConditionWaiter &waiter) {
    const std::uint32_t link = pool_.take();
    if (link == 0) {
        answer(waiter, ConditionMessageKind::EnqueueRefused);
        return;
    }
    pool_.at(link).waiter = waiter;
    pool_.at(link).next = 0;
    (state_.tail == 0 ? state_.head : pool_.at(state_.tail).next) = link;
    state_.tail = link;
    ++state_.waiters;
    answer(waiter, ConditionMessageKind::EnqueueAck);
}

ConditionWaiter ConditionStep::pop() {
    const std::uint32_t link = state_.head;
    DSM_CHECK(link != 0 && state_.waiters != 0, "C4 as many records as waiters", context_.condition.value);
    const ConditionWaiter waiter = pool_.at(link).waiter;
    state_.head = pool_.at(link).next;
    if (state_.head == 0) { state_.tail = 0; }
    --state_.waiters;
    pool_.give_back(link);
    return waiter;
}

/// C2: the one that has waited longest. A signal meant for a thread finds it, or one that came before it, at the front.
void ConditionStep::on_signal() {
    if (state_.waiters == 0) { return; }
    const ConditionWaiter waiter = pop();
    if (context_.mutation != ConditionMutation::SignalWakesNobody) { answer(waiter, ConditionMessageKind::Wake); }
}

void ConditionStep::on_broadcast() {
    const std::uint32_t left = context_.mutation == ConditionMutation::BroadcastMissesLast ? 1 : 0;
    while (state_.waiters > left) { answer(pop(), ConditionMessageKind::Wake); }
}

bool ConditionStep::remove(const ConditionWaiter &waiter) {
    std::uint32_t before = 0;
    for (std::uint32_t link = state_.head; link != 0; before = link, link = pool_.at(link).next) {
        if (pool_.at(link).waiter != waiter) { continue; }
        if (context_.mutation == ConditionMutation::CancelLeavesQueued) { return true; }
        const std::uint32_t after = pool_.at(link).next;
        (before == 0 ? state_.head : pool_.at(before).next) = after;
        if (state_.tail == link) { state_.tail = before; }
        --state_.waiters;
        if (context_.mutation != ConditionMutation::CancelLosesRecord) { pool_.give_back(link); }
        return true;
    }
    return false;
}

/// C3: a wait ends once. Who is not in the queue any more was woken, and that signal is his.
void ConditionStep::on_cancel(const ConditionWaiter &waiter) {
    const bool found = remove(waiter) || context_.mutation == ConditionMutation::CancelAlwaysAgrees;
    answer(waiter, found ? ConditionMessageKind::CancelAck : ConditionMessageKind::CancelLate);
}

constexpr std::uint64_t phase_bits = 8;

std::uint64_t make_word(std::uint32_t sequence, ConditionPhase phase) noexcept {
    return (std::uint64_t{sequence} << phase_bits) | static_cast<std::uint64_t>(phase);
}
ConditionPhase phase_of(std::uint64_t word) noexcept { return static_cast<ConditionPhase>(word & 0xff); }
std::uint32_t sequence_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> phase_bits); }

std::uint32_t begin(WaitRecord &record, ConditionPhase phase) noexcept {
    std::atomic_ref word(record.condition_word);
    const std::uint64_t seen = word.load(std::memory_order_relaxed);
    DSM_CHECK(phase_of(seen) == ConditionPhase::Idle, "C3 a thread waits once", sequence_of(seen));
    const std::uint32_t sequence = sequence_of(seen) + 1;
    word.store(make_word(sequence, phase), std::memory_order_release);
    return sequence;
}

/// What an answer makes of a phase; the same phase when it says nothing new (it is late, or was overtaken). Idle: the
/// answer is impossible here.
ConditionPhase after_answer(ConditionPhase phase, const ConditionMessage &message) noexcept {
    using Kind = ConditionMessageKind;
    using Phase = ConditionPhase;
    switch (message.kind) {
    case Kind::EnqueueAck: // a Wake that overtook it has said as much
        return phase == Phase::Enqueueing ? Phase::Waiting : phase;
    case Kind::EnqueueRefused:
        return phase == Phase::Enqueueing ? Phase::Refused : Phase::Idle;
    case Kind::Wake:
        // After CancelLate the phase is Woken already; Cancelled excludes it, because the home removed the waiter.
        if (phase == Phase::Enqueueing || phase == Phase::Waiting || phase == Phase::Cancelling) {
            return Phase::Woken;
        }
        return phase == Phase::Woken ? phase : Phase::Idle;
    case Kind::CancelAck:
        return phase == Phase::Cancelling ? Phase::Cancelled : Phase::Idle;
    case Kind::CancelLate: // the Wake itself may have been faster
        return phase == Phase::Cancelling || phase == Phase::Woken ? Phase::Woken : Phase::Idle;
    case Kind::QueryReply:
        if (phase != Phase::Querying) { return Phase::Idle; }
        return message.busy ? Phase::QueryBusy : Phase::QueryIdle;
    case Kind::Enqueue:
    case Kind::Signal:
    case Kind::Broadcast:
    case Kind::Cancel:
    case Kind::Query:
        break;
    }
    return Phase::Idle;
}

} // namespace

void step(ConditionState &state, const ConditionContext &context, ConditionEffects &effects,
          const ConditionMessage &message) {
    ConditionStep condition(state, context, effects);
    switch (message.kind) {
    case ConditionMessageKind::Enqueue:
        condition.on_enqueue(message.waiter);
        return;
    case ConditionMessageKind::Signal:
        condition.on_signal();
        return;
    case ConditionMessageKind::Broadcast:
        condition.on_broadcast();
        return;
    case ConditionMessageKind::Cancel:
        condition.on_cancel(message.waiter);
        return;
    case ConditionMessageKind::Query:
        condition.answer(message.waiter, ConditionMessageKind::QueryReply, state.waiters != 0);
        return;
    case ConditionMessageKind::EnqueueAck:
    case ConditionMessageKind::EnqueueRefused:
    case ConditionMessageKind::Wake:
    case ConditionMessageKind::CancelAck:
    case ConditionMessageKind::CancelLate:
    case ConditionMessageKind::QueryReply:
        break;
    }
    DSM_CHECK(false, "C5 answers go to waiters", context.condition.value);
}

std::uint32_t begin_wait(WaitRecord &record) noexcept { return begin(record, ConditionPhase::Enqueueing); }
std::uint32_t begin_query(WaitRecord &record) noexcept { return begin(record, ConditionPhase::Querying); }

bool begin_cancel(WaitRecord &record) noexcept {
    std::atomic_ref word(record.condition_word);
    std::uint64_t seen = word.load(std::memory_order_acquire);
    if (phase_of(seen) != ConditionPhase::Waiting) { return false; }
    return word.compare_exchange_strong(seen, make_word(sequence_of(seen), ConditionPhase::Cancelling),
                                        std::memory_order_acq_rel, std::memory_order_acquire);
}

void end_wait(WaitRecord &record) noexcept {
    std::atomic_ref word(record.condition_word);
    // Late answers of this sequence find Idle and are ignored, as those of older ones are.
    word.store(make_word(sequence_of(word.load(std::memory_order_relaxed)), ConditionPhase::Idle),
               std::memory_order_release);
}

ConditionPhase wait_phase(const WaitRecord &record) noexcept {
    // A const object is never written through this reference; C++20's atomic_ref takes no const type.
    return phase_of(
        std::atomic_ref(const_cast<std::uint64_t &>(record.condition_word)).load(std::memory_order_acquire));
}

bool on_wait_message(WaitRecord &record, const ConditionMessage &message) noexcept {
    std::atomic_ref word(record.condition_word);
    std::uint64_t seen = word.load(std::memory_order_acquire);
    for (;;) {
        const bool late = sequence_of(seen) != message.waiter.sequence || phase_of(seen) == ConditionPhase::Idle;
        if (late) { return false; }
        const ConditionPhase after = after_answer(phase_of(seen), message);
        DSM_CHECK(after != ConditionPhase::Idle, "C3 a wait ends once", message.condition.value);
        if (after == phase_of(seen)) { return false; }
        if (word.compare_exchange_weak(seen, make_word(message.waiter.sequence, after), std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
            return true;
        }
    }
}

} // namespace dsm::sync
