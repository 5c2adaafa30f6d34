// Condition variables: a queue of waiting threads at the condition's home node, and what a waiting thread knows of its
// own wait. The queue takes a waiter in before the waiter gives up its mutex, so that a signal given under the mutex
// finds everybody who waited before it (Birrell 1989 on why this is all a condition promises).
//
// The home's ConditionState is stepped under the lock of its table entry. The waiting thread's side is one word in its
// WaitRecord, changed by compare-and-swap alone: a message that is late (its sequence is over) is ignored.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/record_pool.hpp"
#include "libdsm/sync/wait_record.hpp"

#include <cstdint>

namespace dsm::sync {

/// Wire numbers; see LockMessageKind.
enum class ConditionMessageKind : std::uint8_t {
    Enqueue = 16,        ///< to the home: this thread waits
    EnqueueAck = 17,     ///< to the waiter: it stands in the queue, the mutex may be released
    EnqueueRefused = 18, ///< to the waiter: no space; treat it as a spurious wake-up
    Signal = 19,         ///< to the home, not answered
    Broadcast = 20,      ///< to the home, not answered
    Wake = 21,           ///< to the waiter; implies EnqueueAck, which it may overtake
    Cancel = 22,         ///< to the home, after EnqueueAck: this thread waits no longer
    CancelAck = 23,      ///< to the waiter: taken out of the queue
    CancelLate = 24,     ///< to the waiter: it was woken before; counts as the Wake, which may still be on its way
    Query = 25,          ///< to the home: does anybody wait?
    QueryReply = 26,     ///< to who asked: `busy`
};

/// True for the kinds that go from the home to a waiter, for on_wait_message(); the others are for the home's step().
constexpr bool is_answer(ConditionMessageKind kind) noexcept {
    using Kind = ConditionMessageKind;
    return kind == Kind::EnqueueAck || kind == Kind::EnqueueRefused || kind == Kind::Wake || kind == Kind::CancelAck ||
           kind == Kind::CancelLate || kind == Kind::QueryReply;
}

/// A thread that waits (or asks), and which of its waits it is.
struct ConditionWaiter {
    NodeId node;
    Rank rank;
    WaitSlot slot;
    std::uint32_t sequence; ///< from begin_wait() or begin_query(); Signal and Broadcast: 0
    friend bool operator==(const ConditionWaiter &, const ConditionWaiter &) = default;
};

struct ConditionMessage {
    ConditionMessageKind kind;
    bool busy; ///< QueryReply alone
    NodeId from;
    LockId condition;
    ConditionWaiter waiter;
};

/// A place in the queue of some condition whose home is this node.
struct ConditionRecord {
    ConditionWaiter waiter;
    std::uint32_t next; ///< link of the next one; 0 at the end
};

/// At the home alone. Zeroed memory is a condition that nobody waits on.
struct ConditionState {
    std::uint32_t head; ///< link into the pool; 0 when nobody waits
    std::uint32_t tail;
    std::uint32_t waiters; ///< records in the queue (C4)
};

enum class ConditionMutation : std::uint8_t {
    None,
    SignalWakesNobody,
    BroadcastMissesLast,
    CancelAlwaysAgrees,
    CancelLeavesQueued,
    CancelLosesRecord
};

struct ConditionContext {
    LockId condition;
    NodeId self; ///< the home
    RecordPool<ConditionRecord> pool;
    ConditionMutation mutation = ConditionMutation::None;
};

class ConditionEffects {
public:
    virtual ~ConditionEffects() = default;
    /// Sends to another node, never to self; for waiter.rank there.
    virtual void send(NodeId to, const ConditionMessage &message) = 0;
    /// The same for a waiter of this node: hand the message to on_wait_message() of its record and wake the thread.
    virtual void deliver_here(const ConditionMessage &message) = 0;
};

/// The home's machine: Enqueue, Signal, Broadcast, Cancel, Query. A thread of the home node calls it with a message
/// whose `from` is the home itself, instead of sending one.
void step(ConditionState &state, const ConditionContext &context, ConditionEffects &effects,
          const ConditionMessage &message);

inline bool condition_in_use(const ConditionState &state) noexcept { return state.waiters != 0; }

/// Where a thread is in its wait.
enum class ConditionPhase : std::uint8_t {
    Idle,
    Enqueueing, ///< Enqueue is sent; the mutex is still held
    Waiting,    ///< acknowledged; the mutex may be released
    Woken,
    Refused,
    Cancelling, ///< Cancel is sent
    Cancelled,
    Querying,
    QueryIdle,
    QueryBusy,
};

/// Starts a wait and returns its sequence, for the Enqueue message. Only the record's own thread.
std::uint32_t begin_wait(WaitRecord &record) noexcept;
/// Starts a query and returns its sequence.
std::uint32_t begin_query(WaitRecord &record) noexcept;
/// Waiting becomes Cancelling: true, and a Cancel must be sent. Otherwise false: look at wait_phase().
bool begin_cancel(WaitRecord &record) noexcept;
/// Ends a wait or query whose phase is Woken, Refused, Cancelled, QueryIdle or QueryBusy.
void end_wait(WaitRecord &record) noexcept;
ConditionPhase wait_phase(const WaitRecord &record) noexcept;
/// An answer of the home has come to the record of message.waiter. True when the phase changed: wake the thread.
bool on_wait_message(WaitRecord &record, const ConditionMessage &message) noexcept;

} // namespace dsm::sync
