// The lock's fast path against its slow path, with real threads: two nodes in one process, each table entry under a
// mutex, messages carried by whoever steps. What the lock guards are plain integers, for a race detector to see.
#include "libdsm/sync/lock_token.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

constexpr unsigned node_count = 2;
constexpr unsigned threads = 3; // of each node

struct Entry {
    std::mutex mutex;
    LockState state{};
    WaitRecord records[threads]{};
};

class Nodes final : public LockEffects {
public:
    void send(NodeId to, const LockMessage &message) override {
        const std::lock_guard guard(network_);
        on_the_way_.emplace_back(to.value, message);
    }
    void wake(WaitSlot) override { turns_.fetch_add(1); }

    LockOutcome run(unsigned node, LockEventKind kind, unsigned thread) {
        const LockOwner owner = owner_of(node, thread);
        LockOutcome outcome{};
        {
            const std::lock_guard guard(entries_[node].mutex);
            outcome = step(entries_[node].state, context(node), *this, {kind, WaitSlot{thread}, owner, nullptr});
        }
        deliver_all();
        return outcome;
    }
    void lock(unsigned node, unsigned thread) {
        if (lock_fast(entries_[node].state, owner_of(node, thread))) { return; }
        LockOutcome outcome = run(node, LockEventKind::Lock, thread);
        while (outcome == LockOutcome::Wait) {
            std::this_thread::yield();
            deliver_all();
            outcome = run(node, LockEventKind::Retry, thread);
        }
        EXPECT_EQ(outcome, LockOutcome::Acquired);
    }
    bool try_lock(unsigned node, unsigned thread) {
        LockOutcome outcome = run(node, LockEventKind::Try, thread);
        while (outcome == LockOutcome::Wait) {
            std::this_thread::yield();
            deliver_all();
            outcome = run(node, LockEventKind::TryRetry, thread);
        }
        return outcome == LockOutcome::Acquired;
    }
    /// Gives up after a look or two; false then.
    bool lock_impatiently(unsigned node, unsigned thread) {
        LockOutcome outcome = run(node, LockEventKind::TimedLock, thread);
        if (outcome == LockOutcome::Wait) { outcome = run(node, LockEventKind::Retry, thread); }
        if (outcome == LockOutcome::Wait) { outcome = run(node, LockEventKind::Abandon, thread); }
        return outcome == LockOutcome::Acquired;
    }
    void relock(unsigned node, unsigned thread) {
        EXPECT_EQ(run(node, LockEventKind::Relock, thread), LockOutcome::Acquired);
    }
    void unlock_relock(unsigned node, unsigned thread) {
        EXPECT_FALSE(unlock_fast(entries_[node].state, owner_of(node, thread)));
        EXPECT_EQ(run(node, LockEventKind::Unlock, thread), LockOutcome::StillHeld);
    }
    void unlock(unsigned node, unsigned thread) {
        if (unlock_fast(entries_[node].state, owner_of(node, thread))) { return; }
        LockOutcome outcome = run(node, LockEventKind::Unlock, thread);
        while (outcome == LockOutcome::Wait) {
            std::this_thread::yield();
            deliver_all();
            outcome = run(node, LockEventKind::UnlockRetry, thread);
        }
        EXPECT_EQ(outcome, LockOutcome::Released);
    }

private:
    static LockOwner owner_of(unsigned node, unsigned thread) {
        return lock_owner(Rank{static_cast<std::int32_t>(node)}, thread);
    }
    LockContext context(unsigned node) {
        return {LockId{1}, NodeId{static_cast<std::uint16_t>(node)}, NodeId{0}, node_count, entries_[node].records};
    }
    void deliver_all() {
        for (;;) {
            std::pair<unsigned, LockMessage> next;
            {
                const std::lock_guard guard(network_);
                if (on_the_way_.empty()) { return; }
                next = on_the_way_.front();
                on_the_way_.pop_front();
            }
            const std::lock_guard guard(entries_[next.first].mutex);
            step(entries_[next.first].state, context(next.first), *this,
                 {LockEventKind::Message, {}, {}, &next.second});
        }
    }

    Entry entries_[node_count];
    std::mutex network_;
    std::deque<std::pair<unsigned, LockMessage>> on_the_way_;
    std::atomic<unsigned> turns_{0};
};

void count_up(unsigned nodes_used, unsigned sections) {
    Nodes nodes;
    long counter = 0;
    std::vector<std::thread> running;
    std::atomic<long> taken{0};
    for (unsigned i = 0; i < nodes_used * threads; ++i) {
        running.emplace_back([&, node = i / threads, thread = i % threads] {
            for (unsigned section = 0; section < sections; ++section) {
                const unsigned way = section % 8;
                if (way < 6) {
                    nodes.lock(node, thread);
                } else if (!(way == 6 ? nodes.try_lock(node, thread) : nodes.lock_impatiently(node, thread))) {
                    continue;
                }
                ++counter;
                if (section % 3 == 0) { nodes.relock(node, thread); }
                ++counter;
                if (section % 3 == 0) { nodes.unlock_relock(node, thread); }
                taken.fetch_add(1, std::memory_order_relaxed);
                nodes.unlock(node, thread);
            }
        });
    }
    for (std::thread &each : running) { each.join(); }
    EXPECT_EQ(counter, 2 * taken.load());
    EXPECT_GE(taken.load(), static_cast<long>(nodes_used * threads * (sections - sections / 4)));
}

TEST(LockThreads, OneNode) { count_up(1, 20000); }
TEST(LockThreads, TwoNodes) { count_up(2, 2000); }

} // namespace
