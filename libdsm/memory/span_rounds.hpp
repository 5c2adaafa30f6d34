// The two rounds by which a span ends at every node, along the tree of look-ups (span_lookups.hpp): a pure machine,
// which the runtime and the simulation carry out. "Member" is a place in the tree: a node; with one node a rank.
//
//   root --Forget--> its children --Forget--> theirs ...      each drops record, rights and state itself, too
//   root <--report-- its children <--report-- theirs          when all below have done so
//   root --Punch---> ... the same for the frames; then the addresses are free
//
// The frames go in a second round: until every member has forgotten the span, one may still be copying into another's
// frame. Rules:
//
//   A1  a member carries out each order once, and reports once, when it and all below it have done so
//   A2  the root orders frames away when all have forgotten, and ends the span when all frames are gone
//   A5  the order goes down first, and the record goes before anything else: no look-up is answered from it any more
//
// Large spans are dropped slice by slice: a member sends itself the rest of its order.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/span_record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <type_traits>

namespace dsm::memory {

enum class SpanStep : std::uint8_t { Forget, Punch };

/// A span, or the tail of one that became shorter, on its way out. Travels in messages.
struct SpanDrop {
    SpanRecord record;
    SpanRecord head;           ///< what stays of the span; chunk_count 0: nothing
    std::uint32_t done_chunks; ///< dropped already at this member in this step
    std::uint32_t reserved;
    Nanoseconds since_ns; ///< when this member began with the step; 0: it has not
};
static_assert(std::is_trivially_copyable_v<SpanDrop> && sizeof(SpanDrop) == 96);

/// Bugs planted for the tests; None in every program.
enum class SpanRoundMutation : std::uint8_t {
    None,
    ReportsBeforeChildren,
    ChildForgotten,
    PunchesAtOnce, ///< a member's frames go when that member has forgotten
    EndsWhenForgotten,
};

/// What a step wants done, at once. Implementations must not throw.
class SpanRoundEffects {
public:
    virtual ~SpanRoundEffects() = default;
    /// Sends an order to a child, or to the member itself: what comes later.
    virtual void order(std::uint32_t to, SpanStep step, const SpanDrop &drop) = 0;
    /// Sends a report to the parent.
    virtual void report(std::uint32_t to, SpanStep step, const SpanRecord &record) = 0;
    /// A step begins here: sets since_ns to something but 0. In Forget the member's record of the span goes, or is cut
    /// to the head (A5).
    virtual void begin(SpanStep step, SpanDrop &drop) = 0;
    /// Does a slice of the member's own work, and counts it in the drop. True when nothing is left to do.
    virtual bool carry_out(SpanStep step, SpanDrop &drop) = 0;
    /// At the root: nobody has anything of the span.
    virtual void end(const SpanRecord &record) = 0;
};

/// One member's part in the ends of all spans. Stepped by one thread at a time.
class SpanRounds {
public:
    SpanRounds(std::uint32_t self, std::uint32_t member_count, SpanRoundMutation mutation = SpanRoundMutation::None)
        : self_(self), member_count_(member_count), mutation_(mutation) {}

    /// From the parent, or from this member itself for the rest of its work; at the root, to begin the end of a span.
    void on_order(SpanStep step, SpanDrop drop, SpanRoundEffects &effects);
    /// From a child.
    void on_report(SpanStep step, const SpanRecord &record, SpanRoundEffects &effects);
    /// Spans of which this member still has to report.
    std::size_t under_way() const { return reports_left_.size(); }

private:
    void begin(SpanStep step, SpanDrop &drop, SpanRoundEffects &effects);
    void end_step(SpanStep step, const SpanRecord &record, SpanRoundEffects &effects);
    bool planted(SpanRoundMutation mutation) const { return mutation_ == mutation; }

    std::uint32_t self_;
    std::uint32_t member_count_;
    SpanRoundMutation mutation_;
    /// First chunk of a span on its way out -> reports that are missing in this step, the member's own among them.
    std::map<std::uint32_t, std::uint32_t> reports_left_;
};

} // namespace dsm::memory
