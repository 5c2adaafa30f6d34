// Freed memory leaves no state behind: before a block can be handed out again, every node drops the entries of the
// synchronisation objects that stood in it. See docs/decisions/0012-dropping-with-notes.md.
//
// Most blocks hold no such object, and freeing them costs nothing. What tells them apart are notes, one per page of
// small blocks, kept by the node that owns the heap chunk (the *keeper*, who takes part in every free anyway):
//
//   first use:  user --NoteObjects--> keeper --answer--> user, who remembers it; once per node and page
//   free:       if the page is noted: keeper --ObjectsRound (look)--> every node --answers--> keeper, again until all
//               are settled; then --ObjectsRound (drop)--> every node --answers--> keeper: the block is free
//   spans:      every node is told of their end in two rounds anyway (spans.hpp): the same two steps, and no notes
//
// D1 A node that remembers a page's note has it noted at the keeper: a note is taken back only after a round in which
//    every node has reported the page empty, having forgotten the note, and if it was not renewed since the round
//    began.
// D2 So a block whose page is not noted has no entry at any node but its keeper, where atomics have their home.
// D3 The first step finds when no message about the objects is under way: a lock's Request of a thread that has given
//    up, a barrier that is still letting threads go. Only the use of freed memory could make new ones.
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/node.hpp"

#include <cstdint>
#include <functional>
#include <map>

namespace dsm::rt {

class SyncDrops final : public CallHandler {
public:
    SyncDrops(Node &node, Engine &engine, Calls &calls, SpanFinder &finder);

    /// Has the object's page noted. Called before each use of an object and after it: in between, the note may have
    /// been taken back with another block of the page. Any thread that may wait.
    void note(LockId id) {
        if (!solo_ && !table_.is_known_here(memory::page_of(id.value))) { note_slowly(id); }
    }
    /// A block of this node's heap is about to be freed, or its bytes from `kept` on. Returns when nothing stands
    /// behind them any more. Any thread that may wait.
    void before_free(memory::SegmentOffset block, std::size_t kept = 0) {
        if (table_.maybe_used({block, block + 1})) { drop_block(block, kept); }
    }
    /// The same on the driver, which never waits: false when there is nothing to wait for; true when `then` will be
    /// called on the driver. On the node's first rank.
    bool before_free(memory::SegmentOffset block, std::function<void()> then);

    // -- For spans, on every node (D3); on the driver.
    /// False while it is worth asking again: since a moment of now_ns(), messages are under way.
    bool is_settled(const SyncRange &range, Nanoseconds since_ns);
    /// Drops what this node has, with a warning for what is in use.
    void drop_here(const SyncRange &range);
    /// As drop_here(), the addresses being no memory any more.
    void end_here(const SyncRange &range);

    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    enum class Step : std::uint32_t { Look, Drop };
    struct RoundRequest {
        SyncRange range;
        std::uint32_t number;
        Step step;
    };
    struct RoundAnswer {
        std::uint32_t number;
        std::uint32_t good; ///< Look: settled; Drop: the pages are empty
    };
    /// Of a block that is being freed, at its keeper's first rank; driver only.
    struct Round {
        SyncRange range;
        Step step;
        std::uint32_t answers_left;
        bool all_good;
        std::uint32_t last_note; ///< when the step began
        Nanoseconds since_ns;
        std::function<void()> then;
    };
    void note_slowly(LockId id);
    SyncRange range_of(memory::SegmentOffset block, std::size_t kept);
    void drop_block(memory::SegmentOffset block, std::size_t kept);
    void begin(const SyncRange &range, std::function<void()> then);
    void ask_all(std::uint32_t number, Round &round);
    bool take_step(const RoundRequest &request);
    void on_answer(const RoundAnswer &answer);
    Rank self() const { return node_.topology->self(); }

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    SpanFinder &finder_;
    SyncTable &table_;
    const bool solo_;
    std::map<std::uint32_t, Round> rounds_;
    std::uint32_t next_round_ = 0;
};

} // namespace dsm::rt
