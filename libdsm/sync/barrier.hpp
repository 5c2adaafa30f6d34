// Barriers. TreeBarrier is the one of all nodes: ranks are combined inside a node by the caller, nodes along a tree
// (Mellor-Crummey and Scott 1991; theirs spins on flags, ours sends). CountedBarrier is the one of a number of threads
// of any ranks: arrivals are counted at its home node, and threads are let go by ticket.
//
// Both are stepped under the lock of their entry, in memory that the ranks of the node share. Zeroed memory is a
// barrier that nobody has come to.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/record_pool.hpp"
#include "libdsm/sync/wait_record.hpp"

#include <cstdint>
#include <span>

namespace dsm::sync {

/// Wire numbers; see LockMessageKind.
enum class BarrierMessageKind : std::uint8_t {
    TreeArrive = 32,    ///< to the parent: everybody below and at `from` has come
    TreeDepart = 33,    ///< to a child: everybody has come
    CountedArrive = 34, ///< to the home: `arrivals` threads have come, tickets from first_ticket
    CountedDepart = 35, ///< to a node: the threads of these tickets go, with `result`
    Query = 36,         ///< to the home: does anybody wait?
    QueryReply = 37,    ///< to who asked: `busy`
};

/// How an arrival ends.
enum class BarrierResult : std::uint8_t {
    Released, ///< the barrier opened
    Serial,   ///< the barrier opened, and the first ticket's thread is the serial one
    BadCount, ///< the count differs from that of those who wait already: not an arrival
    NoSpace,  ///< the home has no record left: not an arrival
};

struct BarrierMessage {
    BarrierMessageKind kind;
    BarrierResult result; ///< CountedDepart
    bool busy;            ///< QueryReply
    NodeId from;
    Rank rank;                  ///< Query, QueryReply: who asks; CountedArrive, CountedDepart: unused
    WaitSlot slot;              ///< Query, QueryReply: who asks
    std::uint32_t generation;   ///< tree: which; CountedDepart: the home's count of openings, for traces
    std::uint32_t first_ticket; ///< counted
    std::uint32_t arrivals;     ///< counted; at least 1
    std::uint32_t count;        ///< CountedArrive: the barrier's size, at least 1
    LockId barrier;
};

class BarrierEffects {
public:
    virtual ~BarrierEffects() = default;
    /// Sends to another node, never to self.
    virtual void send(NodeId to, const BarrierMessage &message) = 0;
    /// Counted: this thread's wait has ended; its Look event tells how.
    virtual void wake(WaitSlot slot) = 0;
    /// Tree: every node has come to `generation`; the ranks of this node go.
    virtual void open(std::uint32_t generation) = 0;
};

enum class BarrierMutation : std::uint8_t { None, LeafForgotten, TwoSerials, OpensEarly, TicketsIgnored };

// ---- All nodes ----

struct TreeBarrierState {
    std::uint32_t generation;    ///< openings so far at this node
    std::uint16_t arrived_below; ///< children whose TreeArrive for this generation is here (B1)
    bool arrived_here;           ///< the node's own ranks have all come
};

struct TreeBarrierContext {
    NodeId self;
    std::uint16_t node_count;
    std::uint16_t fan_out = 4; ///< at least 1; the same at all nodes
    BarrierMutation mutation = BarrierMutation::None;
};

/// All ranks of this node have come (the last of them says so).
void tree_arrive(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects);
void step(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects,
          const BarrierMessage &message);

// ---- A number of threads ----

/// Arrivals of one node that the home has counted and not yet let go.
struct BarrierRecord {
    NodeId node;
    std::uint16_t reserved;
    std::uint32_t first_ticket;
    std::uint32_t arrivals;
    std::uint32_t next; ///< link of the next one; 0 at the end
};

struct CountedBarrierState {
    // At the home.
    std::uint32_t head; ///< arrivals of this generation, in the order of their coming; links into the pool
    std::uint32_t tail;
    std::uint32_t arrived;    ///< the sum of their arrivals; less than count (B4)
    std::uint32_t count;      ///< as the first arrival of this generation gave it
    std::uint32_t generation; ///< openings so far
    // At every node.
    std::uint32_t next_ticket; ///< arrivals of this node so far
    WaitQueue queue;           ///< threads of this node that wait
};

struct CountedBarrierContext {
    LockId barrier;
    NodeId self;
    NodeId home;
    std::span<WaitRecord> records;  ///< one for each thread of this node
    RecordPool<BarrierRecord> pool; ///< used at the home
    BarrierMutation mutation = BarrierMutation::None;
};

enum class BarrierEventKind : std::uint8_t {
    Arrive,  ///< a thread has come: Wait and then Look, or the end at once
    Query,   ///< a thread wants to know whether somebody waits: Wait and then Look, or QueryIdle, QueryBusy
    Look,    ///< it was woken: Wait, or the end; each end is told once
    Message, ///< from another node: None
};

struct BarrierEvent {
    BarrierEventKind kind;
    WaitSlot slot;                 ///< all but Message
    Rank rank;                     ///< Query
    std::uint32_t count;           ///< Arrive: at least 1
    const BarrierMessage *message; ///< Message
};

enum class BarrierOutcome : std::uint8_t { None, Wait, Released, Serial, BadCount, NoSpace, QueryIdle, QueryBusy };

/// True when no thread of this node waits, and at the home no arrival is counted: if it holds for all nodes, the
/// barrier has no message anywhere but answers to queries.
inline bool barrier_is_settled(const CountedBarrierState &state) noexcept {
    return state.arrived == 0 && state.queue.empty();
}

BarrierOutcome step(CountedBarrierState &state, const CountedBarrierContext &context, BarrierEffects &effects,
                    const BarrierEvent &event);

} // namespace dsm::sync
