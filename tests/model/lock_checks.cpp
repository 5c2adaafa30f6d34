// The invariants L1 to L14 of docs/synchronisation.md over a whole state.
#include "tests/model/lock_model.hpp"

namespace dsm::model {
using namespace dsm::sync;

unsigned LockModel::letters_of(const State &state, LockMessageKind kind, unsigned lock) const {
    unsigned count = 0;
    for (unsigned i = 0; i < state.letter_count; ++i) {
        const LockMessage &message = machine_.letter(state.letters[i]).message;
        count += message.kind == kind && message.lock.value == lock ? 1 : 0;
    }
    return count;
}

/// Some thread is in a call of lock, holds the lock as far as the program can know (until its unlock has returned), or
/// has been given it and has not noticed. What L11 allows a try to be refused for.
bool LockModel::is_in_use(const State &state, unsigned lock) const {
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        const LockNode &here = node(state, index);
        if ((here.locks[lock].word & lock_owner_mask) != 0) { return true; }
        for (const LockThread &who : here.threads) {
            const bool calls = who.call != LockCall::None && who.call != LockCall::Try && who.lock == lock;
            if (calls || (who.holds >> lock & 1) != 0) { return true; }
        }
    }
    return letters_of(state, LockMessageKind::TryGrant, lock) > 0;
}

const char *LockModel::check(const State &state, const ActionList &actions, Tally &tally) const {
    for (unsigned lock = 0; lock < options_.rules.locks; ++lock) {
        for (unsigned invariant = 1; invariant <= 14; ++invariant) { ++tally.invariants[invariant]; }
        if (const char *failure = check_lock(state, lock); failure != nullptr) { return failure; }
    }
    for (unsigned i = 0; i < actions.count; ++i) {
        if (happens_by_itself(actions.actions[i])) { return nullptr; }
    }
    return is_quiet(state) ? nullptr : "deadlock: a thread waits for a lock for ever";
}

/// L1, L2, L3, L12, and the rest in turn.
const char *LockModel::check_lock(const State &state, unsigned lock) const {
    unsigned tokens = letters_of(state, LockMessageKind::Token, lock);
    unsigned holders = 0;
    unsigned held = 0;
    unsigned requested = 0;
    unsigned relocks = 0;
    unsigned relocks_owed = 0;
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        const LockNode &here = node(state, index);
        const LockState &seen = here.locks[lock];
        tokens += seen.phase == TokenPhase::Here || seen.phase == TokenPhase::Lent ||
                          (seen.phase == TokenPhase::Unknown && home(lock) == index)
                      ? 1
                      : 0;
        for (const LockThread &who : here.threads) {
            holders += who.holds >> lock & 1U;
            relocks_owed += who.relocks[lock];
        }
        if (seen.phase == TokenPhase::Unknown) { continue; }
        held += (seen.word & lock_owner_mask) != 0 ? 1 : 0;
        requested += seen.phase == TokenPhase::Requested ? 1 : 0;
        relocks += seen.relocks;
        if (const char *failure = check_node(state, index, lock); failure != nullptr) { return failure; }
    }
    if (tokens != 1) { return "L1 not one token"; }
    if (holders > 1 || held > 1) { return "L2 two holders"; }
    if (letters_of(state, LockMessageKind::Request, lock) > requested) {
        return "L3 more requests than nodes that ask";
    }
    if (relocks != relocks_owed) { return "L12 relocks are miscounted"; }
    if (const char *failure = check_loans(state, lock); failure != nullptr) { return failure; }
    if (const char *failure = check_ahead(state, lock); failure != nullptr) { return failure; }
    return check_hints(state, lock);
}

/// L1, L4, L6 to L10, L12 at one node.
const char *LockModel::check_node(const State &state, unsigned index, unsigned lock) const {
    const LockNode &here = node(state, index);
    const LockState &seen = here.locks[lock];
    const bool is_here = seen.phase == TokenPhase::Here;
    const bool is_free = is_here && (seen.word & lock_owner_mask) == 0;
    const bool is_waited_for = !seen.queue.empty();
    const bool has_next = seen.next != no_node;
    if (is_here != ((seen.word & lock_token_here) != 0)) { return "L1 flag and phase"; }
    if (is_waited_for != ((seen.word & lock_waiters) != 0)) { return "L8 waiters and their flag"; }
    if ((is_here && has_next) != ((seen.word & lock_next_waiting) != 0)) { return "L8 next and its flag"; }
    if (is_waited_for && seen.phase == TokenPhase::Absent) { return "L8 a node waits and has not asked"; }
    if (is_free && has_next && !is_waited_for) { return "L6 a node keeps the lock from another"; }
    if (is_free && is_waited_for) {
        const unsigned first = seen.queue.front().value;
        if (!seen.head_woken || !here.threads[first].is_woken) { return "L7 free, and the first waiter sleeps"; }
    }
    const bool borrows = (seen.word & lock_borrowed) != 0;
    if (borrows && (is_here || seen.phase == TokenPhase::Lent)) { return "L9 a node borrows its own"; }
    if (seen.hand_overs > options_.rules.hand_overs_max + 1) { return "L10 a node keeps the lock while another waits"; }
    if (seen.barges > options_.rules.barges_max + 1) { return "L10 too many pass the first waiter"; }
    if ((seen.relocks != 0) != ((seen.word & lock_relocked) != 0)) { return "L12 the flag of relocks"; }
    if (seen.relocks != 0 && (seen.word & lock_owner_mask) == 0) { return "L12 nobody has locked again"; }
    const bool points_here = seen.hint.value == index;
    const bool is_root = seen.phase != TokenPhase::Absent;
    return (is_root ? points_here == has_next : points_here || has_next) ? "L4 a node's hint" : nullptr;
}

/// L9 over all nodes.
const char *LockModel::check_loans(const State &state, unsigned lock) const {
    unsigned borrowers = 0;
    unsigned lent = 0;
    unsigned waiting = 0;
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        const LockNode &here = node(state, index);
        borrowers += (here.locks[lock].word & lock_borrowed) != 0 ? 1 : 0;
        lent += here.locks[lock].phase == TokenPhase::Lent ? 1 : 0;
        std::uint32_t link = here.locks[lock].returns.first();
        for (; link != 0; link = here.records[link - 1].next) { ++waiting; }
    }
    const unsigned grants = letters_of(state, LockMessageKind::TryGrant, lock);
    const unsigned returns = letters_of(state, LockMessageKind::Return, lock);
    if (lent != borrowers + grants + returns) { return "L9 lent and not borrowed"; }
    const bool is_planted = options_.rules.mutation == LockMutation::ReturnNotAwaited; // Found by L11 instead.
    const bool all_awaited = waiting == returns + letters_of(state, LockMessageKind::ReturnAck, lock);
    return all_awaited || is_planted ? nullptr : "L9 a return is not awaited";
}

/// L13: who is known to stand ahead keeps the request, or has just sent the token. L14: settled everywhere is silent.
const char *LockModel::check_ahead(const State &state, unsigned lock) const {
    bool all_settled = true;
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        const LockState &seen = node(state, index).locks[lock];
        all_settled = all_settled && lock_is_settled(seen);
        if (seen.phase == TokenPhase::Unknown || seen.ahead == no_node) { continue; }
        if (seen.phase != TokenPhase::Requested) { return "L13 a node knows who stands ahead and has not asked"; }
        bool token_comes = false;
        for (unsigned i = 0; i < state.letter_count; ++i) {
            const LockLetterView &letter = machine_.letter(state.letters[i]);
            token_comes = token_comes || (letter.message.kind == LockMessageKind::Token && letter.to == index &&
                                          letter.message.lock.value == lock);
        }
        const LockState &ahead = node(state, seen.ahead.value).locks[lock];
        if (ahead.next.value != index && !token_comes) { return "L13 a node is not behind the one ahead of it"; }
    }
    for (unsigned i = 0; i < state.letter_count && all_settled; ++i) {
        if (machine_.letter(state.letters[i]).message.lock.value == lock) { return "L14 a settled lock has a message"; }
    }
    return nullptr;
}

/// L4: from everywhere the hints end at a root.
const char *LockModel::check_hints(const State &state, unsigned lock) const {
    for (unsigned start = 0; start < options_.rules.nodes; ++start) {
        unsigned at = start;
        for (unsigned steps = 0;; ++steps) {
            const LockState &seen = node(state, at).locks[lock];
            const unsigned hint = seen.phase == TokenPhase::Unknown ? home(lock) : seen.hint.value;
            if (hint == at) { break; }
            if (steps >= options_.rules.nodes) { return "L4 hints run in a circle"; }
            at = hint;
        }
    }
    return nullptr;
}

std::map<std::string, std::uint64_t> LockModel::sights(const Tally &tally) const {
    std::map<std::string, std::uint64_t> sights;
    const auto see = [&](bool is_expected, const char *what, auto is_so) {
        if (!is_expected) { return; }
        std::uint64_t &count = sights[what];
        for (std::uint32_t i = 1; i < tally.step_uses.size() && i < machine_.steps_end(); ++i) {
            if (tally.step_uses[i] > 0 && is_so(machine_.step_at(i))) { count += tally.step_uses[i]; }
        }
    };
    const auto meets = [&](bool is_expected, const char *what, LockMessageKind kind) {
        see(is_expected, what,
            [kind](const LockNodeStep &step) { return step.event == LockNodeEvent::Deliver && step.kind == kind; });
    };
    const auto ends = [&](bool is_expected, const char *what, LockNodeEvent event, LockOutcome outcome) {
        see(is_expected, what,
            [event, outcome](const LockNodeStep &step) { return step.event == event && step.outcome == outcome; });
    };
    const bool has_tries = options_.tries > 0;
    const bool has_timed = options_.timed > 0;
    const bool has_crowd = options_.rules.threads_per_node > 1;
    meets(true, "a request", LockMessageKind::Request);
    meets(true, "a token", LockMessageKind::Token);
    meets(has_tries, "a loan", LockMessageKind::TryGrant);
    meets(has_tries, "a try refused by a message", LockMessageKind::TryBusy);
    meets(has_tries, "a loan's end", LockMessageKind::ReturnAck);
    meets(has_timed, "a request that is told who keeps it", LockMessageKind::Kept);
    meets(has_tries && has_timed && options_.rules.nodes > 2, "a try that asks again", LockMessageKind::TryLater);
    ends(has_timed, "a wait given up", LockNodeEvent::GiveUp, LockOutcome::TimedOut);
    ends(has_timed, "a wait given up too late", LockNodeEvent::GiveUp, LockOutcome::Acquired);
    ends(has_tries && (has_crowd || options_.tries > 1), "a try refused at once", LockNodeEvent::StartTry,
         LockOutcome::Busy);
    ends(options_.relocks > 0, "a relock", LockNodeEvent::Relock, LockOutcome::Acquired);
    ends(has_crowd, "a thread of the same node has to wait", LockNodeEvent::StartLock, LockOutcome::Wait);
    see(has_crowd, "a node's threads hand the lock on while another node waits", [&](const LockNodeStep &step) {
        return machine_.node(step.to).locks[0].hand_overs > machine_.node(step.from).locks[0].hand_overs;
    });
    return sights;
}

} // namespace dsm::model
