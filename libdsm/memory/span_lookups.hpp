// Look-ups of spans at a node that has others below it in a tree: who asks for the same chunk meanwhile waits for one
// question to the node above, and all get its answer. A pure machine: the runtime and the simulation send.
//
//   thread, child --ask--> node --ask_parent--> ... --> the directory's node
//   thread, child <--answer-- node <--on_answer-- ...
//
// A combining tree (Yew, Tzeng and Lawrie, "Distributing Hot-Spot Addressing in Large-Scale Multiprocessors", IEEE
// Transactions on Computers 36(4), 1987). Rules:
//
//   U1  one question per chunk is under way from a node
//   U2  "no span" is an answer for those alone who asked before the question was sent: the span that a later asker has
//       been told of may be younger than that answer. They are asked for anew, together
//   U3  a record that is found holds for everybody, as any record that was under way for long: whoever gets one that
//       its own node refuses as stale asks the directory itself
#pragma once

#include "libdsm/memory/span_record.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace dsm::memory {

/// Who is to be answered: a call of a thread, or the node of a rank, for which the slot says nothing.
struct SpanAsker {
    Rank rank;
    std::uint16_t slot;
    bool is_node;
    friend bool operator==(const SpanAsker &, const SpanAsker &) = default;
};

class SpanLookupEffects {
public:
    virtual ~SpanLookupEffects() = default;
    /// What this node remembers of the chunk's span.
    virtual std::optional<SpanRecord> known(ChunkId chunk) = 0;
    virtual void ask_parent(ChunkId chunk) = 0;
    virtual void answer(const SpanAsker &asker, ChunkId chunk, const std::optional<SpanRecord> &record) = 0;
};

/// Nodes as a tree: the children of n are fan_out * n + 1 and on, as at the barrier of all nodes, whose connections it
/// shares.
constexpr std::uint32_t span_tree_fan_out = 4;
constexpr std::uint32_t span_tree_parent(std::uint32_t number) { return (number - 1) / span_tree_fan_out; }
constexpr std::uint32_t span_tree_first_child(std::uint32_t number) { return span_tree_fan_out * number + 1; }
/// Calls visit(number) for each child that the tree has.
template <class Visit> void for_each_span_tree_child(std::uint32_t number, std::uint32_t count, Visit visit) {
    const std::uint32_t first = span_tree_first_child(number);
    for (std::uint32_t child = first; child < count && child < first + span_tree_fan_out; ++child) { visit(child); }
}

/// A bug planted for the tests; None in every program.
enum class SpanLookupMutation : std::uint8_t { None, NoSpanForLateAskers };

/// At every node but the directory's. Stepped by one thread at a time.
class SpanLookups {
public:
    explicit SpanLookups(SpanLookupMutation mutation = SpanLookupMutation::None) : mutation_(mutation) {}
    void ask(ChunkId chunk, const SpanAsker &asker, SpanLookupEffects &effects);
    void on_answer(ChunkId chunk, const std::optional<SpanRecord> &record, SpanLookupEffects &effects);
    /// Chunks that are asked for now.
    std::size_t questions() const { return questions_.size(); }

private:
    struct Question {
        std::vector<SpanAsker> askers; ///< who asked before it was sent
        std::vector<SpanAsker> late;   ///< who came after (U2)
    };
    SpanLookupMutation mutation_;
    std::unordered_map<std::uint32_t, Question> questions_; ///< by chunk
};

} // namespace dsm::memory
