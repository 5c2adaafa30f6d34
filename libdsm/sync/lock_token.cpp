// The lock machine: the threads of a node, and the token between nodes.
#include "libdsm/sync/lock_step.hpp"

namespace dsm::sync {

void LockStep::start_if_unknown() noexcept {
    if (state_.phase != TokenPhase::Unknown) { return; }
    const bool here = context_.self == context_.home;
    state_.hint = context_.home;
    state_.next = no_node;
    state_.peer = no_node;
    state_.ahead = no_node;
    state_.phase = here ? TokenPhase::Here : TokenPhase::Absent;
    if (here) { word_.store(lock_token_here, std::memory_order_release); }
}

void LockStep::send(NodeId to, LockMessage message) {
    DSM_CHECK(to != context_.self && to.value < context_.node_count, "L4 hints lead to other nodes",
              context_.lock.value);
    message.from = context_.self;
    message.lock = context_.lock;
    effects_.send(to, message);
}

// ---- Threads of this node ----

/// Takes the lock for a thread if the token is here and nobody holds it. Races with lock_fast() and unlock_fast() only.
bool LockStep::take_if_free(LockOwner owner) {
    std::uint64_t seen = word();
    do {
        const bool held = (seen & lock_owner_mask) != 0 && !planted(LockMutation::TryTakesHeld);
        if ((seen & lock_token_here) == 0 || held) { return false; }
    } while (!word_.compare_exchange_weak(seen, (seen & ~lock_owner_mask) | owner.value, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    if (state_.next != no_node) { ++state_.hand_overs; }
    return true;
}

LockOutcome LockStep::on_lock(WaitSlot slot, LockOwner owner, bool is_timed) {
    DSM_CHECK(!record(slot).queued, "L8 a thread waits once", context_.lock.value);
    if (holder() == owner) { return LockOutcome::Deadlock; }
    // The flag goes up before the queue is joined, in one exchange with the look at the holder: otherwise a fast unlock
    // in between would leave the lock free with nobody woken (L7).
    for (;;) {
        if (take_if_free(owner)) { return LockOutcome::Acquired; }
        std::uint64_t seen = word();
        const bool is_free_again = (seen & lock_token_here) != 0 && (seen & lock_owner_mask) == 0;
        if (is_free_again) { continue; }
        if (planted(LockMutation::FlagNotRaised)) { break; }
        if (word_.compare_exchange_strong(seen, seen | lock_waiters, std::memory_order_relaxed)) { break; }
    }
    record(slot).owner = owner;
    record(slot).queued = true;
    record(slot).is_timed = is_timed;
    state_.queue.push(context_.records, slot);
    if (state_.phase == TokenPhase::Absent) { request_token(); }
    return LockOutcome::Wait;
}

LockOutcome LockStep::on_retry(WaitSlot slot, LockOwner owner) {
    if (holder() == owner) { return LockOutcome::Acquired; } // it was handed over
    DSM_CHECK(record(slot).queued, "L8 who waits is queued", context_.lock.value);
    if (take_if_free(owner)) {
        leave_queue(slot);
        return LockOutcome::Acquired;
    }
    if (state_.queue.front() == slot) { state_.head_woken = false; }
    return LockOutcome::Wait;
}

LockOutcome LockStep::on_abandon(WaitSlot slot, LockOwner owner) {
    if (holder() == owner) { return LockOutcome::Acquired; }
    if (planted(LockMutation::AbandonStaysQueued)) { return LockOutcome::TimedOut; }
    DSM_CHECK(record(slot).is_timed, "L13 who gives up waits with a time limit", context_.lock.value);
    DSM_CHECK(leave_queue(slot), "L8 who waits is queued", context_.lock.value);
    // A request that is under way stays so: the token is accepted when it comes, and kept or passed on.
    if (is_free() && !planted(LockMutation::AbandonNotServed)) { serve(); }
    return LockOutcome::TimedOut;
}

/// Takes a slot out of the queue. What was counted for the first of the queue begins anew with the next one.
bool LockStep::leave_queue(WaitSlot slot) {
    const bool was_first = !state_.queue.empty() && state_.queue.front() == slot;
    if (!state_.queue.remove(context_.records, slot)) { return false; }
    record(slot).queued = false;
    if (was_first) {
        state_.head_woken = false;
        state_.barges = 0;
    }
    if (state_.queue.empty()) { lower(lock_waiters); }
    return true;
}

/// L12: the flag turns the holder's unlock away from the fast path; it goes up before that unlock can be, since both
/// are the same thread's.
LockOutcome LockStep::on_relock(LockOwner owner) {
    DSM_CHECK(holder() == owner, "L12 the holder alone relocks", context_.lock.value);
    if (state_.relocks == context_.relocks_max) { return LockOutcome::TooDeep; }
    if (!planted(LockMutation::RelockNotCounted)) { ++state_.relocks; }
    if (!planted(LockMutation::RelockNotFlagged)) { raise(lock_relocked); }
    return LockOutcome::Acquired;
}

LockOutcome LockStep::on_unlock(WaitSlot slot, LockOwner owner) {
    if (holder() != owner) { return LockOutcome::NotOwner; }
    if (planted(LockMutation::UnlockReleasesAll)) {
        state_.relocks = 0;
        lower(lock_relocked);
    }
    if (state_.relocks != 0) {
        if (--state_.relocks == 0) { lower(lock_relocked); }
        return LockOutcome::StillHeld;
    }
    if ((word() & lock_borrowed) != 0) { return give_back_loan(slot); }
    DSM_CHECK(state_.phase == TokenPhase::Here, "L2 the holder's node has the token", context_.lock.value);
    word_.fetch_and(~lock_owner_mask, std::memory_order_release);
    if (!state_.queue.empty()) { ++state_.barges; }
    serve();
    return LockOutcome::Released;
}

/// The token is here and free: another node's turn, or the first of the queue is told. Establishes L6 and L7.
void LockStep::serve() {
    const bool waited_for = !state_.queue.empty();
    if (state_.next != no_node && (!waited_for || state_.hand_overs >= context_.local_hand_overs_max)) {
        pass_token();
        if (waited_for) { request_token(); }
        return;
    }
    if (!waited_for) { return; }
    if (state_.barges > context_.barges_max) {
        hand_to_head();
    } else if (!state_.head_woken && !planted(LockMutation::HeadNotWoken)) {
        state_.head_woken = true;
        effects_.wake(state_.queue.front());
    }
}

/// The first of the queue holds the lock from now on, whether it has woken yet or not. The token is here and free, and
/// flags are raised, so that no fast path interferes.
void LockStep::hand_to_head() {
    const WaitSlot slot = state_.queue.front();
    DSM_CHECK(take_if_free(record(slot).owner), "L2 one holder", context_.lock.value);
    leave_queue(slot);
    effects_.wake(slot);
}

// ---- The token between nodes ----

/// Gives the token to `next`. The hint points at the last node that asked, which is not this one (L4).
void LockStep::pass_token() {
    const NodeId to = state_.next;
    const bool told = state_.next_told;
    state_.next = no_node;
    state_.next_told = false;
    state_.hand_overs = 0;
    state_.phase = planted(LockMutation::TokenKept) ? TokenPhase::Here : TokenPhase::Absent;
    if (!planted(LockMutation::TokenKept)) { lower(lock_token_here | lock_next_waiting); }
    send(to, {LockMessageKind::Token, {}, to, 0, {}, told});
}

/// L13: where one thread waits without a time limit, somebody waits until the token comes; then nobody need be told who
/// keeps the request.
bool LockStep::everybody_may_give_up() const noexcept {
    for (std::uint32_t link = state_.queue.first(); link != 0; link = context_.records[link - 1].next) {
        if (!context_.records[link - 1].is_timed) { return false; }
    }
    return true;
}

/// L3: only a node without token and without request asks; it is a root from now on (L4).
void LockStep::request_token() {
    DSM_CHECK(state_.phase == TokenPhase::Absent && state_.hint != context_.self, "L3 one request",
              context_.lock.value);
    const NodeId to = state_.hint;
    state_.hint = context_.self;
    state_.phase = TokenPhase::Requested;
    ++state_.asks;
    send(to, {LockMessageKind::Request, {}, context_.self, 0, {}, everybody_may_give_up(), state_.asks});
}

void LockStep::forward(const LockMessage &message, LockMessageKind kind, NodeId to) {
    LockMessage next = message;
    next.kind = kind;
    ++next.sends;
    DSM_CHECK(next.sends < context_.node_count, "L5 at most node_count - 1 forwards", context_.lock.value);
    send(to, next);
}

/// A root keeps one request (then true); a later one goes on to the node whose request it kept last. Both turn the
/// hint.
bool LockStep::wait_as_next(const LockMessage &message) {
    const bool keeps = state_.next == no_node || planted(LockMutation::NextForgotten);
    if (keeps) {
        state_.next = message.origin;
        state_.next_told = false;
        state_.hand_overs = 0;
        if (state_.phase == TokenPhase::Here) { raise(lock_next_waiting); }
    } else {
        forward(message, message.kind, state_.hint);
    }
    state_.hint = message.origin;
    return keeps;
}

//   origin --Request--> absent --Request--> ... --Request--> root     each of them: hint := origin
//   root --Kept--> origin, if it waits there and its threads may give up (L13)
void LockStep::on_request(const LockMessage &message) {
    DSM_CHECK(message.origin != context_.self, "L3 a request never comes home", context_.lock.value);
    bool keeps = false;
    switch (state_.phase) {
    case TokenPhase::Absent:
        forward(message, message.kind, state_.hint);
        if (!planted(LockMutation::HintNotTurned)) { state_.hint = message.origin; }
        return;
    case TokenPhase::Requested:
    case TokenPhase::Lent:
        keeps = wait_as_next(message);
        break;
    case TokenPhase::Here:
        // From here on every unlock takes the slow way; whoever unlocked just before has left the lock free.
        raise(lock_next_waiting);
        keeps = wait_as_next(message);
        if (is_free()) { serve(); }
        break;
    case TokenPhase::Unknown:
        DSM_CHECK(false, "L1 a stepped lock is known", context_.lock.value);
    }
    const bool waits = keeps && state_.next == message.origin; // else it was served at once
    if (waits && message.told) {
        state_.next_told = true;
        send(message.origin, {LockMessageKind::Kept, {}, message.origin, 0, {}, false, message.number});
    }
}

/// A Kept that its Token has overtaken says nothing any more; `kept_due` counts these, the number tells them apart.
void LockStep::on_kept(const LockMessage &message) {
    const bool is_last = message.number == state_.asks || planted(LockMutation::KeptMistaken);
    if (state_.phase != TokenPhase::Requested || state_.ahead != no_node || !is_last) {
        DSM_CHECK(state_.kept_due != 0, "L14 a Kept is awaited", context_.lock.value);
        --state_.kept_due;
        return;
    }
    state_.ahead = message.from;
    if (!has_parked_tries() || planted(LockMutation::ParkedTryForgotten)) { return; }
    if (state_.queue.empty()) {
        ask_for_tries();
    } else {
        end_tries(true); // somebody waits
    }
}

//   holder's node --Token--> self. The first of the queue has it before anybody else is served; if all have given up,
//   the first of the tries that could ask nobody.
void LockStep::on_token(const LockMessage &message) {
    DSM_CHECK(state_.phase == TokenPhase::Requested, "L1 one token, sent to who asked", context_.lock.value);
    DSM_CHECK(holder().value == 0, "L2 one holder", context_.lock.value);
    state_.phase = TokenPhase::Here;
    state_.hand_overs = 0;
    state_.barges = 0;
    state_.head_woken = false;
    if (message.told && state_.ahead == no_node && !planted(LockMutation::KeptForgotten)) { ++state_.kept_due; }
    state_.ahead = no_node;
    raise(lock_token_here | (state_.next != no_node ? lock_next_waiting : 0));
    if (!state_.queue.empty()) { hand_to_head(); }
    end_parked_tries();
    if (is_free() && !planted(LockMutation::LateTokenKept)) { serve(); } // all who asked have given up waiting
}

void LockStep::on_message(const LockMessage &message) {
    switch (message.kind) {
    case LockMessageKind::Request:
        on_request(message);
        return;
    case LockMessageKind::Token:
        on_token(message);
        return;
    case LockMessageKind::Kept:
        on_kept(message);
        return;
    case LockMessageKind::TryRequest:
    case LockMessageKind::TryAhead:
        on_try_request(message);
        return;
    case LockMessageKind::TryGrant:
        on_try_grant(message);
        return;
    case LockMessageKind::TryBusy:
        on_try_busy();
        return;
    case LockMessageKind::TryLater:
        on_try_later();
        return;
    case LockMessageKind::Return:
        on_return(message);
        return;
    case LockMessageKind::ReturnAck:
        on_return_ack();
        return;
    }
}

LockOutcome step(LockState &state, const LockContext &context, LockEffects &effects, const LockEvent &event) {
    LockStep lock(state, context, effects);
    lock.start_if_unknown();
    switch (event.kind) {
    case LockEventKind::Lock:
        return lock.on_lock(event.slot, event.owner, false);
    case LockEventKind::TimedLock:
        return lock.on_lock(event.slot, event.owner, true);
    case LockEventKind::Retry:
        return lock.on_retry(event.slot, event.owner);
    case LockEventKind::Abandon:
        return lock.on_abandon(event.slot, event.owner);
    case LockEventKind::Try:
        return lock.on_try(event.slot, event.owner);
    case LockEventKind::TryRetry:
        return lock.on_try_retry(event.slot, event.owner);
    case LockEventKind::Relock:
        return lock.on_relock(event.owner);
    case LockEventKind::Unlock:
        return lock.on_unlock(event.slot, event.owner);
    case LockEventKind::UnlockRetry:
        return lock.on_unlock_retry(event.slot);
    case LockEventKind::Message:
        lock.on_message(*event.message);
        return LockOutcome::None;
    }
    return LockOutcome::None;
}

bool lock_is_settled(const LockState &state) noexcept {
    const bool is_moving = state.phase == TokenPhase::Requested || state.phase == TokenPhase::Lent;
    const bool is_awaited = !state.queue.empty() || !state.tries.empty() || !state.returns.empty();
    return !is_moving && !is_awaited && state.kept_due == 0;
}

bool lock_in_use(const LockState &state) noexcept {
    // A const object is never written through this reference; C++20's atomic_ref takes no const type.
    const std::uint64_t word = std::atomic_ref(const_cast<std::uint64_t &>(state.word)).load(std::memory_order_relaxed);
    // Who has given the lock up and only waits for a ReturnAck does not use it: destroy may follow any unlock.
    return (word & (lock_owner_mask | lock_waiters)) != 0 || state.phase == TokenPhase::Lent || !state.tries.empty();
}

} // namespace dsm::sync
