// A simulated job whose threads use synchronisation objects and free the memory that they stand in, around the shipped
// rounds and notes of libdsm/sync/drop_rounds.hpp. Objects are modelled by what matters here: entries at nodes, and
// messages that are under way for them. The nodes' tables are modelled, too (runtime/sync_table.hpp has the real ones).
#pragma once

#include "libdsm/sync/drop_rounds.hpp"
#include "tests/simulation/scheduled_job.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dsm::sync_test {

using dsm::sync::DropAnswer;
using dsm::sync::DropMutation;
using dsm::sync::DropRange;
using dsm::sync::DropRequest;
using dsm::sync::DropRounds;
using protocol_test::Random;

struct DropCounts {
    std::uint64_t steps, messages, frees, rounds, looks_again, dropped, notes, notes_taken_back, notes_kept, renewed,
        atomics_alone, wanders, relays;
};

struct DropWorldOptions {
    unsigned nodes;
    unsigned threads;
    unsigned pages;
    unsigned blocks_per_page;
    std::uint16_t fan_out;
    unsigned operations;
    DropMutation mutation;
    bool traces;
};

class DropWorld : private ScheduledJob<DropCounts> {
public:
    DropWorld(const DropWorldOptions &options, std::uint64_t seed);
    /// Runs the job to its end, with checks after every step.
    DropCounts run();

private:
    friend class DropNodeEffects;

    /// Messages: of the notes, of the rounds, and of objects.
    enum class Kind : std::uint8_t { Note, NoteAnswer, Free, Request, Answer, Use, UseAnswer, Wander, ComeHome };
    struct Packet {
        Kind kind;
        unsigned to;
        std::uint64_t not_before = 0; ///< a step
        unsigned thread = 0;          ///< who made it: all but Free and those of rounds
        unsigned block = 0;           ///< all but those of rounds
        unsigned hops = 0;            ///< Wander: how many nodes it visits besides
        DropRequest request{};
        DropAnswer answer{};
    };
    struct Node {
        DropRounds rounds;
        std::vector<bool> known{};              ///< by page: this node has had it noted
        std::vector<std::uint32_t> note{};      ///< by page, at its keeper: note_word()
        std::map<unsigned, unsigned> entries{}; ///< by block: messages of this node's making that are under way
        unsigned asking = 0;                    ///< threads that ask for a note
        std::uint32_t notes = 0;
        std::uint32_t next_round = 0;
        std::map<std::uint32_t, unsigned> freeing{}; ///< blocks, by round
    };
    enum class BlockState : std::uint8_t { Free, Live, Freeing };
    struct Block {
        BlockState state = BlockState::Free;
        unsigned users = 0;          ///< threads in a call on its object
        unsigned moving = 0;         ///< messages under way for its object
        std::vector<unsigned> drops; ///< of the round under way, by node (D4)
    };
    Task<> live(unsigned thread);
    Task<> use(unsigned thread, unsigned block);
    Task<> operate(unsigned thread, unsigned block);
    Task<> note(unsigned thread, unsigned page);
    void free(unsigned node, unsigned block);
    void allocate(unsigned block);
    void drain();

    void post(const Packet &packet);
    bool deliver_one();
    bool run_thread();
    void deliver(const Packet &packet);
    void keep_note(unsigned node, unsigned page);
    void free_at_keeper(unsigned block);
    void freed(unsigned block);
    bool forget_known(unsigned node, unsigned block);
    bool is_empty(unsigned node, unsigned page) const;
    void check() const;
    void check_freed(unsigned block) const;
    void check_dropping(unsigned node, unsigned block);
    void check_end();

    unsigned page_of(unsigned block) const { return block / options_.blocks_per_page; }
    unsigned keeper_of(unsigned page) const { return page % options_.nodes; }
    DropRange range_of(unsigned block) const { return {block * 64ULL, block * 64ULL + 64}; }
    unsigned block_of(const DropRange &range) const { return static_cast<unsigned>(range.begin / 64); }
    bool is_noted(unsigned page) const { return sync::is_noted(nodes_[keeper_of(page)].note[page]); }

    DropWorldOptions options_;
    std::vector<Node> nodes_;
    std::vector<ScheduledThread> threads_;
    std::vector<Block> blocks_;
    std::vector<Packet> packets_;
    Lives lives_;
};

} // namespace dsm::sync_test
