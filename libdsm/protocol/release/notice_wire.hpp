// Envelopes as bytes: the write notices that travel with a message which orders release memory. An envelope is cut into
// parts of the size of a record; every part has the head, so that parts may come in any order. The one place that reads
// and writes them, and the one to fuzz.
//
//   0 flags: last part, version   1 from (2)   3 part (2)   5 number (4)   9 end (8)   17 length (4)   21 ack (8)
//   29 groups, to the end of the part
//   group: writer (2), interval (6), runs (2), then the runs; runs = 0: everything of the writer up to the interval
//   run: a number u of 7 bits per byte, low ones first; its lowest bit: more than one page; above it, zigzag, the
//   distance of the first page from the end of the run before (0 at a part's beginning); then, of more than one page,
//   another such number: pages - 2
//
// A number has one form only, the shortest. A first notice costs an envelope of 40 to 46 bytes, a further one of the
// same interval two to four if it is near.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dsm::protocol {

/// Counts what a node has published, from 1; 0 is "none yet". 48 bits, since 32 last an hour at a microsecond each.
using Interval = std::uint64_t;
constexpr Interval interval_max = (Interval{1} << 48) - 1;
/// Pages that a notice can name: 4 PiB of them.
constexpr std::uint64_t noticed_pages_max = std::uint64_t{1} << 40;
constexpr std::uint32_t run_pages_max = (1U << 24) - 1;

/// `count` pages from `first` on were written by `writer` in its `interval`. count == 0 is no notice of pages: it says
/// that whoever does not know of all that `writer` did up to `interval` has to drop every copy of release memory.
struct NoticeRun {
    NodeId writer;
    Interval interval;
    PageId first;
    std::uint32_t count;
    [[nodiscard]] bool is_all() const noexcept { return count == 0; }
};

/// What every part says. Positions are those of the sender's log, `ack` is one of the receiver's log.
struct EnvelopeHead {
    bool is_last;
    NodeId from;
    std::uint16_t part;   ///< 0, 1, ...
    std::uint32_t number; ///< of the envelope among all of the sender's; may wrap
    std::uint64_t end;    ///< what is known after the whole envelope: the sender's log up to here
    std::uint32_t length; ///< positions before `end` that the envelope covers; before them the receiver has everything
    std::uint64_t ack;    ///< the sender has everything of the receiver's log up to here

    friend bool operator==(const EnvelopeHead &, const EnvelopeHead &) = default;
};

constexpr std::size_t envelope_head_bytes = 29;
constexpr std::size_t notice_group_bytes = 10;
constexpr std::size_t notice_run_bytes_max = 12; ///< 7 for the distance, 4 for the count, and one to spare
/// The least room for a part.
constexpr std::size_t envelope_part_bytes_min = envelope_head_bytes + notice_group_bytes + notice_run_bytes_max;

/// Puts one part together.
class PartWriter {
public:
    /// `out` has envelope_part_bytes_min at least.
    explicit PartWriter(std::span<std::byte> out) noexcept : out_(out) {}
    /// False, and nothing is written, if there is no room for it.
    bool add(const NoticeRun &run) noexcept;
    /// Writes the head; returns the part's bytes.
    std::size_t finish(const EnvelopeHead &head) noexcept;

private:
    bool continues_group(const NoticeRun &run) const noexcept;

    std::span<std::byte> out_;
    std::size_t used_ = envelope_head_bytes;
    std::size_t group_ = 0; ///< where the open group begins, 0 for none
    NodeId writer_{};
    Interval interval_ = 0;
    unsigned runs_ = 0;
    std::uint64_t previous_end_ = 0; ///< page behind the run before
};

/// Reads the groups of a part, run by run.
class RunCursor {
public:
    RunCursor(std::span<const std::byte> groups, unsigned node_count, std::uint64_t page_count) noexcept
        : bytes_(groups), node_count_(node_count), page_count_(page_count) {}
    /// False at the end, and at what no node of ours writes.
    bool next(NoticeRun &run) noexcept;
    /// Whether everything so far was as it must be.
    [[nodiscard]] bool good() const noexcept { return good_; }

private:
    bool refuse() noexcept;
    bool open_group() noexcept;
    bool take_number(std::uint64_t &value) noexcept;
    bool take_run(NoticeRun &run) noexcept;

    std::span<const std::byte> bytes_;
    unsigned node_count_;
    std::uint64_t page_count_;
    std::size_t read_ = 0;
    NodeId writer_ = no_node;
    Interval interval_ = 0;
    unsigned runs_left_ = 0;
    bool is_all_ = false;
    bool had_runs_ = false;
    std::uint64_t previous_end_ = 0;
    bool good_ = true;
};

/// A part that has been checked; `groups` points into its bytes.
struct EnvelopePart {
    EnvelopeHead head;
    std::span<const std::byte> groups;

    /// Calls visit(const NoticeRun &) for each, in the order of the sender's log.
    template <class Visit> void for_each(Visit visit) const {
        RunCursor cursor(groups, nodes_max, noticed_pages_max);
        for (NoticeRun run; cursor.next(run);) { visit(run); }
    }
};

/// What the bytes say; nothing if they are malformed or name a node >= node_count or a page >= page_count.
std::optional<EnvelopePart> decode_envelope_part(std::span<const std::byte> bytes, unsigned node_count,
                                                 std::uint64_t page_count) noexcept;

} // namespace dsm::protocol
