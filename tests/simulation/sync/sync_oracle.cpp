// What must hold after every event of the simulated job: the invariants L1 to L14 as seen from outside, and a clean
// end.
#include "tests/simulation/sync/sync_world.hpp"

#include <algorithm>

namespace dsm::sync_test {

/// L2: mutual exclusion as the program sees it.
void World::acquired(const Thread &thread, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    if (oracle.holder != nullptr) { fail("lock %u has two holders", lock); }
    oracle.holder = &thread;
    trace("node %u thread %u holds lock %u", thread.node, thread.slot.value, lock);
    const LockState &state = nodes_[thread.node].locks[lock];
    if (state.phase == TokenPhase::Here && state.next != no_node) { ++oracle.takes_since_next[thread.node]; }
    const bool passes_head = oracle.head_seen[thread.node] != 0 && oracle.head_seen[thread.node] == state.queue.first();
    if (passes_head) { ++oracle.takes_past_head[thread.node]; }
}

/// L10, counted independently of the machine's own counters: when threads notice that they hold the lock. So one take
/// more is seen than the machine allows, that of a thread which was handed the lock before and notices now.
void World::watch_fairness(unsigned node, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    const LockState &state = nodes_[node].locks[lock];
    if (state.phase != TokenPhase::Here || state.next == no_node) { oracle.takes_since_next[node] = 0; }
    if (state.queue.first() != oracle.head_seen[node]) {
        oracle.head_seen[node] = state.queue.first();
        oracle.takes_past_head[node] = 0;
    }
    if (oracle.takes_since_next[node] > std::max<unsigned>(options_.local_hand_overs_max, 1) + 1) {
        fail("L10: node %u keeps lock %u for %u takes while another waits", node, lock, oracle.takes_since_next[node]);
    }
    if (oracle.takes_past_head[node] > options_.barges_max + 2U) {
        fail("L10: %u takes of lock %u pass the first waiter of node %u", oracle.takes_past_head[node], lock, node);
    }
}

unsigned World::holds_token(unsigned lock) const {
    unsigned tokens = 0;
    for (unsigned node = 0; node < options_.nodes; ++node) {
        const TokenPhase phase = nodes_[node].locks[lock].phase;
        const bool not_used_yet = phase == TokenPhase::Unknown && home_of(lock).value == node;
        tokens += phase == TokenPhase::Here || phase == TokenPhase::Lent || not_used_yet;
    }
    return tokens;
}

/// What L11 allows a try to be refused for. Some thread is in a call of lock, holds the lock as far as the program can
/// know (until its unlock has returned), or has been given it and has not noticed. Who gave up waiting is no excuse.
bool World::is_in_use(unsigned lock) const {
    bool in_use = oracles_[lock].active != 0 || oracles_[lock].grants_in_flight != 0;
    for (const Node &node : nodes_) { in_use = in_use || (node.locks[lock].word & lock_owner_mask) != 0; }
    return in_use;
}

/// L9, counted over all nodes.
void World::check_loans(unsigned lock) const {
    const LockOracle &oracle = oracles_[lock];
    unsigned borrowers = 0;
    unsigned lent = 0;
    unsigned waiting = 0;
    for (const Node &node : nodes_) {
        const LockState &state = node.locks[lock];
        borrowers += (state.word & lock_borrowed) != 0;
        lent += state.phase == TokenPhase::Lent;
        for (std::uint32_t link = state.returns.first(); link != 0; link = node.records[link - 1].next) { ++waiting; }
    }
    const unsigned in_flight = oracle.grants_in_flight + oracle.returns_in_flight;
    if (lent != borrowers + in_flight) { fail("L9: lock %u is lent and not borrowed", lock); }
    const bool planted = options_.mutations.lock == LockMutation::ReturnNotAwaited; // found by L11 instead
    const bool all_awaited = waiting == oracle.returns_in_flight + oracle.acks_in_flight;
    if (!all_awaited && !planted) { fail("L9: a return of lock %u is not awaited", lock); }
}

/// L12: what the nodes count together is what the program has done.
void World::check_relocks(unsigned lock) const {
    std::uint32_t relocks = 0;
    for (const Node &node : nodes_) {
        const LockState &state = node.locks[lock];
        if ((state.relocks != 0) != ((state.word & lock_relocked) != 0)) { fail("L12: lock %u: relock flag", lock); }
        const bool is_held = (state.word & lock_owner_mask) != 0;
        if (state.relocks != 0 && !is_held) { fail("L12: lock %u is relocked by nobody", lock); }
        relocks += state.relocks;
    }
    if (relocks != oracles_[lock].relocks) { fail("L12: lock %u counts %u relocks", lock, relocks); }
}

/// L13: who is known to stand ahead keeps the request, or has just sent the token. L14, what freeing memory relies on.
void World::check_ahead(unsigned lock) const {
    const LockOracle &oracle = oracles_[lock];
    bool all_settled = true;
    for (unsigned node = 0; node < options_.nodes; ++node) {
        const LockState &state = nodes_[node].locks[lock];
        all_settled = all_settled && lock_is_settled(state);
        if (state.phase == TokenPhase::Unknown || state.ahead == no_node) { continue; }
        if (state.phase != TokenPhase::Requested) { fail("L13: node %u has not asked for lock %u", node, lock); }
        const bool token_comes = oracle.tokens_in_flight != 0 && oracle.token_to.value == node;
        const LockState &ahead = nodes_[state.ahead.value].locks[lock];
        if (ahead.next.value != node && !token_comes) { fail("L13: node %u is not behind its `ahead`", node); }
    }
    if (all_settled && oracle.messages_in_flight != 0) { fail("L14: lock %u has a message when settled", lock); }
}

void World::check_lock(unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    oracle.uses += is_in_use(lock);
    const unsigned tokens = holds_token(lock) + oracle.tokens_in_flight;
    if (tokens != 1) { fail("L1: lock %u has %u tokens", lock, tokens); }
    unsigned holders = 0;
    unsigned requested = 0;
    for (unsigned node = 0; node < options_.nodes; ++node) {
        const LockState &state = nodes_[node].locks[lock];
        if (state.phase == TokenPhase::Unknown) { continue; }
        check_node_lock(node, lock);
        holders += (state.word & lock_owner_mask) != 0;
        requested += state.phase == TokenPhase::Requested;
    }
    if (holders > 1) { fail("L2: lock %u has holders at %u nodes", lock, holders); }
    if (oracle.requests_in_flight > requested) { fail("L3: lock %u has more requests than nodes that ask", lock); }
    check_loans(lock);
    check_relocks(lock);
    check_ahead(lock);
    check_hints(lock);
}

void World::check_node_lock(unsigned node, unsigned lock) {
    const LockState &state = nodes_[node].locks[lock];
    const bool is_here = state.phase == TokenPhase::Here;
    const bool is_free = is_here && (state.word & lock_owner_mask) == 0;
    const bool is_waited_for = !state.queue.empty();
    const bool is_borrower = (state.word & lock_borrowed) != 0;
    const bool has_next = state.next != no_node;
    if (is_here != ((state.word & lock_token_here) != 0)) { fail("L1: node %u, lock %u: flag and phase", node, lock); }
    if (is_waited_for != ((state.word & lock_waiters) != 0)) { fail("L8: node %u, lock %u: waiters", node, lock); }
    if ((is_here && has_next) != ((state.word & lock_next_waiting) != 0)) { fail("L8: node %u: next flag", node); }
    if (is_waited_for && state.phase == TokenPhase::Absent) { fail("L8: node %u waits and has not asked", node); }
    if (is_free && has_next && !is_waited_for) { fail("L6: node %u keeps lock %u from another", node, lock); }
    if (is_free && is_waited_for) {
        if (!state.head_woken) { fail("L7: node %u, lock %u: free, and the first waiter sleeps", node, lock); }
    }
    if (is_borrower && (is_here || state.phase == TokenPhase::Lent)) { fail("L9: node %u borrows its own", node); }
    const bool is_root = state.phase != TokenPhase::Absent;
    const bool points_here = state.hint.value == node;
    if (is_root ? points_here == has_next : points_here || has_next) { fail("L4: node %u, lock %u: hint", node, lock); }
}

/// L4: from everywhere the hints end at a root.
void World::check_hints(unsigned lock) const {
    for (unsigned start = 0; start < options_.nodes; ++start) {
        unsigned node = start;
        for (unsigned steps = 0;; ++steps) {
            const LockState &state = nodes_[node].locks[lock];
            const bool is_unknown = state.phase == TokenPhase::Unknown;
            const unsigned hint = is_unknown ? home_of(lock).value : state.hint.value;
            if (hint == node) { break; }
            if (steps >= options_.nodes) { fail("L4: lock %u: the hints from node %u go in a circle", lock, start); }
            node = hint;
        }
    }
}

void World::check_end() {
    for (unsigned lock = 0; lock < options_.locks; ++lock) {
        check_lock(lock);
        const LockOracle &oracle = oracles_[lock];
        const bool is_left = oracle.holder != nullptr || oracle.active != 0 || oracle.acks_in_flight != 0;
        if (is_left) { fail("lock %u is used at the end", lock); }
    }
    for (unsigned i = 0; i < options_.nodes; ++i) {
        Node &node = nodes_[i];
        for (const LockState &state : node.locks) {
            if (lock_in_use(state)) { fail("a lock is in use at node %u at the end", i); }
        }
        for (const ConditionState &state : node.conditions) {
            if (condition_in_use(state)) { fail("C4: a condition of node %u keeps a waiter", i); }
        }
        for (const CountedBarrierState &state : node.barriers) {
            if (state.arrived != 0 || !state.queue.empty()) { fail("B4: a barrier of node %u keeps a thread", i); }
        }
        const ConditionContext conditions = condition_context(i, 0);
        const CountedBarrierContext barriers = barrier_context(i, 0);
        RecordPool<ConditionRecord> waiters = conditions.pool;
        RecordPool<BarrierRecord> arrivals = barriers.pool;
        unsigned free_waiters = 0;
        unsigned free_arrivals = 0;
        while (waiters.take() != 0) { ++free_waiters; }
        while (arrivals.take() != 0) { ++free_arrivals; }
        const bool all_free = free_waiters == options_.condition_records && free_arrivals == options_.barrier_records;
        if (!all_free) { fail("C4, B4: node %u has lost records of a pool", i); }
    }
}

} // namespace dsm::sync_test
