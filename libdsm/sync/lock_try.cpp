// The lock machine: tries. The token is lent and comes back; hints and queues between nodes do not notice.
#include "libdsm/sync/lock_step.hpp"

namespace dsm::sync {

/// Our Request is under way or waits somewhere, and everybody whom it was sent for has given up.
bool LockStep::is_abandoned() const noexcept {
    return state_.phase == TokenPhase::Requested && state_.queue.empty() && !planted(LockMutation::AbandonedRefuses);
}

/// Tries that can ask nobody yet: Kept or Token is on its way.
bool LockStep::has_parked_tries() const noexcept {
    return !state_.tries.empty() && !record(state_.tries.front()).asked;
}

/// After take_if_free(): a thread holds the lock or waits for it, as far as this node sees.
bool LockStep::is_used_here() const noexcept { return state_.phase != TokenPhase::Absent && !is_abandoned(); }

/// Tries of a node ask one after another, so that each answer has one asker and a loan one borrower (L9).
LockOutcome LockStep::on_try(WaitSlot slot, LockOwner owner) {
    if (take_if_free(owner)) { return LockOutcome::Acquired; }
    // Held or waited for by a thread of this node, or lent: "busy" without a message (L11).
    const bool may_ask = !is_used_here() && (word() & lock_borrowed) == 0;
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

/// One question for all tries that wait now. Who comes later must not be refused by its answer, which may tell of a
/// hold that ended before (L11). Hints lead to the last Request that waits; if that is ours, and abandoned, the node
/// that keeps it knows more. Until it is known, the tries are parked.
void LockStep::ask_for_tries() {
    const bool is_absent = state_.phase == TokenPhase::Absent;
    const bool asks = is_absent || state_.ahead != no_node;
    for (std::uint32_t link = state_.tries.first(); link != 0; link = context_.records[link - 1].next) {
        context_.records[link - 1].asked = asks;
    }
    if (is_absent) {
        send(state_.hint, LockMessageKind::TryRequest, context_.self);
    } else if (asks) {
        send(state_.ahead, LockMessageKind::TryAhead, context_.self);
    }
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

/// The token has come, or somebody who waits for it: the first of the parked tries has it if it is free.
void LockStep::end_parked_tries() {
    if (!has_parked_tries() || planted(LockMutation::ParkedTryForgotten)) { return; }
    take_if_free(record(state_.tries.front()).owner);
    end_tries(true);
}

//   origin --TryRequest--> absent --...--> root --TryAhead--> who keeps its Request --...--> who decides
//   who decides --TryGrant, TryBusy or TryLater--> origin
void LockStep::on_try_request(const LockMessage &message) {
    DSM_CHECK(message.origin != context_.self, "L3 a try never comes home", context_.lock.value);
    const bool is_absent = state_.phase == TokenPhase::Absent;
    if (is_absent || is_abandoned()) {
        // While nothing moves, hints lead to the last Request that waits, and `ahead` from there to the token. So a way
        // that ends, comes back or is too long has met a message that moves: a Request, a Kept or the token. Nobody
        // need wait for the lock, since who sent it may have given up (L11).
        const NodeId to = is_absent ? state_.hint : state_.ahead;
        const bool is_late = is_absent && message.kind == LockMessageKind::TryAhead; // the token has gone to who asked
        const bool is_lost = to == no_node || to == message.origin || message.sends + 1 >= context_.node_count;
        if (is_late || is_lost) {
            send(message.origin, LockMessageKind::TryLater, message.origin);
        } else {
            forward(message, is_absent ? LockMessageKind::TryRequest : LockMessageKind::TryAhead, to);
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
/// it is here, lent from here or waited for, somebody holds the lock or waits for it now, which refuses all tries.
void LockStep::on_try_busy() {
    DSM_CHECK(!state_.tries.empty() && !has_parked_tries(), "L9 an answer to one who asked", context_.lock.value);
    take_if_free(record(state_.tries.front()).owner);
    end_tries(is_used_here() || planted(LockMutation::LateTryRefused));
    if (!state_.tries.empty()) { ask_for_tries(); }
}

void LockStep::on_try_later() {
    DSM_CHECK(!state_.tries.empty() && !has_parked_tries(), "L9 an answer to one who asked", context_.lock.value);
    take_if_free(record(state_.tries.front()).owner);
    if (is_used_here()) {
        end_tries(true);
    } else {
        ask_for_tries();
    }
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
