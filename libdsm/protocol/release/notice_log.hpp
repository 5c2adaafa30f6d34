// What a node knows of the writes to release memory: a log of write notices, and what each other node has of it.
//
// After lazy release consistency (Keleher, Cox and Zwaenepoel, "Lazy Release Consistency for Software Distributed
// Shared Memory", 1992) with homes (Zhou, Iftode and Li, "Performance Evaluation of Two Home-Based Lazy Release
// Consistency Protocols", 1996). It differs: no vector time travels, but for N6. Knowledge is one log, in the order in
// which the node learned it, and a message that orders memory carries an envelope: the log from where its receiver has
// it, to the end. Envelopes may overtake each other, be many under way, and each can be taken alone, in any order.
//
//   node s                                            node d
//   publish: pages -> log                             adopt: 1. what is news, under the lock
//   Encoder: log from ack[d] on, seen[d] -- parts -->        2. its copies are dropped, without the lock
//                                                            3. appended to the log, known[] and seen[s] rise: lock
//   ack[d] rises            <-- any envelope of d, with seen[s] --
//
// Invariants, cited by number in code and tests. "Knows (w, i)": known[w] >= i.
//
//   N1 The intervals of a node w that published notices are 1, 2, ...; w knows (w, i) first. In every log the intervals
//      of one writer rise, the entries of one interval stand together, and outside of a call the log ends behind one.
//   N2 Closure: who knows (w, i) knows every interval that happened before it, and has dropped, when it had learned of
//      it or later, its copy of every page that any of them names.
//   N3 Let a = max(ack[d], floor) at s. Then d knows all that s knew when its log ended at a.
//   N4 Let x <= end be a position of s, and p a page that (w, i) names, where s knows (w, i) and did not when its log
//      ended at x. Then at x or above stands p of (w, i), or p of a later interval of w, or x < unlisted_at and
//      i <= unlisted[w]. With N3: an envelope from max(ack[d], floor) to the end, taken whole, lets d know all that s
//      knew when it was sent, and drop every page that is due; so N2 holds at d if it held at s.
//   N5 Positions only grow: the end, the floor, ack, seen. An entry may move up, never down: who has everything below a
//      position has it still, and may be told some of it again.
//   N6 What a node forgot (its ring was full) it stands for by a vector time: unlisted[] = known[], at a new position
//      unlisted_at. Who lacks any of it drops every copy of release memory, then knows it, cannot list it either, and
//      so takes that part of it over into its own unlisted[], at a new position of its own (N4 for third nodes). Who
//      knows all of it drops nothing and takes nothing over. So a node drops everything at most once per collapse of
//      any node, and a barrier ends it: once the floor is above unlisted_at nobody is told any more.
//   N7 The floor rises at a barrier's departure alone, to where the log ended at our arrival at the barrier before it.
//      Every node has come to this barrier, so has left the one before, with all that anybody knew on arriving there.
//   N8 Limits: nodes_max writers, noticed_pages_max pages, interval_max intervals, entries a power of two.
//
// Two uses of N4 that are not plain. Compaction drops the entry p of (w, i) where p of a later interval (w, i') stands
// above it; the log of a receiver that did not know (w, i) does not know (w, i') either and takes both in one step, so
// it too has p above any position at which others have it. The same across writers would be wrong: the receiver may
// know the other writer's interval already. Interval numbers have gaps then: known[w] jumps. Second: all that is taken
// over from d's envelope d knows; if d had all of our log before, it still has: ack[d] moves along, and there is no
// echo.
//
// The log lives in memory that the ranks of a node share: no pointers, zeroed memory is a log that knows nothing. For
// 10,240 nodes, 2^18 entries: 400 KiB for the peers (40 bytes each, touched when they are spoken with), a ring of 4 MiB
// and 512 KiB for compaction, touched as they are used; an idle log touches one page. Nothing here waits, allocates or
// throws. The caller holds the node's lock around every call, from begin to end of what has both, and for an Encoder's
// whole life.
#pragma once

#include "libdsm/protocol/release/notice_wire.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::protocol {

constexpr std::size_t notice_entries_default = std::size_t{1} << 18;

/// Faults put into the log by the tests of the tests; None in every program.
enum class NoticeMutation : std::uint8_t {
    None,
    AckAtSending,         ///< what is under way counts as had: N3
    AckForgetsGaps,       ///< an adopted envelope's sender counts as having all that stands before it: N3
    CutAtSameBarrier,     ///< the floor rises to the arrival at the barrier that is being left: N7
    PartAdoptedAlone,     ///< an envelope's parts need not all be there: N2
    LearnedNotPassedOn,   ///< what was adopted is known, and not in the log: N4
    CompactAcrossWriters, ///< another writer's later notice of a page supersedes: N4
    CollapseWithoutTime,  ///< what is forgotten is not stood for: N6
    TimeNotTakenOver,     ///< who dropped everything does not tell third nodes to: N6
    TimeTakesNoPosition,  ///< taken over below what others have: N6
};

/// One object per process, over memory that all processes of the node share.
class NoticeLog {
public:
    struct Statistics {
        std::uint64_t entries;   ///< in use now
        std::uint64_t envelopes; ///< begun
        std::uint64_t adopted;   ///< runs of pages received that were news
        std::uint64_t redundant; ///< runs of pages received that were not
        std::uint64_t compactions;
        std::uint64_t collapses;
        std::uint64_t taken_over; ///< envelopes after which this node had to drop everything
    };

    static std::size_t region_bytes(unsigned node_count_max = nodes_max,
                                    std::size_t entries = notice_entries_default) noexcept;

    /// `region` has region_bytes(node_count, entries), aligned to 64; it is zeroed when the first process gets it.
    NoticeLog(std::byte *region, NodeId self, std::uint16_t node_count, std::size_t entries = notice_entries_default,
              NoticeMutation mutation = NoticeMutation::None) noexcept;

    /// A release: pages that were written in the interval that ends here, whose writes are at their homes. One after
    /// the other they cost one entry, in rising or falling order. end_publish() returns the interval's number; if
    /// there was no page there is no new interval.
    void begin_publish() noexcept;
    void add(PageId first, std::uint32_t pages = 1) noexcept;
    Interval end_publish() noexcept;

    /// Whether `node` may lack something that we know; if not, a message to it needs no envelope.
    [[nodiscard]] bool has_news_for(NodeId node) noexcept;
    /// Whether `node` has sent so much since we last told it what we have, that the caller is to send it an envelope,
    /// empty or not: until then it sends the same again.
    [[nodiscard]] bool owes_ack(NodeId node) const noexcept;

    /// Writes one envelope, part by part, under the lock from construction until done().
    class Encoder {
    public:
        Encoder(NoticeLog &log, NodeId to) noexcept;
        /// The next part's bytes; `out` has envelope_part_bytes_min at least. There is always a first part.
        std::size_t next(std::span<std::byte> out) noexcept;
        [[nodiscard]] bool done() const noexcept { return done_; }

    private:
        bool find_run(NoticeRun &run) noexcept;
        void step() noexcept;

        NoticeLog &log_;
        NodeId to_;
        EnvelopeHead head_{};
        std::uint64_t at_; ///< the next entry
        unsigned time_at_; ///< the next writer of unlisted[]; node_count_ and above: none
        bool done_ = false;
    };

    /// What of an envelope is to be dropped first: for every run of every part, if it is news, its pages, or every copy
    /// of release memory if it is_all(). The caller notes them under the lock and drops them without it.
    [[nodiscard]] bool is_news(NodeId writer, Interval interval) const noexcept { return interval > known(writer); }
    /// Then, under the lock again, the envelope is adopted: begin, all its parts in order, end. Other envelopes may
    /// have been adopted in between. False, and nothing is changed: no node of ours could have sent this.
    [[nodiscard]] bool begin_adopt(const EnvelopeHead &head) noexcept;
    void adopt_part(const EnvelopePart &part) noexcept;
    void end_adopt() noexcept;

    /// The last interval of `node` that this node knows, with all that happened before it; 0: none.
    [[nodiscard]] Interval known(NodeId node) const noexcept { return known_[node.value]; }

    /// A barrier of all nodes. Arriving: before its message's envelope is begun. Departing: when the envelopes that the
    /// barrier brings have been adopted (N7).
    void on_barrier_arrive() noexcept;
    void on_barrier_depart() noexcept;

    [[nodiscard]] Statistics statistics() const noexcept;

private:
    struct Shared {
        std::uint64_t first; ///< the lowest entry; floor <= first <= end
        std::uint64_t end;
        std::uint64_t floor;          ///< N7
        std::uint64_t unlisted_at;    ///< N6; <= end
        std::uint64_t arrived;        ///< end at our last arrival at a barrier
        std::uint64_t arrived_before; ///< and at the one before
        std::uint32_t envelopes;      ///< number of the last envelope; may wrap
        Statistics statistics;
    };
    struct Peer {
        std::uint64_t ack;      ///< N3; <= end
        std::uint64_t seen;     ///< we know all that it knew when its log ended here
        std::uint64_t not_told; ///< runs that it has sent since we last told it what we have seen
    };
    struct Entry {
        std::uint64_t run;    ///< first page, pages << 40
        std::uint64_t origin; ///< interval, writer << 48
    };
    /// An envelope, or a publication, that is being entered: process-local, since the lock is held.
    struct Entering {
        EnvelopeHead head;
        std::uint16_t next_part;
        std::uint64_t origin; ///< of the run before; 0: none
        bool is_news;         ///< was it
        std::uint64_t runs;   ///< of pages, so far
        bool sender_has_all;  ///< of our log, before
        bool is_time_news;    ///< something of its vector time was
    };

    [[nodiscard]] static Entry entry_of(const NoticeRun &run) noexcept;
    [[nodiscard]] static NoticeRun run_of(const Entry &entry) noexcept;
    [[nodiscard]] Entry &entry(std::uint64_t position) const noexcept { return ring_[position & (entries_ - 1)]; }
    [[nodiscard]] std::uint64_t had_by(NodeId node) const noexcept;
    void append(const Entry &entry) noexcept;
    void compact() noexcept;
    [[nodiscard]] bool is_superseded(const Entry &entry, std::uint64_t moved_to) noexcept;
    void collapse() noexcept;
    void adopt_run(const NoticeRun &run) noexcept;
    void take_time_over(const NoticeRun &run) noexcept;

    Shared *shared_;
    Interval *known_;    ///< the vector time
    Interval *unlisted_; ///< N6
    Peer *peers_;
    Entry *ring_;
    std::uint32_t *latest_; ///< while compacting: by hash of writer and run, where its last entry is, + 1
    std::size_t entries_;
    NodeId self_;
    std::uint16_t node_count_;
    NoticeMutation mutation_;
    Entering entering_{};
    bool has_no_room_ = false; ///< what is being entered will end in a collapse
};

} // namespace dsm::protocol
