// Rounds through all nodes, by which the state of synchronisation objects is dropped when the memory that they stand in
// is freed, and the notes that tell which memory needs a round. Names D1 to D4 are those of docs/synchronisation.md,
// why it is done this way is in docs/decisions/0012 and 0019.
//
// A round has two steps: *look*, asked again until all nodes have found the objects settled, and *drop*. In the first
// all nodes forget that the pages are noted, in the second they report what the pages still have: so a use that comes
// between a node's two steps either is seen, or renews the note (D1, D2). Each step goes down a tree of the nodes with
// the keeper at its root, and comes back with answers merged, as invalidations of the sequential protocol do:
//
//   keeper --DropRequest--> its children --DropRequest--> theirs ...     each takes the step itself, too
//   keeper <--DropAnswer--- its children <--DropAnswer--- theirs         when all below have answered
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstdint>
#include <map>
#include <utility>

namespace dsm::sync {

enum class DropStep : std::uint32_t { Look, Drop };

/// A part of the segment, by offsets.
struct DropRange {
    std::uint64_t begin;
    std::uint64_t end;
};

struct DropRequest {
    DropRange range;
    std::uint32_t keeper; ///< a node: whose round it is
    std::uint32_t number; ///< of the round, at its keeper
    DropStep step;
    std::uint32_t reserved = 0;
};

struct DropAnswer {
    std::uint32_t keeper;
    std::uint32_t number;
    DropStep step;
    std::uint32_t good; ///< what all nodes below have in common, of the following
};

constexpr std::uint32_t drop_settled = 1;   ///< Look: nothing is under way for the objects (D3)
constexpr std::uint32_t drop_forgotten = 2; ///< Look: no node takes the pages for noted any more (D1)
constexpr std::uint32_t drop_empty = 4;     ///< Drop: the pages have no entries

/// Bugs planted for the tests; None in every product.
enum class DropMutation : std::uint8_t {
    None,
    RenewedNotesTakenBack,
    NotesTakenBackUnasked,
    UnsettledDropped,
    ForgottenLate,
    ChildForgotten,
    AnswersEarly,
    AnswersTwice
};

/// What a step wants done, at once. Implementations must not throw.
class DropEffects {
public:
    virtual ~DropEffects() = default;
    virtual void ask(NodeId to, const DropRequest &request) = 0;
    virtual void answer(NodeId to, const DropAnswer &answer) = 0;
    /// True when this node's entries of the range are settled (D3).
    virtual bool look(const DropRange &range) = 0;
    /// Forgets that the pages of the range are noted. False when one of them has entries beside the range, or a thread
    /// of this node is asking for a note: then it may go on to take them for noted.
    virtual bool forget(const DropRange &range) = 0;
    /// Deletes this node's entries of the range; true when its pages have none left.
    virtual bool drop(const DropRange &range) = 0;
    /// The keeper's notes: number of the youngest; takes back those of the range's pages that are not younger.
    virtual std::uint32_t last_note() = 0;
    virtual void take_back_notes(const DropRange &range, std::uint32_t last) = 0;
    /// The keeper's patience with what does not settle: somebody waits for an object in freed memory.
    virtual bool is_out_of_patience(std::uint32_t number) = 0;
    /// The round is over: no node has an entry of the range. May begin another.
    virtual void finish(std::uint32_t number) = 0;
};

/// One node's part in the rounds of all keepers.
class DropRounds {
public:
    static constexpr std::uint16_t default_fan_out = 8;
    DropRounds(NodeId self, std::uint16_t node_count, std::uint16_t fan_out = default_fan_out,
               DropMutation mutation = DropMutation::None) noexcept
        : self_(self), node_count_(node_count), fan_out_(fan_out), mutation_(mutation) {}

    /// Begins a round of this node's; DropEffects::finish() tells its number at the end, perhaps before this returns.
    void begin(std::uint32_t number, const DropRange &range, DropEffects &effects);
    /// From the parent in the tree of the request's keeper.
    void on_request(const DropRequest &request, DropEffects &effects);
    /// From a child.
    void on_answer(const DropAnswer &answer, DropEffects &effects);
    /// True when this node waits for no answer.
    bool idle() const noexcept { return parts_.empty(); }

private:
    /// A step that this node has asked its children to take.
    struct Part {
        DropRequest request;
        std::uint32_t answers_left; ///< of the children; not 0 between two events
        std::uint32_t good;         ///< of this node and of those that have answered
        bool all_forgotten;         ///< Drop, at the keeper: in the last look
        std::uint32_t last_note;    ///< at the keeper: when the last look began (D1)
    };
    using Key = std::pair<std::uint32_t, std::uint32_t>; ///< keeper, number

    void take(Part part, DropEffects &effects);
    std::uint32_t take_here(const DropRequest &request, DropEffects &effects);
    void end_step(const Part &part, DropEffects &effects);
    void end_step_of_keeper(const Part &part, DropEffects &effects);
    std::uint32_t place_of(std::uint32_t keeper) const noexcept;
    NodeId node_at(std::uint32_t keeper, std::uint32_t place) const noexcept;
    bool planted(DropMutation mutation) const noexcept { return mutation_ == mutation; }

    NodeId self_;
    std::uint16_t node_count_;
    std::uint16_t fan_out_;
    DropMutation mutation_;
    std::map<Key, Part> parts_;
};

/// A page's note at its keeper, in one word: number of the last note << 1 | noted. Numbers have 31 bits, and wrap.
constexpr std::uint32_t note_word(std::uint32_t number) noexcept { return (number << 1U) | 1U; }
constexpr bool is_noted(std::uint32_t note) noexcept { return (note & 1U) != 0; }
/// The word when notes up to `last` are taken back: a younger one stays.
constexpr std::uint32_t note_taken_back(std::uint32_t note, std::uint32_t last) noexcept {
    const std::uint32_t younger_by = (note & ~1U) - (last << 1U);
    return static_cast<std::int32_t>(younger_by) <= 0 ? note & ~1U : note;
}

} // namespace dsm::sync
