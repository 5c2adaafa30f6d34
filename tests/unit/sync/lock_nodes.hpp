// Some nodes and one lock, with messages delivered by hand: what the tests of the lock's rules share.
#pragma once

#include "libdsm/sync/lock_token.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

namespace dsm::sync {

struct Sent {
    unsigned to;
    LockMessage message;
};

/// Some nodes, one lock with its home at node 0, four threads at each node.
class LockNodes : public LockEffects, public testing::Test {
protected:
    static constexpr unsigned node_count = 4;
    static constexpr unsigned threads = 4;
    using Kind = LockMessageKind;
    using Outcome = LockOutcome;

    void send(NodeId to, const LockMessage &message) override { sent.push_back({to.value, message}); }
    void wake(WaitSlot slot) override { woken.push_back(slot.value); }

    static LockOwner owner(unsigned node, unsigned thread) {
        return lock_owner(Rank{static_cast<std::int32_t>(node)}, thread + 1);
    }
    LockContext context(unsigned node) {
        return {LockId{64},    NodeId{static_cast<std::uint16_t>(node)},
                NodeId{0},     node_count,
                records[node], hand_overs_max,
                barges_max,    relocks_max};
    }
    Outcome run(unsigned node, LockEventKind kind, unsigned thread = 0) {
        return step(states[node], context(node), *this, {kind, WaitSlot{thread}, owner(node, thread), nullptr});
    }
    Outcome lock(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::Lock, thread); }
    Outcome timed_lock(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::TimedLock, thread); }
    Outcome unlock(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::Unlock, thread); }
    Outcome retry(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::Retry, thread); }
    Outcome try_lock(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::Try, thread); }
    Outcome try_retry(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::TryRetry, thread); }
    Outcome unlock_retry(unsigned node, unsigned thread = 0) { return run(node, LockEventKind::UnlockRetry, thread); }
    /// Delivers the oldest message and returns it.
    Sent deliver() {
        const Sent next = sent.front();
        sent.pop_front();
        step(states[next.to], context(next.to), *this, {LockEventKind::Message, {}, {}, &next.message});
        return next;
    }
    void deliver_all() {
        while (!sent.empty()) { deliver(); }
    }
    /// Node `node` takes the lock and gives it back: the token stays there.
    void move_token_to(unsigned node) {
        if (lock(node) == Outcome::Wait) {
            deliver_all();
            ASSERT_EQ(retry(node), Outcome::Acquired);
        }
        ASSERT_EQ(unlock(node), Outcome::Released);
        woken.clear();
    }

    LockState states[node_count]{};
    WaitRecord records[node_count][threads]{};
    std::deque<Sent> sent;
    std::vector<unsigned> woken;
    std::uint16_t hand_overs_max = 16;
    std::uint16_t barges_max = 16;
    std::uint32_t relocks_max = 2;
};

} // namespace dsm::sync
