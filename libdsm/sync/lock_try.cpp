// The lock machine: tries. The token is lent and comes back; hints and queues between nodes do not notice.
#include "libdsm/sync/lock_step.hpp"

namespace dsm::sync {

/// Tries of a node ask one after another, so that each answer has one asker and a loan one borrower (L9).
LockOutcome LockStep::on_try(WaitSlot slot, LockOwner owner) {
    if (take_if_free(owner)) { return LockOutcome::Acquired; }
    // Held or waited for by a thread of this node, or lent: "busy" without a message (L11).
    const bool may_ask = state_.phase == TokenPhase::Absent && (word() & lock_borrowed) == 0;
    if (!may_ask || (planted(LockMutation::TryRefusedByTry) && !state_.tries.empty())) { return LockOutcome::Busy; }
    DSM_CHECK(!record(slot).queued, "L8 a thread waits once", context_.lock.value);
    record(slot).owner = owner;
    record(slot).queued = true;
    record(slot).asked = false;
    state_.tries.push(context_.records, slot);
    if (state_.tries.front() == slot) { ask_for_tries(); }
    return LockOutcome::Wait;
}

LockOutcome LockStep::on_try_retry(WaitSlot slot, LockOwner owner) {
    if (holder() == owner) { return LockOutcome::Acquired; }
    return record(slot).queued ? LockOutcome::Wait : LockOutcome::Busy;
}

/// One TryRequest for all tries that wait now. Who comes later must not be refused by its answer, which may tell of a
/// hold that ended before (L11).
void LockStep::ask_for_tries() {
    for (std::uint32_t link = state_.tries.first(); link != 0; link = context_.records[link - 1].next) {
        context_.records[link - 1].asked = true;
    }
    send(state_.hint, LockMessageKind::TryRequest, context_.self);
}

/// Ends all tries, or those that were asked for: they learn when they retry whether they hold the lock.
void LockStep::end_tries(bool all) {
    while (!state_.tries.empty() && (all || record(state_.tries.front()).asked)) {
        const WaitSlot slot = state_.tries.front();
        state_.tries.remove(context_.records, slot);
        record(slot).queued = false;
        effects_.wake(slot);
    }
}

//   origin --TryRequest--> absent --...--> root --TryGrant or TryBusy--> origin
void LockStep::on_try_request(const LockMessage &message) {
    DSM_CHECK(message.origin != context_.self, "L3 a try never comes home", context_.lock.value);
    if (state_.phase == TokenPhase::Absent) {
        // Hints turn only where somebody asks for the token. So origin has asked for it meanwhile, or others make it
        // move faster than the try: in either case somebody waits for the lock (L11).
        const bool chasing = state_.hint == message.origin || message.sends + 1 >= context_.node_count;
        if (chasing) {
            send(message.origin, LockMessageKind::TryBusy, message.origin);
        } else {
            forward(message);
        }
        return;
    }
    std::uint64_t expected = lock_token_here; // free, and nobody waits: also against the fast path
    if (state_.phase == TokenPhase::Here && word_.compare_exchange_strong(expected, 0, std::memory_order_acquire)) {
        state_.phase = TokenPhase::Lent;
        state_.peer = message.origin;
        send(message.origin, LockMessageKind::TryGrant, message.origin);
    } else {
        send(message.origin, LockMessageKind::TryBusy, message.origin);
    }
}

/// The first of the tries holds the lock from now on, so all others are refused, whether asked for or not.
void LockStep::on_try_grant(const LockMessage &message) {
    const bool absent = state_.phase == TokenPhase::Absent || state_.phase == TokenPhase::Requested;
    DSM_CHECK(!state_.tries.empty() && absent && holder().value == 0, "L9 lent to one who tried", context_.lock.value);
    state_.peer = message.from;
    word_.fetch_or(record(state_.tries.front()).owner.value | lock_borrowed, std::memory_order_acquire);
    end_tries(true);
}

/// The token may have come here by another thread's request meanwhile: then the first try takes it if it is free. Where
/// it is here, lent from here or asked for, somebody holds the lock or waits for it now, which refuses all tries.
void LockStep::on_try_busy() {
    DSM_CHECK(!state_.tries.empty(), "L9 an answer to one who tried", context_.lock.value);
    take_if_free(record(state_.tries.front()).owner);
    end_tries(state_.phase != TokenPhase::Absent || planted(LockMutation::LateTryRefused));
    if (!state_.tries.empty()) { ask_for_tries(); }
}

// ---- The end of a loan: unlock returns when the lender is known to have the token back ----

//   borrower --Return--> lender --ReturnAck--> borrower. Without the answer a try that is ordered after this unlock, by
//   a barrier say, could reach the lender before the Return and be refused (L11).
LockOutcome LockStep::give_back_loan(WaitSlot slot) {
    const NodeId lender = state_.peer;
    state_.peer = no_node;
    word_.fetch_and(~(lock_owner_mask | lock_borrowed), std::memory_order_release);
    send(lender, LockMessageKind::Return, context_.self);
    if (planted(LockMutation::ReturnNotAwaited)) { return LockOutcome::Released; }
    record(slot).queued = true;
    state_.returns.push(context_.records, slot);
    return LockOutcome::Wait;
}

LockOutcome LockStep::on_unlock_retry(WaitSlot slot) const noexcept {
    return record(slot).queued ? LockOutcome::Wait : LockOutcome::Released;
}

void LockStep::on_return(const LockMessage &message) {
    const bool lent = state_.phase == TokenPhase::Lent && state_.peer == message.from;
    DSM_CHECK(lent, "L9 a lent token comes back from its borrower", context_.lock.value);
    state_.phase = TokenPhase::Here;
    state_.peer = no_node;
    raise(lock_token_here | (state_.next != no_node ? lock_next_waiting : 0));
    if (!planted(LockMutation::ReturnNotAwaited)) { send(message.from, LockMessageKind::ReturnAck, message.from); }
    serve();
}

/// Ends the longest waiting unlock, whichever Return is acknowledged: a node borrows again only after its earlier
/// Returns have come to their lenders, because there is one token (L1). So n ReturnAcks say that at least the first n
/// Returns have arrived.
void LockStep::on_return_ack() {
    DSM_CHECK(!state_.returns.empty(), "L9 an acknowledgement to one who returned", context_.lock.value);
    const WaitSlot slot = state_.returns.front();
    state_.returns.remove(context_.records, slot);
    record(slot).queued = false;
    effects_.wake(slot);
}

} // namespace dsm::sync
