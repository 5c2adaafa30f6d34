// DSM_CHECK_RACES: finds, at the homes of release pages, bytes that two nodes wrote in intervals that nothing orders,
// and says so. The rule is in protocol/release/race_history.hpp.
//
//   copy:  diff, then known() of all nodes --Flush--> home: compared with what is remembered, and with what the home
//                                                     itself has written since its twin; then remembered
//   home:  whatever of its own writes a comparison with the twin finds: likewise
//
// A Flush that is passed on or kept loses its time, and is neither compared nor remembered.
#pragma once

#include "libdsm/protocol/release/race_history.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/release_records.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

class ReleaseOrdering;

/// In the node's shared region; the history stands behind it.
struct alignas(64) RaceShared {
    FutexMutex lock; ///< taken after a page's lock; guards the history, and what each rank has reported
    std::byte *history() { return reinterpret_cast<std::byte *>(this + 1); }
    static std::size_t bytes() { return sizeof(RaceShared) + protocol::RaceHistory::region_bytes(); }
};

class RaceCheck {
public:
    static constexpr unsigned nodes_max = 64; ///< whose time fits every record beside a part of a diff
    using Time = std::array<protocol::Interval, nodes_max>;

    RaceCheck(Node &node, const ReleaseOrdering &ordering);

    /// Writes what goes with a Flush, this node's time, into `out`, which has room for it. After the diff has been
    /// made: else what was acquired meanwhile, and then written, looked like a race.
    std::size_t write_time(std::span<std::byte> out) const;
    std::size_t time_bytes() const { return node_.topology->node_count() * sizeof(protocol::Interval); }

    // -- With the entry's lock held.
    /// A Flush of another node has come to this one, its home; it has not been applied.
    void on_flush(const ReleaseRecord &record, const PageEntry &entry);
    /// This node, the home, has written these bytes in the open interval or the one that closes, and a notice will say
    /// so.
    void on_home_writes(const PageEntry &entry, PageId page, const protocol::PageBytes &bytes);
    /// A write elsewhere is about to be known here: what this node, the home, has written by now did not follow it.
    void on_notice(const PageEntry &entry, PageId page);

private:
    struct Writer {
        NodeId node;
        protocol::Interval interval;
    };
    void compare(protocol::PageLife page, Writer writer, std::span<const protocol::Interval> time,
                 const protocol::PageBytes &bytes);
    void report(PageId page, protocol::ByteRun run, Writer writer, Writer other);
    void describe_place(std::uint64_t offset, std::span<char> out) const;
    void describe_writer(Writer writer, std::span<char> out) const;

    struct Reported {
        PageId page;
        NodeId low, high;
        friend bool operator==(const Reported &, const Reported &) = default;
    };
    static constexpr std::size_t reports_max = 20;

    Node &node_;
    const ReleaseOrdering &ordering_;
    RaceShared &shared_;
    protocol::RaceHistory history_;
    std::array<Reported, reports_max> reported_{};
    std::size_t reports_ = 0;
    bool leaves_out_ = false; ///< and has said so
};

} // namespace dsm::rt
