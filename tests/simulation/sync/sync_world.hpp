// A simulated job of nodes, threads, locks, conditions and barriers around the shipped machines of libdsm/sync.
// Messages travel as bytes and arrive in any order; after every event the invariants of docs/synchronisation.md are
// checked.
#pragma once

#include "libdsm/sync/sync_wire.hpp"
#include "tests/simulation/scheduled_job.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dsm::sync_test {

using namespace dsm::sync;
using protocol_test::Random;

struct Mutations {
    LockMutation lock = LockMutation::None;
    ConditionMutation condition = ConditionMutation::None;
    BarrierMutation barrier = BarrierMutation::None;
};

struct WorldOptions {
    unsigned nodes = 2;
    unsigned threads_per_node = 2;
    unsigned locks = 1;
    unsigned conditions = 1;
    unsigned barriers = 1;
    std::uint16_t fan_out = 4;
    std::uint16_t local_hand_overs_max = 16;
    std::uint16_t barges_max = 16;
    std::uint32_t relocks_max = 2;
    unsigned condition_records = 64; ///< of each node
    unsigned barrier_records = 64;
    Mutations mutations;
    bool traces = false;
};

struct Thread : ScheduledThread {
    Rank rank{};
    WaitSlot slot{};
    LockOwner owner{};
};

struct Packet {
    unsigned to;
    std::uint64_t not_before; ///< a step
    std::uint8_t bytes;
    std::array<std::byte, sync_message_bytes_max> record;
};

/// What one node has.
struct Node {
    std::vector<LockState> locks;
    std::vector<ConditionState> conditions;
    std::vector<CountedBarrierState> barriers;
    TreeBarrierState tree;
    unsigned tree_arrivals;
    std::uint32_t tree_opened;
    std::vector<WaitRecord> records;
    std::vector<ConditionRecord> condition_records;
    std::vector<BarrierRecord> barrier_records;
    PoolHead condition_pool;
    PoolHead barrier_pool;
    std::uint64_t paused_until;
};

/// What is known of a lock beyond the nodes' states.
struct LockOracle {
    const Thread *holder;
    unsigned relocks; ///< how often the holder has taken it again (L12)
    unsigned tokens_in_flight;
    unsigned requests_in_flight;
    unsigned grants_in_flight;
    unsigned returns_in_flight;
    unsigned acks_in_flight;
    unsigned messages_in_flight; ///< of all kinds
    NodeId token_to;             ///< of the last Token
    unsigned active;             ///< threads in a call of lock, from that or a successful try to the end of unlock
    std::uint64_t uses;          ///< moments at which the lock was seen in use (L11)
    std::vector<unsigned> takes_since_next;
    std::vector<unsigned> takes_past_head;
    std::vector<std::uint32_t> head_seen;
};

/// Counts over a run, to see that what should happen does happen.
struct Counts {
    std::uint64_t steps, messages, forwards, tokens, lendings, busy, queued_tries, timed_out, abandoned_late,
        late_tokens, kept, kept_late, tries_ahead, parked_tries, laters, relocks, too_deep, wakes, cancelled,
        cancel_late, refused, departs, serials;
};

class World : private ScheduledJob<Counts> {
public:
    World(const WorldOptions &options, std::uint64_t seed);

    // ---- What simulated threads do; each returns when it would return to the program ----
    Task<LockOutcome> lock(Thread &thread, unsigned lock);
    /// Gives up waiting after about so many steps.
    Task<LockOutcome> timed_lock(Thread &thread, unsigned lock, unsigned patience_steps);
    Task<LockOutcome> try_lock(Thread &thread, unsigned lock);
    /// The holder takes the lock once more: false when it has done so too often already.
    bool relock(Thread &thread, unsigned lock);
    /// Ends one lock, relock or successful try: the last one that is left releases.
    Task<> unlock(Thread &thread, unsigned lock);
    /// True when it was woken (or refused), false when patience (0: endless) ran out first. However often the lock was
    /// taken, it is released meanwhile, and taken as often again.
    Task<bool> wait(Thread &thread, unsigned condition, unsigned lock, unsigned patience_steps);
    void signal(Thread &thread, unsigned condition);
    void broadcast(Thread &thread, unsigned condition);
    Task<bool> is_waited_on(Thread &thread, unsigned condition);
    Task<BarrierOutcome> pass(Thread &thread, unsigned barrier, std::uint32_t count);
    Task<BarrierOutcome> query_barrier(Thread &thread, unsigned barrier);
    Task<> pass_tree(Thread &thread);

    using ScheduledJob::yield;

    // ---- The simulator ----
    std::vector<Thread> &threads() { return threads_; }
    Random &random() { return random_; }
    const WorldOptions &options() const { return options_; }
    const Counts &counts() const { return counts_; }
    /// Runs one event: a message or a thread's next piece. False when there is none left.
    bool run_one();
    void pause_some_node();
    /// Everybody has ended and all messages have arrived: nothing may be left anywhere.
    void check_end();

private:
    friend class NodeEffects;

    std::uint64_t after(unsigned patience_steps) const {
        return patience_steps == 0 ? 0 : counts_.steps + patience_steps;
    }

    bool is_paused(unsigned node) const { return nodes_[node].paused_until > counts_.steps; }
    bool deliver_one();
    void deliver(const Packet &packet);
    void deliver_lock(unsigned node, const LockMessage &message);
    void deliver_condition(unsigned node, const ConditionMessage &message);
    void deliver_barrier(unsigned node, const BarrierMessage &message);
    void tell_home(const Thread &thread, ConditionMessageKind kind, unsigned condition, std::uint32_t sequence);
    template <class Message> void post(unsigned from, NodeId to, const Message &message) {
        Packet packet{};
        packet.to = to.value;
        packet.bytes = static_cast<std::uint8_t>(encode(message, packet.record));
        post_packet(from, packet);
    }
    void post_packet(unsigned from, Packet packet);
    void wake(unsigned node, WaitSlot slot);

    LockOutcome step_lock(Thread &thread, unsigned lock, LockEventKind kind);
    void unlock_relock(Thread &thread, unsigned lock);
    void acquired(const Thread &thread, unsigned lock);
    unsigned holds_token(unsigned lock) const;
    bool is_in_use(unsigned lock) const;
    void check_lock(unsigned lock);
    void check_node_lock(unsigned node, unsigned lock);
    void check_loans(unsigned lock) const;
    void check_relocks(unsigned lock) const;
    void check_ahead(unsigned lock) const;
    void check_hints(unsigned lock) const;
    void watch_fairness(unsigned node, unsigned lock);

    LockContext lock_context(unsigned node, unsigned lock);
    ConditionContext condition_context(unsigned node, unsigned condition);
    CountedBarrierContext barrier_context(unsigned node, unsigned barrier);
    TreeBarrierContext tree_context(unsigned node) const;
    NodeId home_of(unsigned object) const { return NodeId{static_cast<std::uint16_t>((object * 7) % options_.nodes)}; }

    WorldOptions options_;
    std::vector<Node> nodes_;
    std::vector<Thread> threads_;
    std::vector<LockOracle> oracles_;
    std::vector<Packet> packets_;
};

} // namespace dsm::sync_test
