// The contract of a page coherence protocol: an event goes in, a new state and effects come out.
//
// A protocol knows nodes and messages, no clock, thread, signal, socket or MPI. One PageState per page (block) and node
// stands in the node's page table, in memory that the ranks of the node share; whoever holds the entry's lock steps it.
// The same code runs under MPI, under the simulator and under the explorer.
#pragma once

#include "libdsm/base/access.hpp"
#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::protocol {

using dsm::Access;

/// What travels with a message besides its fields.
enum class Contents : std::uint8_t {
    None,  ///< nothing
    Zero,  ///< "the page has never been written": the receiver makes zeros itself
    Bytes, ///< the block's bytes, read from the sender's frame when the effect is executed
    Lines, ///< release memory: the bytes of those lines that have changed
};

/// Wire numbers; one that is retired is never used again.
enum class PageMessageKind : std::uint8_t {
    ReadRequest = 1,
    ReadReply = 2,
    WriteRequest = 3, ///< also asks for ownership alone (own_only): no access needed, invalidates nobody
    Grant = 4,
    Invalidate = 5,
    InvalidateAck = 6,
    Redo = 7,
    TakeBack = 8,
};

/// A message of the protocol. Fields that a kind does not use are zero.
struct PageMessage {
    PageMessageKind kind;
    Contents contents;
    bool own_only;       ///< WriteRequest, Grant: ownership without write access
    bool have_copy;      ///< WriteRequest: the origin holds a readable copy of `version`
    bool discard;        ///< WriteRequest: the block is being freed, its bytes are not wanted
    bool climbs;         ///< ReadRequest: it rises along the tree of readers. Invalidate: the next read is to
    NodeId from;         ///< the node that sent this message
    NodeId origin;       ///< the node whose request this is, or answers
    NodeId owner;        ///< Invalidate: the node that wants to write. An ack goes to the node it came from
    std::uint16_t sends; ///< how often a request was passed on
    std::uint16_t count; ///< InvalidateAck: nodes that this acknowledges for
    Version version;
    PageId page;
    std::span<const std::byte> nodes; ///< an encoded NodeSet (copyset of a Grant, sublist of an Invalidate)
};

/// What is fixed for a page as long as its allocation lives, and who we are. Given with every event.
struct PageContext {
    PageId page;
    NodeId self;
    NodeId home;
    std::uint16_t node_count;
    bool first_touch;     ///< the home hands its ownership to the first node that asks, also for a read
    bool in_file = false; ///< the first contents are in a file that the home's node has (sequential_file.cpp)
};

/// Time as the protocol sees it: microseconds given with each event, only compared and added.
using TimeUs = std::uint64_t;

/// What a step wants done, in order, while the page's lock is held. Implementations must not throw.
class PageEffects {
public:
    virtual ~PageEffects() = default;
    /// Sends to another node (never to self). With Contents::Bytes the frame is read now.
    virtual void send(NodeId to, const PageMessage &message) = 0;
    /// The node's access goes down to `access` in every rank: when this returns no thread of the node has more.
    virtual void restrict_access(Access access) = 0;
    /// The node may now map the page with `access`; the threads that wait are woken and map it themselves.
    virtual void grant_access(Access access) = 0;
    /// The frame's bytes are not needed any more.
    virtual void drop_frame() = 0;
    /// The frame must read as zeros from now on.
    virtual void zero_frame() = 0;
    /// Step with on_timer() at or after this time.
    virtual void set_timer(TimeUs at) = 0;
    /// A free_block() has come to its end: no copy is anywhere, the page is zero and its home owns it.
    virtual void freed() = 0;
    /// The wait of every thread that waits for this page must be looked at again.
    virtual void wake_waiters() = 0;
    /// Step with on_loaded() once the page's first contents, which are in a file, are in the frame. At its home only.
    virtual void load() = 0;
};

} // namespace dsm::protocol
