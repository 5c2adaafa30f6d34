// One step of the lock machine, as lock_token.cpp (threads, the token between nodes) and lock_try.cpp (tries, the loan)
// share it. Names of invariants (L1 to L14) are those of docs/synchronisation.md.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/sync/lock_token.hpp"

namespace dsm::sync {

/// One step on one lock: the state, who we are, and what to call.
class LockStep {
public:
    LockStep(LockState &state, const LockContext &context, LockEffects &effects) noexcept
        : state_(state), context_(context), effects_(effects), word_(state.word) {}

    void start_if_unknown() noexcept;
    LockOutcome on_lock(WaitSlot slot, LockOwner owner, bool is_timed);
    LockOutcome on_retry(WaitSlot slot, LockOwner owner);
    LockOutcome on_abandon(WaitSlot slot, LockOwner owner);
    LockOutcome on_try(WaitSlot slot, LockOwner owner);
    LockOutcome on_try_retry(WaitSlot slot, LockOwner owner);
    LockOutcome on_relock(LockOwner owner);
    LockOutcome on_unlock(WaitSlot slot, LockOwner owner);
    LockOutcome on_unlock_retry(WaitSlot slot) const noexcept;
    void on_message(const LockMessage &message);

private:
    void on_request(const LockMessage &message);
    void on_token(const LockMessage &message);
    void on_kept(const LockMessage &message);
    void on_try_request(const LockMessage &message);
    void on_try_grant(const LockMessage &message);
    void on_try_busy();
    void on_try_later();
    void on_return(const LockMessage &message);
    void on_return_ack();

    bool take_if_free(LockOwner owner);
    void serve();
    void hand_to_head();
    void pass_token();
    void request_token();
    bool wait_as_next(const LockMessage &message);
    void forward(const LockMessage &message, LockMessageKind kind, NodeId to);
    bool everybody_may_give_up() const noexcept;
    bool leave_queue(WaitSlot slot);
    bool is_abandoned() const noexcept;
    bool has_parked_tries() const noexcept;
    bool is_used_here() const noexcept;
    void ask_for_tries();
    void end_tries(bool all);
    void end_parked_tries();
    LockOutcome give_back_loan(WaitSlot slot);
    void send(NodeId to, LockMessage message);
    void send(NodeId to, LockMessageKind kind, NodeId origin) { send(to, {kind, {}, origin, 0, {}}); }

    std::uint64_t word() const noexcept { return word_.load(std::memory_order_relaxed); }
    LockOwner holder() const noexcept { return LockOwner{word() & lock_owner_mask}; }
    bool is_free() const noexcept { return state_.phase == TokenPhase::Here && holder().value == 0; }
    // Acquire: who carries the token away must have seen what a fast unlock released. Release: who takes the lock on
    // the fast path must see what came with the token.
    void raise(std::uint64_t flag) noexcept { word_.fetch_or(flag, std::memory_order_acq_rel); }
    void lower(std::uint64_t flag) noexcept { word_.fetch_and(~flag, std::memory_order_acq_rel); }
    bool planted(LockMutation mutation) const noexcept { return context_.mutation == mutation; }
    WaitRecord &record(WaitSlot slot) const noexcept { return context_.records[slot.value]; }

    LockState &state_;
    const LockContext &context_;
    LockEffects &effects_;
    std::atomic_ref<std::uint64_t> word_;
};

} // namespace dsm::sync
