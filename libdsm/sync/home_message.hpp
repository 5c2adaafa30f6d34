// Calls on the objects whose whole state is at one node, their home: read-write locks, semaphores, latches and onces. A
// thread asks the home and waits for the answer; nothing else travels. Hence the rule that makes freeing and
// initialising again safe: when a call returns, no message of it to the home is under way (H1).
//
// Numbers of invariants (H1 to H12) are those of docs/synchronisation.md.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/wait_record.hpp"

#include <cstdint>

namespace dsm::sync {

/// Wire numbers; see LockMessageKind. Kinds of other families are below 48.
enum class HomeMessageKind : std::uint8_t {
    Request = 48,    ///< to the home
    Answer = 49,     ///< to who asked: `result`; the end of the call
    Queued = 50,     ///< to who asked with a time limit: it waits, and may cancel; an Answer may overtake it
    Cancel = 51,     ///< to the home, after Queued: waits no longer
    CancelAck = 52,  ///< to who cancelled: taken out of the queue; the end of the call
    CancelLate = 53, ///< to who cancelled: it had been granted before, and so it counts
};

enum class HomeObjectKind : std::uint8_t { Rwlock = 1, Semaphore = 2, Latch = 3, Once = 4 };

/// What a Request wants. Wire numbers, in tens by object.
enum class HomeOperation : std::uint8_t {
    Query = 1, ///< any object: is it in use? For destroy
    Read = 10,
    Write = 11,
    Unlock = 12,
    TakeUnit = 20,
    PutUnit = 21,
    ReadValue = 22,
    CountDown = 30,
    AwaitZero = 31,
    ArriveAndWait = 32,
    Begin = 40,
    Finish = 41, ///< the function has done its work
    Fail = 42,   ///< it has not
};

/// What a Request wants that cannot be granted at once.
enum class HomeManner : std::uint8_t {
    Block, ///< wait
    Try,   ///< be refused
    Timed, ///< wait, and be told so by Queued
};

enum class HomeResult : std::uint8_t {
    Granted,  ///< or simply done
    Refused,  ///< by Try; by Query when the object is in use
    Deadlock, ///< this thread would wait for itself
    NotOwner, ///< unlock by a thread that holds nothing
    Overflow, ///< the semaphore is at its largest value
    BadCount, ///< the latch counts less than that
    InUse,    ///< the object was initialised again while threads wait
    NoSpace,  ///< no record left at the home
    Run,      ///< once: this thread runs the function, and then tells Finish or Fail
    TimedOut, ///< made of CancelAck at the caller; never in a message
};

/// A thread that asks, and which of its calls it is.
struct HomeWaiter {
    NodeId node;
    Rank rank;
    WaitSlot slot;
    std::uint32_t sequence; ///< from begin_call()
    friend bool operator==(const HomeWaiter &, const HomeWaiter &) = default;
};

struct HomeMessage {
    HomeMessageKind kind;
    HomeObjectKind object;
    HomeOperation operation; ///< Request
    HomeManner manner;       ///< Request
    HomeResult result;       ///< Answer
    bool reads;              ///< Request to a read-write lock: this thread reads already, as far as it knows
    LockId id;
    HomeWaiter waiter;
    LockOwner owner;           ///< Request: the thread, as owner
    std::uint64_t incarnation; ///< Request: what the object's last init wrote; 0 for a zeroed object
    std::uint32_t initial;     ///< Request: value or count that it wrote
    std::uint32_t number;      ///< CountDown: how many; Answer to ReadValue: the value
};

/// Planted bugs, for the simulation.
enum class HomeMutation : std::uint8_t {
    None,
    ReaderPassesWriter,   ///< newcomers read while a writer waits
    WriterJoinsReaders,   ///< a writer is let in while one reads
    LastReaderServesNone, ///< the last reader leaves without looking at the queue
    CancelServesNone,     ///< a writer that gives up leaves the readers behind it waiting
    CancelAlwaysAgrees,   ///< also to who was granted before
    PostCountsAndWakes,   ///< a unit goes to a waiter and to the value
    IncarnationIgnored,   ///< an object that is initialised again keeps its old state
    LatchForgetsLast,     ///< the last of the waiters stays
    FailureLeavesWaiters, ///< a failed once hands on to nobody
    OnceRunsTwice,        ///< who comes while it runs, runs as well
};

class HomeEffects {
public:
    virtual ~HomeEffects() = default;
    /// Answer, Queued, CancelAck or CancelLate: to the seat of message.waiter, which may be at this node.
    virtual void answer(const HomeMessage &message) = 0;
};

} // namespace dsm::sync
