// Sequential memory: write-invalidate, one writer or many readers per page, dynamic probable owners.
//
// After Li and Hudak, "Memory Coherence in Shared Virtual Memory Systems" (1989), dynamic distributed manager. It
// differs: an owner collects the acknowledgements itself, only write requests change hints, messages may overtake each
// other, a request that chases a moving page becomes a request for ownership, and owned pages are evicted to a home.
// docs/protocol.md has the message table, the transitions and the bounds. The invariants, cited by number in code,
// tests and document:
//
//   S1  single writer: a node with write access is the only node with any access
//   S2  a read copy equals the owner's bytes
//   S3  at most one owner, one ownership in flight, or one of both; hints are free of cycles and end at the owner or at
//   a
//       node whose write request is on its way
//   S4  the owner's copyset, those whom its nodes served, and so on, are every other node with a copy, or with a copy
//       on its way to it
//   S5  a grant without bytes finds a copy of the owner's version; bytes never reach a node that has access
//   S6  one request per node and page; an answer finds the request that it answers
//   S7  a write request is sent on at most N - 1 times and never comes back to its origin; a read at most N times; a
//       read that climbs is never sent on
//   S8  one invalidation at a time per page, at the owner; nobody both owns and relays
//   S9  an owner that has write pending, or whose local thread has not had its turn, serves nobody
//   S10 an owned page that has been written has its bytes in the owner's frame
//   S11 a pinned page keeps its access; a node that pins a page and does not own it has asked for nothing
//   S12 a page that is in a file has no owner but the file; only its home waits for it, once
//   S13 who does not own serves its children in the tree alone, and they alone wait for its own read
#pragma once

#include "libdsm/protocol/node_set.hpp"
#include "libdsm/protocol/page_protocol.hpp"
#include "libdsm/protocol/sequential/page_state.hpp"

#include <cstdint>

namespace dsm::protocol {

/// Constants of the protocol, the same in every node.
struct SequentialLimits {
    std::uint16_t fan_out = 8;             ///< invalidations that one node sends for one page; > 0
    std::uint32_t residence_us = 10;       ///< how long a page that has been mapped stays; 0: not at all
    std::uint8_t residence_doublings = 4;  ///< at most, for a page that took long to come
    std::uint32_t access_wait_us = 10'000; ///< how long a page waits for on_accessed() before others are served
    std::uint16_t read_fan_out = 6;        ///< children of a node in the tree of readers; > 0
    std::uint16_t tree_above_nodes = 32;   ///< reads climb in jobs of more nodes only
};

/// Faults put into the protocol by the tests of the tests; None in every program.
enum class Mutation : std::uint8_t {
    None,
    AckWithoutDropping,
    IgnoreDroppedMark,
    GrantStaleWithoutBytes,
    WriteBeforeAcks,
    HintNotUpdated,
    OwnLosesCopyset,
    RelayAcksEarly,
    ServeWithoutDowngrade,
    EvictOwnedPage,
    ZeroAfterWrite,
    IgnorePinAtCopy,
    IgnorePinAtOwner,
    AskWhilePinned,
    ServedLostAtGrant,
    ServedLostAtInvalidation,
    ServedLostAtEviction,
    RelayAcksBeforeServed,
    ChasersJoin,
    SecondInvalidateLost,
};

/// What became of the wish to drop a page's frame.
enum class Eviction : std::uint8_t {
    Dropped, ///< the frame is free
    Asked,   ///< the home has been asked to take the page; the frame is kept until it does
    Refused, ///< not now: wanted, pinned, just arrived, or owned by its home
};

/// Told of every change of access or pending, under the page's lock.
using TraceHook = void (*)(void *argument, const PageContext &context, const PageState &before, Access access,
                           Pending pending);

/// The state machine. Holds nothing per page; any number of threads may step different pages at once. The caller
/// holds the page's lock during a step and executes effects as they come; no step calls another through an effect.
class SequentialProtocol {
public:
    explicit SequentialProtocol(SetPool &pool, const SequentialLimits &limits = {},
                                Mutation mutation = Mutation::None) noexcept
        : pool_(pool), limits_(limits), mutation_(mutation) {}

    void set_trace(TraceHook hook, void *argument) noexcept {
        trace_ = hook;
        trace_argument_ = argument;
    }

    /// A local thread needs `wanted`, has found access_of() to be less and will wait. Call it again after every wake
    /// that finds too little access. Idempotent while something is pending.
    void on_fault(PageState &, const PageContext &, Access wanted, TimeUs now_us, PageEffects &) const noexcept;
    /// As on_fault() without a thread that waits: what comes is not held back from others until somebody maps it.
    void on_prefetch(PageState &, const PageContext &, Access wanted, TimeUs now_us, PageEffects &) const noexcept;
    /// A message of another node has come. Contents::Bytes are in the frame already, and nobody here has access then.
    void on_message(PageState &, const PageContext &, const PageMessage &, TimeUs now_us, PageEffects &) const noexcept;
    /// A thread that waited has mapped the page with the access it wanted; its residence begins (rule 13).
    void on_accessed(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// A time asked for with set_timer() has come, or any other time.
    void on_timer(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// The node would like to have the frame back.
    Eviction on_evict(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// At the home: the block is freed. Ends with PageEffects::freed(), at once or in a later step.
    void on_free(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// Pins the page if the node has `wanted` and nobody has to go first: while it is pinned its access is not lowered
    /// (S11). False: nothing is pinned; what is missing has been asked for, and the caller waits as after on_fault().
    /// The holder waits for no other node, but for pages of higher numbers to pin them too (docs/protocol.md).
    bool try_pin(PageState &, const PageContext &, Access wanted, TimeUs now_us, PageEffects &) const noexcept;
    void unpin(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// At the home of a page that is in a file: it is about to be loaded though nobody has asked. True if it waits for
    /// on_loaded() from now on; false if it has been loaded.
    bool on_load_ahead(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// The page's first contents are in the frame.
    void on_loaded(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;
    /// Write access, if the node has it, goes down to read, so that the next write makes a new version. False if a pin
    /// forbids it: then the version says nothing about writes from now on.
    bool on_clean(PageState &, const PageContext &, TimeUs now_us, PageEffects &) const noexcept;

private:
    friend class SequentialStep;
    SetPool &pool_;
    SequentialLimits limits_;
    Mutation mutation_;
    TraceHook trace_ = nullptr;
    void *trace_argument_ = nullptr;
};

} // namespace dsm::protocol
