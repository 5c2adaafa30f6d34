// A simulated job whose threads allocate spans, tell others, find, resize and free them and allocate again at once,
// over the shipped directory, caches, look-ups and rounds (libdsm/memory/span_*.hpp). What nodes have of a span besides
// its record is modelled: rights and state of its chunks, frames, and copies that are being made into another's frames.
//
// What must hold, after every step (A1, A2, A5 are of span_rounds.hpp):
//   - addresses are given out once, and only when no node knows the span that stood there, has state or frames of it,
//   or
//     is copying into a frame of it (A4)
//   - what a node knows or finds is a span that has not ended, and that the node has not forgotten
//   - who was told of a span finds it, with the bytes that it has
//   - at the end nothing is left anywhere, and the free addresses are one piece
#pragma once

#include "libdsm/memory/span_cache.hpp"
#include "libdsm/memory/span_directory.hpp"
#include "libdsm/memory/span_lookups.hpp"
#include "libdsm/memory/span_rounds.hpp"
#include "tests/simulation/scheduled_job.hpp"

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace dsm::alloc_test {

using memory::ChunkId;
using memory::SegmentOffset;
using memory::SpanDrop;
using memory::SpanRecord;
using memory::SpanStep;
using protocol_test::Random;
using sync_test::fail;
using sync_test::Nothing;
using sync_test::Task;

/// Bugs of the rounds and the look-ups, and of what the world does as the runtime does it.
enum class AllocMutation : std::uint8_t {
    None,
    ReportsBeforeChildren,
    ChildForgotten,
    PunchesAtOnce,
    EndsWhenForgotten,
    NoSpanForLateAskers,
    StaleTrusted,        ///< a record that the cache refuses is used all the same (U3)
    UnknownNotForgotten, ///< who does not know a span need not remember that it is gone: a late answer is kept
    TailEndsAtOnce,      ///< what was cut off is given out again without rounds
    FreedTwice,          ///< a second free begins the rounds anew
};

struct AllocCounts {
    std::uint64_t steps, messages, grants, heap_chunks, waited, finds, on_the_way, stale, no_span, frees, freed_twice,
        grown, cut, touches, copies, slices, relays, pauses;
};

struct AllocWorldOptions {
    unsigned nodes;
    unsigned threads;
    unsigned chunks;
    unsigned operations;
    AllocMutation mutation;
    bool traces;
};

/// Zeroed memory for one of the tables.
class TableMemory {
public:
    explicit TableMemory(std::size_t bytes);
    std::byte *base() const { return base_.get(); }

private:
    struct Free {
        void operator()(std::byte *base) const { std::free(base); }
    };
    std::unique_ptr<std::byte, Free> base_;
};

class AllocWorld : private sync_test::ScheduledJob<AllocCounts> {
public:
    AllocWorld(const AllocWorldOptions &options, std::uint64_t seed);
    /// Runs the job to its end, with checks after every step.
    AllocCounts run();

private:
    /// As the runtime's calls of the same names (runtime/spans.hpp); Answer is to a thread.
    enum class Kind : std::uint8_t {
        AllocateSpan,
        ResizeSpan,
        FreeSpan,
        DropSpan,
        FindSpan,
        LookupSpan,
        AskSpan,
        SpanFound,
        Order,
        Report,
        Touch, ///< to a page's home, which need not know the span
        Answer
    };
    struct Packet {
        Kind kind;
        unsigned from;
        unsigned to;
        std::uint64_t not_before = 0; ///< a step
        unsigned thread = 0;          ///< who calls
        ChunkId chunk{};
        bool is_good = false; ///< Answer, SpanFound
        SpanRecord record{};
        memory::SpanAttributes wanted{}; ///< AllocateSpan; ResizeSpan: the bytes
        SpanStep step{};
        SpanDrop drop{};
    };
    struct Thread : sync_test::ScheduledThread {
        Packet answer{};
    };
    class Node;
    /// A copy into another node's frame that is being made.
    struct Copy {
        unsigned from;
        unsigned to;
        unsigned chunk;
        std::uint32_t generation;
    };
    /// What the program knows of a block.
    struct Block {
        ChunkId first;
        std::uint64_t bytes;
        std::uint32_t generation;
        memory::SpanKind kind;
        unsigned node;      ///< who allocated it
        unsigned users = 0; ///< threads that use it
        bool is_changing = false;
    };
    struct Waiting {
        unsigned thread;
        memory::SpanAttributes wanted;
    };
    using Found = std::optional<SpanRecord>;

    // What threads do (alloc_programs.cpp).
    Task<> live(unsigned thread);
    Task<> allocate(unsigned thread);
    Task<> use(unsigned thread, std::shared_ptr<Block> block);
    Task<> resize(unsigned thread, std::shared_ptr<Block> block);
    Task<> free(unsigned thread, std::shared_ptr<Block> block);
    Task<> look_anywhere(unsigned thread);
    Task<> touch(unsigned thread, ChunkId chunk, SpanRecord record);
    Task<Packet> call(unsigned thread, Packet packet);
    Task<Found> find(unsigned thread, SegmentOffset offset);
    Task<Found> ask_tree(unsigned thread, ChunkId chunk);
    Task<Found> ask_directory(unsigned thread, ChunkId chunk);
    std::shared_ptr<Block> pick(bool alone);

    // What nodes do, as runtime/spans.cpp.
    bool insert_found(unsigned node, const SpanRecord &record);
    void allocate_for(unsigned thread, const memory::SpanAttributes &wanted);
    void resize_for(const Packet &packet);
    bool begin_end(const SpanRecord &record);
    bool free_here(const SpanRecord &record);
    void forget_everywhere(const SpanDrop &drop);
    void finish(const SpanRecord &record);
    void answer(unsigned thread, bool is_good, const SpanRecord &record);

    // Network and scheduler.
    void post(const Packet &packet);
    bool deliver_one();
    void deliver(const Packet &packet);
    bool run_thread();
    bool copy_some();
    void begin_copy();
    void drain();
    bool is_over() const;
    bool is_paused(unsigned node) const { return paused_until_[node] > counts_.steps; }

    // What must hold (alloc_oracle.cpp).
    void check_granted(ChunkId first, std::uint32_t count, std::uint32_t generation);
    void check_ended(const SpanRecord &record);
    void check_clean(unsigned chunk) const;
    void check_node(unsigned node) const;
    void check_block(const Block &block) const;
    void check_end();

    bool planted(AllocMutation mutation) const { return options_.mutation == mutation; }

    AllocWorldOptions options_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::uint64_t> paused_until_; ///< a step, by node
    std::vector<Thread> threads_;
    sync_test::Lives lives_;
    std::vector<Packet> packets_;
    std::vector<Copy> copies_;
    std::vector<std::shared_ptr<Block>> blocks_;
    // At the directory's node.
    TableMemory directory_memory_;
    memory::SpanDirectory directory_;
    std::set<std::uint32_t> ending_;
    std::deque<Waiting> waiting_;
    /// The generation that has a chunk, from its grant to its end; 0: free.
    std::vector<std::uint32_t> owner_;
    unsigned copy_steps_; ///< a copy goes on once in so many steps
};

/// One node: the shipped machines and what the model adds.
class AllocWorld::Node final : public memory::SpanLookupEffects, public memory::SpanRoundEffects {
public:
    Node(AllocWorld &world, unsigned number);

    std::optional<SpanRecord> known(ChunkId chunk) override { return cache.lookup(chunk); }
    void ask_parent(ChunkId chunk) override;
    void answer(const memory::SpanAsker &asker, ChunkId chunk, const std::optional<SpanRecord> &record) override;
    void order(std::uint32_t to, SpanStep step, const SpanDrop &drop) override;
    void report(std::uint32_t to, SpanStep step, const SpanRecord &record) override;
    void begin(SpanStep step, SpanDrop &drop) override;
    bool carry_out(SpanStep step, SpanDrop &drop) override;
    void end(const SpanRecord &record) override;
    /// The node gets rights and a frame of a chunk.
    void get(unsigned chunk, std::uint32_t generation);
    bool is_copying(unsigned chunk) const;

    AllocWorld &world;
    unsigned number;
    TableMemory cache_memory;
    memory::SpanCache cache;
    memory::SpanLookups lookups;
    memory::SpanRounds rounds;
    // By chunk: of which generation; 0: none.
    std::vector<std::uint32_t> state;
    std::vector<std::uint32_t> frames;
    std::vector<std::uint32_t> forgotten; ///< the last that this node was told to forget
    std::vector<std::uint32_t> punched;   ///< the last whose frame went
};

} // namespace dsm::alloc_test
