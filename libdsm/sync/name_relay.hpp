// A rank between those who await a name and the rank that keeps it. Who awaits a name asks along a tree of ranks that
// has the keeper at its root; a rank on the way asks once for all who have come to it, and passes the answer on. A pure
// machine, towards those below the same as NameTable, towards the one above an asker like any other.
//
//   asker                          relay                           its parent, a relay or the keeper
//     | -- Await -------------------> | -- Await -------------------> |
//     | <------------------- Noted -- | <------------------- Noted -- |
//     | -- Withdraw ----------------> | -- Withdraw, if nobody is left to wait
//     | <------------------ Answer -- | <------------------ Answer -- |
//
// N1 to N3 of name_table.hpp hold on both sides. N7: an answer is for those alone who had come before the question for
// it was sent, so that a name which was taken back and published anew is not found as it was before; for later ones the
// question is asked again, once for all of them.
#pragma once

#include "libdsm/sync/name_table.hpp"

#include <vector>

namespace dsm::sync {

class NameRelayEffects : public NameEffects {
public:
    /// Sends to the parent of this rank in the tree of the name's keeper.
    virtual void ask_above(const NameRequest &request, std::string_view name) = 0;
};

/// The number in the tickets of all relays' questions; threads' inquiries have others.
constexpr std::uint32_t relay_inquiry = 0xffffffff;

/// Wider than trees of nodes: most names are awaited by few, and each level costs them a round trip.
constexpr std::uint32_t name_tree_fan_out = 16;

/// Whom a rank asks about a name; not for the keeper itself.
constexpr Rank name_tree_parent(Rank rank, Rank keeper, int rank_count) {
    const std::int32_t place = (rank.value - keeper.value + rank_count) % rank_count;
    const std::int32_t parent = (place - 1) / static_cast<std::int32_t>(name_tree_fan_out);
    return Rank{(keeper.value + parent) % rank_count};
}

/// A bug planted for the tests; None in every program.
enum class NameRelayMutation : std::uint8_t { None, OldAnswerForLateAskers };

/// The questions of one rank about names that others keep. Stepped by one thread at a time.
class NameRelay {
public:
    explicit NameRelay(Rank self, NameRelayMutation mutation = NameRelayMutation::None)
        : self_(self), mutation_(mutation) {}

    /// Await or Withdraw, of a thread of this rank or of a child in the tree.
    void step(const NameRequest &request, std::string_view name, NameRelayEffects &effects);
    /// From above: a reply whose ticket has the number relay_inquiry.
    void on_reply(const NameReply &reply, NameRelayEffects &effects);

    std::size_t question_count() const { return questions_.size(); }

private:
    struct Question {
        std::uint32_t sequence = 0; ///< of its ticket
        bool is_noted = false;
        bool is_withdrawn = false;
        std::vector<NameTicket> askers; ///< who came before it was sent
        std::vector<NameTicket> late;   ///< who came after (N7)
    };
    void await(const NameTicket &ticket, std::string_view name, NameRelayEffects &effects);
    void withdraw(const NameTicket &ticket, std::string_view name, NameRelayEffects &effects);
    void withdraw_if_unwanted(Question &question, std::string_view name, NameRelayEffects &effects);
    void ask(NameRequestKind kind, const Question &question, std::string_view name, NameRelayEffects &effects) const;

    Rank self_;
    NameRelayMutation mutation_;
    std::uint32_t last_sequence_ = 0;
    std::unordered_map<std::string, Question> questions_;
    std::unordered_map<std::uint32_t, std::string> names_; ///< by the sequence of their questions
};

} // namespace dsm::sync
