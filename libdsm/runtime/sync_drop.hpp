// Freed memory leaves no state behind: before a block can be handed out again, every node drops the entries of the
// synchronisation objects that stood in it. See docs/decisions/0012-dropping-with-notes.md.
//
// Most blocks hold no such object, and freeing them costs nothing. What tells them apart are notes, one per page of
// small blocks, kept by the node that owns the heap chunk (the *keeper*, who takes part in every free anyway):
//
//   first use:  user --NoteObjects--> keeper --answer--> user, who remembers it; once per node and page
//   free:       if the page is noted: a round through all nodes, which finds when the objects are settled, and drops
//               them (sync/drop_rounds.hpp); then the block is free
//   spans:      every node is told of their end in two rounds anyway (spans.hpp): the same two steps, and no notes
//
// D1 A node that remembers a page's note has it noted at the keeper: a note is taken back only after a round in which
//    every node has first forgotten the note, and later reported the page empty, and if it was not renewed since the
//    round began.
// D2 So a block whose page is not noted has no entry at any node but its keeper, where atomics have their home.
// D3 The first step finds when no message about the objects is under way: a lock's Request of a thread that has given
//    up, a barrier that is still letting threads go. Only the use of freed memory could make new ones.
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/sync/drop_rounds.hpp"

#include <cstdint>
#include <functional>
#include <map>

namespace dsm::rt {

class SyncDrops final : public CallHandler, private sync::DropEffects {
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
    /// Who waits for a round of this node's.
    struct Waiting {
        Nanoseconds since_ns;
        std::function<void()> then;
    };
    void ask(NodeId to, const sync::DropRequest &request) override;
    void answer(NodeId to, const sync::DropAnswer &answer) override;
    bool look(const sync::DropRange &range) override;
    bool forget(const sync::DropRange &range) override;
    bool drop(const sync::DropRange &range) override;
    std::uint32_t last_note() override { return table_.last_note(); }
    void take_back_notes(const sync::DropRange &range, std::uint32_t last) override;
    bool is_out_of_patience(std::uint32_t number) override;
    void finish(std::uint32_t number) override;

    void note_slowly(LockId id);
    SyncRange range_of(memory::SegmentOffset block, std::size_t kept);
    void drop_block(memory::SegmentOffset block, std::size_t kept);
    void begin(const SyncRange &range, std::function<void()> then);

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    SpanFinder &finder_;
    SyncTable &table_;
    const bool solo_;
    sync::DropRounds rounds_;                  ///< driver of the node's first rank only, as the next two
    std::map<std::uint32_t, Waiting> waiting_; ///< by the number of the round
    std::uint32_t next_round_ = 0;
};

} // namespace dsm::rt
