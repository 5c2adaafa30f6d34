// What a node knows about one page of release-consistent memory, and the messages about it.
//
// Home-based lazy release consistency (Zhou, Iftode and Li 1996) with many writers per page (Carter, Bennett and
// Zwaenepoel 1991): the home's frame is authoritative; other nodes hold copies, write to them beside a twin, and send
// what differs to the home when their interval ends. Ours: a home's own writes are noticed only while somebody holds a
// copy, homes move along epochs, and what is written or read again and again is compared and fetched anew without a
// fault. Invariants R1 to R15: docs/release.md.
#pragma once

#include "libdsm/base/access.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/protocol/node_set.hpp"
#include "libdsm/protocol/page_protocol.hpp"
#include "libdsm/protocol/release/page_versions.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace dsm::protocol {

/// Counts the moves of a page's home. A hint with its epoch says: this node became the home at that move.
using HomeEpoch = std::uint32_t;

/// Wire numbers; one that is retired is never used again.
enum class ReleaseMessageKind : std::uint8_t {
    Fetch = 1,    ///< origin wants the page; to the home
    Data = 2,     ///< here it is; answers a Fetch
    Flush = 3,    ///< what origin has written since its twin; to the home
    FlushAck = 4, ///< it is in place
    Home = 5,     ///< you are the home now; may answer a Fetch or a Flush
    Update = 6,   ///< unasked: the page as the home's interval that is published has written it; a hint
};

/// Why a home moves.
enum class HomeReason : std::uint8_t {
    None,
    Fetch, ///< to the first that touches the page; answers its Fetch
    Flush, ///< to the only one that writes it; answers its Flush
    Lock,  ///< with the token of the lock under which it is written
};

struct ReleaseMessage {
    ReleaseMessageKind kind;
    Contents contents;    ///< Data, Home, Update
    HomeReason reason;    ///< Home
    bool may_put;         ///< Fetch: the origin's frame may be written before the Data is sent
    bool is_last;         ///< Flush: no part of the diff has a higher number
    std::uint8_t part;    ///< Flush: number of the part, from 0
    NodeId from;          ///< the node that sent this message
    NodeId origin;        ///< Fetch, Flush: whose it is; Home: the new home
    std::uint16_t sends;  ///< Fetch, Flush: how often it was passed on
    HomeEpoch epoch;      ///< at which the receiver (Fetch, Flush, Home) or the sender (the others) became home
    std::uint32_t serial; ///< Data, FlushAck, Update: what the home sends about the page, counted since it is the home.
                          ///< Fetch: as what the copy has it from the home of `epoch` (R15); 0: nothing.
                          ///< Flush: lower bits of the home's interval that the copy is known to have; a hint
    std::uint64_t number; ///< Flush, Update: the origin's interval
    std::uint64_t lock;   ///< Flush: written under this lock (number + 1) alone, 0 for none; Home: bound to it
    std::uint64_t lines;  ///< Contents::Lines: which
    std::uint16_t back;   ///< Update, Contents::Lines: to copies that have it as `serial - back` or later (R15)
    PageId page;
    std::span<const std::byte> diff; ///< Flush (page_diff.hpp)
};

/// Bits of ReleasePageState::flags.
enum class ReleaseFlag : std::uint16_t {
    Started = 1 << 0,
    Home = 1 << 1,       ///< this node is the home (R1)
    Untouched = 1 << 2,  ///< at the arbiter of first-touch memory: nobody has come yet
    Zero = 1 << 3,       ///< at the home: never written
    Valid = 1 << 4,      ///< the copy has all that the node's vector time asks for; always at the home
    Stale = 1 << 5,      ///< mapped and Valid but for a notice: a Fetch is due, and acquirers wait for it (R8)
    Twin = 1 << 6,       ///< there is a twin: the page is written here, or is compared at the interval's end (R5)
    Listed = 1 << 7,     ///< in the node's list of the open interval
    MustNotice = 1 << 8, ///< written in the open interval, whatever a comparison says
    Fetching = 1 << 9,   ///< a Fetch is under way (R3)
    Killed = 1 << 10,    ///< ... of which the bytes are not to be used (R7)
    Flushing = 1 << 11,  ///< a Flush is under way (R4)
    Wanted = 1 << 12,    ///< a local thread waits for a copy
    Noticed = 1 << 13,   ///< the copy went because of a notice: the next fault counts as a miss
    Bound = 1 << 14,     ///< at the home: written under one lock alone so far (R13)
    PutDue = 1 << 15,    ///< Fetching: the frame may be written at any time, so nobody here may (R9)
};

/// Zeroed memory is a page that no event has reached yet. Trivially copyable, no pointers, at most 64 bytes.
struct ReleasePageState {
    std::uint64_t lock;        ///< number + 1 of the lock under which the page was last written; 0 for none
    NodeSet copyset;           ///< at the home: nodes that hold a copy which the home's next write makes old (R6)
    std::uint16_t flags;       ///< see ReleaseFlag
    HomeEpoch epoch;           ///< of `home` (R2)
    NodeId home;               ///< who became home at `epoch`
    NodeId last_writer;        ///< at the home: whose Flush came last; itself after a write of its own.
                               ///< Of a copy: whose Update
    std::uint16_t flush_parts; ///< Flush: parts that are not acknowledged
    std::uint16_t parts_back;  ///< ... and have come back here, where the home is to be
    std::uint16_t refreshes;   ///< notices answered by a Fetch since the last trial without
    std::uint16_t number_high; ///< of a copy: the upper bits of `number`. At the home: its last noticed interval, the
                               ///< lower
    std::uint32_t number;      ///< interval of last_writer's Flush, notice or Update, the lower bits
    std::uint32_t serial;      ///< of what the home has sent, or a copy has got from the home of `epoch` (R14)
    std::uint32_t version;     ///< of a copy: as what its bytes were sent by the home of `epoch`; 0: not known.
                               ///< At the home: not 0 while its PageVersions are kept (R15)
    Access access;             ///< the most that any rank of the node may have
    std::uint8_t parts_seen;   ///< of last_writer's Flush: parts that have come
    std::uint8_t parts_total;  ///< ... of how many; 0: not known yet
    std::uint8_t streak;       ///< at the home: Flushes of last_writer in a row
    std::uint8_t heat;         ///< write faults, to know pages that are written in every interval
    std::uint8_t unchanged;    ///< comparisons in a row that found nothing
    std::uint8_t misses;       ///< faults on copies that a notice had taken
    std::uint8_t trials;       ///< how often a trial was made
    std::uint8_t pins;         ///< holders of a pin (R12)
    std::uint8_t lock_streak;  ///< at the home: intervals in a row in which somebody wrote under `lock` alone
    std::uint8_t push_streak;  ///< at the home: intervals with a write, in quick succession, after each of which others
                               ///< came
    std::uint8_t pushes;       ///< ... sent to them since the last trial without
};
static_assert(std::is_trivially_copyable_v<ReleasePageState> && sizeof(ReleasePageState) <= 64);

constexpr bool has(const ReleasePageState &state, ReleaseFlag flag) {
    return (state.flags & static_cast<unsigned>(flag)) != 0;
}
constexpr Access access_of(const ReleasePageState &state) { return state.access; }
constexpr bool is_home(const ReleasePageState &state) { return has(state, ReleaseFlag::Home); }
/// Whether the frame's bytes matter.
constexpr bool holds_frame(const ReleasePageState &state) {
    return state.access != Access::None || has(state, ReleaseFlag::Twin) ||
           (is_home(state) && !has(state, ReleaseFlag::Zero));
}

/// What a notice says of a page: the node's interval has written it.
struct PageNotice {
    NodeId writer; ///< no_node: any may have
    std::uint64_t interval;
};
/// Whether an Update is newer than all that the home has told, and may meet what the node has (R14).
bool takes_update(const ReleasePageState &state, const ReleaseMessage &message);

const char *name_of(ReleaseMessageKind kind) noexcept;
/// Writes " +name" and " -name" for each flag that was set or cleared, ending with NUL, cut to `bytes`. Allocates
/// nothing.
void describe_changed_flags(std::uint16_t before, std::uint16_t after, char *buffer, std::size_t bytes) noexcept;
/// Writes one line about the state (ending with NUL, cut to `bytes`) and returns its length. Allocates nothing.
std::size_t describe(const ReleasePageState &state, char *buffer, std::size_t bytes) noexcept;

} // namespace dsm::protocol
