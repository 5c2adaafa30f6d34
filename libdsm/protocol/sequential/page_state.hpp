// What a node knows about one page of sequential memory. Lives in the node's page table, in shared memory.
#pragma once

#include "libdsm/protocol/node_set.hpp"
#include "libdsm/protocol/page_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace dsm::protocol {

/// What this node has asked for and not yet got.
enum class Pending : std::uint8_t {
    None,
    Read,  ///< a read copy
    Write, ///< write access: ownership first, then every acknowledgement
    Own,   ///< ownership alone: a read that could not be served, or the home takes a page back
};

/// Whether requests of other nodes wait because a local thread is to have its turn (rule 13).
enum class Stay : std::uint8_t {
    Free,           ///< they do not
    AwaitingAccess, ///< the page came for a local thread that has not yet mapped it
    Resident,       ///< it has; the page stays for the residence time
};

/// Zeroed memory is a page that no event has reached yet. Trivially copyable, no pointers, 64 bytes.
struct PageState {
    TimeUs moved_at_us;   ///< when the page last came, was first mapped after coming, was taken away or was asked for
    Version version;      ///< of the copy held here; at the owner the newest (S5)
    Version next_version; ///< of `next`'s copy when it asked
    NodeSet copyset;      ///< owner: nodes that may hold a copy; else: whom this node served (S4). Never itself
    NodeSet readers;      ///< nodes whose read requests are deferred here
    NodeId hint;          ///< probable owner; this node itself while it owns or asks and `next` is none (S3)
    NodeId next;          ///< the node whose write request is deferred here, or no_node
    NodeId relay_parent;  ///< while relaying: whom to acknowledge to
    NodeId first_toucher; ///< at the home of a first-touch page: who got it first, or no_node
    std::uint16_t acks_left;     ///< nodes whose acknowledgement is missing, as owner or as relay (never both, S8)
    std::uint16_t relay_count;   ///< while relaying: nodes to acknowledge for
    std::uint16_t flags;         ///< see Flag
    Access access;               ///< the most that any rank of this node may have (S1)
    Pending pending;             ///< at most one request per node and page (S6)
    Stay stay;                   ///< what holds deferred requests back
    std::uint8_t pins;           ///< holders of a pin (S11)
    std::uint8_t stay_doublings; ///< the page stays the residence time, doubled this often
    bool reads_climb;            ///< the next read rises along the tree instead of following the hint (S13)
};
static_assert(std::is_trivially_copyable_v<PageState> && sizeof(PageState) == 64);

constexpr unsigned pins_max = 0xff;

/// Bits of PageState::flags.
enum class Flag : std::uint16_t {
    Initialised = 1 << 0,
    Owns = 1 << 1,
    Zero = 1 << 2,        ///< the page, or without ownership the copy held here, has never been written
    Dropped = 1 << 3,     ///< pending Read: an invalidation came, so the reply is to be thrown away (rule 2)
    ReadLost = 1 << 4,    ///< a copy was taken away before the local thread had mapped it: ask for ownership next
    WantedBack = 1 << 5,  ///< home, pending Read or pinned: a TakeBack came (rule 11)
    Evicting = 1 << 6,    ///< owner: the home has been asked to take the page
    Relaying = 1 << 7,    ///< acks_left counts for relay_parent
    PinDelays = 1 << 8,   ///< relaying: the own copy is still there because of a pin (rule 14)
    Awaited = 1 << 9,     ///< a local thread waits for access
    Freeing = 1 << 10,    ///< home, pending Write: the write transaction of a free
    FreeWanted = 1 << 11, ///< home: free as soon as what is pending has come and pins have gone
    NextOwnOnly = 1 << 12,
    NextHaveCopy = 1 << 13,
    NextDiscard = 1 << 14,
    InFile = 1 << 15, ///< home: the first contents are in a file and not in the frame yet (S12)
};

constexpr bool has(const PageState &state, Flag flag) { return (state.flags & static_cast<unsigned>(flag)) != 0; }

/// The node's access: what its ranks may map the page with.
constexpr Access access_of(const PageState &state) { return state.access; }
constexpr Pending pending_of(const PageState &state) { return state.pending; }
/// Whether this node owns the page. A state that no event has reached is owned by the page's home.
constexpr bool owns(const PageState &state) { return has(state, Flag::Owns); }
constexpr bool is_initialised(const PageState &state) { return has(state, Flag::Initialised); }
/// At the owner: whether the page has never been written, so that no frame is needed.
constexpr bool is_zero(const PageState &state) { return has(state, Flag::Zero); }
/// Whether a pin of this node keeps others waiting: an invalidation, a request or a wish to take the page back.
constexpr bool is_pin_in_the_way(const PageState &state) {
    return state.pins > 0 && (has(state, Flag::PinDelays) || has(state, Flag::WantedBack) || state.next != no_node ||
                              !state.readers.empty());
}
/// Whether the frame's bytes matter.
constexpr bool holds_frame(const PageState &state) {
    return state.access != Access::None || (owns(state) && !is_zero(state));
}
/// At the home of a first-touch page: the node that touched it first, no_node if none did.
constexpr NodeId first_toucher(const PageState &state) { return is_initialised(state) ? state.first_toucher : no_node; }

const char *name_of(Access access) noexcept;
const char *name_of(Pending pending) noexcept;
const char *name_of(PageMessageKind kind) noexcept;
const char *name_of(Contents contents) noexcept;

/// Writes one line about the state (ending with NUL, cut to `bytes`) and returns its length. Allocates nothing.
std::size_t describe(const PageState &state, char *buffer, std::size_t bytes) noexcept;
std::size_t describe(const PageMessage &message, char *buffer, std::size_t bytes) noexcept;

} // namespace dsm::protocol
