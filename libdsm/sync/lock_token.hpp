// The token of a mutex: the right to hold it, which travels between nodes along probable owners and stays where it was
// last used. Path reversal and a distributed queue after Naimi and Trehel (1987; with Arnold 1996), the probable owners
// of Li and Hudak (1989). Ours: the threads of a node share the token in shared memory, with a fast path of one
// compare-and-swap; they let newcomers pass for a bounded number of times; a try borrows the token instead of moving
// it; and whether a lock is recursive is decided by its holder at each Relock, so that the machine knows no kinds.
//
// One LockState per lock and node stands in memory that the node's ranks share. step() is called under the lock of its
// table entry; lock_fast() and unlock_fast() are called without it, at any time. Zeroed memory is a lock not used yet.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/wait_record.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace dsm::sync {

/// Wire numbers of all messages of this folder; one that is retired is never used again. Conditions 16.., barriers 32..
enum class LockMessageKind : std::uint8_t {
    Request = 1,    ///< origin wants the token; goes along hints, which it turns towards origin
    Token = 2,      ///< here it is
    TryRequest = 3, ///< origin wants to borrow it, now or not at all; goes along hints, which it leaves alone
    TryGrant = 4,   ///< lent to you
    TryBusy = 5,    ///< no
    Return = 6,     ///< what was lent comes back
    ReturnAck = 7,  ///< it has come back
    Kept = 8,       ///< your Request waits here as `next`; only for a Request whose threads may give up
    TryAhead = 9,   ///< as TryRequest, from a node where nobody waits any more to the one that keeps its Request
    TryLater = 10,  ///< no answer: a message is on its way that decides; ask again
};

struct LockMessage {
    LockMessageKind kind;
    NodeId from;         ///< the node that sent this message
    NodeId origin;       ///< Request, TryRequest, TryAhead: the node that wants it
    std::uint16_t sends; ///< of these three: how often it was passed on; at most node_count - 1 (L5)
    LockId lock;
    bool told = false;        ///< Request: origin wants to be told who keeps it; Token: it was told (L13)
    std::uint16_t number = 0; ///< Request, Kept: which of its origin's Requests
};

/// Where the token is, as far as this node knows for certain.
enum class TokenPhase : std::uint8_t {
    Unknown,   ///< zeroed memory: Here at the home, Absent elsewhere
    Absent,    ///< elsewhere; `hint` leads there (L4)
    Requested, ///< a Request of this node is under way or queued (L3)
    Here,      ///< at this node, held or free
    Lent,      ///< this node's, but a thread of node `peer` holds it
};

// The word that fast paths work on: flags above, the holder (a LockOwner; 0 for free) below.
constexpr std::uint64_t lock_token_here = std::uint64_t{1} << 63;   ///< set exactly when phase is Here
constexpr std::uint64_t lock_waiters = std::uint64_t{1} << 62;      ///< set exactly when `queue` is not empty (L8)
constexpr std::uint64_t lock_next_waiting = std::uint64_t{1} << 61; ///< set exactly when `next` is a node
constexpr std::uint64_t lock_borrowed = std::uint64_t{1} << 60;     ///< the holder borrowed it from `peer` (L9)
constexpr std::uint64_t lock_relocked = std::uint64_t{1} << 59;     ///< set exactly when `relocks` is not 0 (L12)

struct LockState {
    std::uint64_t word; ///< through std::atomic_ref alone
    NodeId hint;        ///< probable owner; oneself exactly when this node is a root without `next` (L4)
    NodeId next;        ///< to whom the token goes from here, or no_node
    NodeId peer;        ///< the lender (lock_borrowed) or the borrower (Lent), else no_node (L9)
    NodeId ahead;       ///< Requested: the node that keeps our Request, once it has told us; else no_node (L13)
    TokenPhase phase;
    bool head_woken;          ///< the first of the queue was woken and has not retried yet (L7)
    bool next_told;           ///< `next` was sent Kept
    std::uint16_t asks;       ///< number of this node's last Request; wraps
    std::uint16_t kept_due;   ///< Kepts to this node that their Tokens have overtaken (L14)
    std::uint16_t hand_overs; ///< times a local thread took the lock while `next` waited (L10)
    std::uint16_t barges;     ///< releases that have passed the first of the queue by (L10)
    std::uint32_t relocks;    ///< unlocks that the holder owes before the one that releases (L12)
    WaitQueue queue;          ///< threads of this node that wait for the lock, in the order of their coming
    WaitQueue tries;          ///< threads that try, while their question is under way, or awaits Kept or Token (L9)
    WaitQueue returns;        ///< threads whose unlock awaits a ReturnAck (L9)
};

/// Bugs planted for the tests; None in every product.
enum class LockMutation : std::uint8_t {
    None,
    HintNotTurned,
    NextForgotten,
    HeadNotWoken,
    TokenKept,
    FlagNotRaised,
    TryTakesHeld,
    TryRefusedByTry,
    LateTryRefused,
    ReturnNotAwaited,
    RelockNotCounted,
    RelockNotFlagged,
    UnlockReleasesAll,
    AbandonStaysQueued,
    AbandonNotServed,
    LateTokenKept,
    AbandonedRefuses,
    KeptMistaken,
    KeptForgotten,
    ParkedTryForgotten
};

/// What is fixed for a lock, and who we are. Given with every event.
struct LockContext {
    LockId lock;
    NodeId self;
    NodeId home;
    std::uint16_t node_count;
    std::span<WaitRecord> records;           ///< one for each thread of this node
    std::uint16_t local_hand_overs_max = 16; ///< then another node has its turn
    std::uint16_t barges_max = 16;           ///< then the first of the queue gets the lock directly
    std::uint32_t relocks_max = (1U << 20) - 1;
    LockMutation mutation = LockMutation::None;
};

/// What a step wants done, at once, while the entry's lock is held. Implementations must not throw.
class LockEffects {
public:
    virtual ~LockEffects() = default;
    /// Sends to another node, never to self.
    virtual void send(NodeId to, const LockMessage &message) = 0;
    /// The thread of this slot must run its Retry, TryRetry or UnlockRetry event soon; waking it for nothing does no
    /// harm.
    virtual void wake(WaitSlot slot) = 0;
};

enum class LockEventKind : std::uint8_t {
    Lock,        ///< a thread wants the lock: Acquired, Deadlock, or Wait and then Retry
    TimedLock,   ///< likewise, and it may Abandon
    Retry,       ///< it was woken: Acquired, or Wait
    Abandon,     ///< it waits no longer (timed out): TimedOut, or Acquired when it was just given the lock
    Try,         ///< a thread wants the lock only if it is free: Acquired, Busy, or Wait and then TryRetry
    TryRetry,    ///< it was woken: Acquired, Busy, or Wait
    Relock,      ///< the holder takes the lock once more: Acquired, TooDeep
    Unlock,      ///< Released, NotOwner, StillHeld (it was taken more often), or Wait and then UnlockRetry
    UnlockRetry, ///< it was woken: Released, or Wait
    Message,     ///< from another node: None
};

struct LockEvent {
    LockEventKind kind;
    WaitSlot slot;              ///< all but Message: the thread's record
    LockOwner owner;            ///< all but Message: the thread
    const LockMessage *message; ///< Message alone
};

enum class LockOutcome : std::uint8_t {
    None,
    Acquired,
    Wait,
    Busy,
    Deadlock,
    TimedOut,
    Released,
    NotOwner,
    StillHeld,
    TooDeep
};

LockOutcome step(LockState &state, const LockContext &context, LockEffects &effects, const LockEvent &event);

/// True when the lock is held or waited for as far as this node knows (destroy gives EBUSY then).
bool lock_in_use(const LockState &state) noexcept;

/// True when no thread of this node is in a call for the lock and no message of this node's making is under way: if it
/// holds for all nodes, the lock has no message anywhere. Who gave up waiting leaves a Request behind, and a thread may
/// still be in unlock when another, which has locked and unlocked since, frees the memory.
bool lock_is_settled(const LockState &state) noexcept;

/// Takes a lock whose token is here, free and unwanted; otherwise changes nothing and the Lock or Try event decides.
inline bool lock_fast(LockState &state, LockOwner owner) noexcept {
    std::uint64_t expected = lock_token_here;
    return std::atomic_ref(state.word)
        .compare_exchange_strong(expected, lock_token_here | owner.value, std::memory_order_acquire,
                                 std::memory_order_relaxed);
}

/// Whether the thread holds the lock. Only for that thread itself while it waits for nothing: no other makes it true or
/// false.
inline bool holds_lock(const LockState &state, LockOwner owner) noexcept {
    // A const object is never written through this reference; C++20's atomic_ref takes no const type.
    const std::atomic_ref word(const_cast<std::uint64_t &>(state.word));
    return (word.load(std::memory_order_relaxed) & lock_owner_mask) == owner.value;
}

/// Gives back a lock that nobody else wants and that was taken once; otherwise changes nothing and the Unlock event
/// decides.
inline bool unlock_fast(LockState &state, LockOwner owner) noexcept {
    std::uint64_t expected = lock_token_here | owner.value;
    return std::atomic_ref(state.word)
        .compare_exchange_strong(expected, lock_token_here, std::memory_order_release, std::memory_order_relaxed);
}

} // namespace dsm::sync
