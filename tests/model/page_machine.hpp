// The shipped page protocol as an explorer steps it: one node's view of one page is a Cell, a message a Letter, both
// known by numbers, and a step is looked up once it has been done.
//
// What is left out of a cell, so that states that behave alike are equal: times, the page's bytes (a Value stands for
// them), and versions other than "the current one" (0) and "an older one" (old_version). The protocol only compares
// versions for equality with the owner's; PageModel checks in every state that owners and grants have the current one.
#pragma once

#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "tests/model/interned.hpp"
#include "tests/model/transition_table.hpp"

#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace dsm::model {

constexpr unsigned job_nodes_max = 4;
constexpr std::uint32_t old_version = 0x80000000;

/// What the bytes of a frame or message are worth, compared with the last write to the page.
enum class Value : std::uint8_t { None, Zero, Current, Old };

struct Cell {
    protocol::PageState state;
    std::uint8_t node;
    std::uint8_t home;
    Value value;        ///< of the frame; None: there is no frame
    std::uint8_t timer; ///< 1: on_timer() has been asked for and has not come
    std::uint32_t reserved;
};

struct Letter {
    std::array<std::byte, protocol::page_record_bytes> record; ///< as it travels, without the set of nodes
    std::uint16_t to;
    std::uint8_t nodes; ///< the set of nodes, one bit each
    Value value;        ///< of the bytes beside it
    std::uint32_t reserved;
};

enum class CellEvent : std::uint8_t {
    Deliver,
    FaultRead,
    FaultWrite,
    PrefetchRead,
    Accessed,
    Timer,
    Evict,
    Free,
    PinRead,
    PinWrite,
    Unpin,
    Loaded,
    Clean,
    Write, ///< not the protocol's: a thread stores into the mapped frame
};

/// What the checks and the scheduler need of a cell, worked out once.
struct CellView {
    protocol::PageState state;
    std::uint8_t copyset; ///< bits of nodes
    Value value;
    bool is_initialised, owns, is_zero, has_deferred, is_freeing, is_in_file, timer;
    bool is_quiet;      ///< nothing pending, deferred, relayed
    bool holds_frame;   ///< an eviction means something
    bool is_slow_timer; ///< a timer now would go on without the thread that waits (Stay::AwaitingAccess)
    bool asks_file;     ///< the home waits for its file
};

struct LetterView {
    protocol::PageMessageKind kind;
    std::uint8_t from, to, origin;
    protocol::Contents contents;
    bool own_only, has_current_version;
};

constexpr unsigned sends_max = 8;

/// Whether messages of the kind say a version that anybody looks at.
inline bool says_version(protocol::PageMessageKind kind) {
    return kind == protocol::PageMessageKind::ReadReply || kind == protocol::PageMessageKind::WriteRequest ||
           kind == protocol::PageMessageKind::Grant;
}

/// What a step of a cell does; the same whenever the same event meets the same cell.
struct CellStep {
    std::uint32_t from, to; ///< cells
    CellEvent event;
    std::uint16_t letter; ///< Deliver
    std::uint8_t sends_count;
    std::array<std::uint16_t, sends_max> sends;
    bool wakes;                       ///< threads that wait for the page must look again
    bool is_freed;                    ///< a free has come to its end
    bool succeeds;                    ///< Evict: not refused; PinRead, PinWrite: pinned
    bool makes_newer;                 ///< the page has a new version: all others are older now
    TableCell place;                  ///< in the table of docs/protocol.md
    Handling handling;                ///< what became of the event there
    std::uint32_t invariants_checked; ///< bit i: S<i>
    const char *failure;
};

struct PageRules {
    unsigned nodes = 2;
    bool first_touch = false;
    bool in_file = false;
    protocol::SequentialLimits limits;
    protocol::Mutation mutation = protocol::Mutation::None;
};

class PageMachine {
public:
    explicit PageMachine(const PageRules &rules);

    std::uint32_t first_cell(unsigned node, unsigned home);
    /// The number of a step, for step_at().
    std::uint32_t step(std::uint32_t cell, CellEvent event, std::uint32_t letter = 0);
    const CellStep &step_at(std::uint32_t number) const { return steps_[number]; }
    std::uint32_t steps_end() const { return steps_used_.load(std::memory_order_relaxed); }

    const CellView &view(std::uint32_t cell) const { return cell_views_[cell]; }
    const LetterView &letter_view(std::uint32_t letter) const { return letter_views_[letter]; }
    const Cell &cell(std::uint32_t number) const { return cells_.at(number); }
    protocol::PageMessage message(std::uint32_t letter) const; ///< without its nodes
    std::uint8_t nodes_of(std::uint32_t letter) const { return letters_.at(letter).nodes; }

    /// The same cell or letter after another node's view of the page has become newer.
    std::uint32_t with_older_version(std::uint32_t cell);
    std::uint32_t with_older_value(std::uint32_t cell);
    std::uint32_t letter_with_older_version(std::uint32_t letter);
    std::uint32_t letter_with_older_value(std::uint32_t letter);
    using Names = std::array<std::uint8_t, job_nodes_max>;
    /// The same with nodes renamed; `index` numbers the renaming and goes from 0 up.
    std::uint32_t renamed(std::uint32_t cell, unsigned index, const Names &names);
    std::uint32_t letter_renamed(std::uint32_t letter, unsigned index, const Names &names);

    /// Where in the table of docs/protocol.md a cell stands.
    TableColumn column_of(const Cell &cell) const;
    std::uint32_t cells_end() const { return cells_.end(); }
    std::uint32_t letters_end() const { return letters_.end(); }

private:
    class Effects;
    struct PoolLine {
        alignas(64) std::array<std::byte, 64> bytes;
    };
    CellStep compute(std::uint32_t from, CellEvent event, std::uint32_t letter);
    bool run(Cell &cell, CellEvent event, std::uint32_t letter, Effects &effects);
    void normalise_versions(Cell &cell, Effects &effects, CellStep &result);
    void classify(const Cell &before, const Cell &after, CellStep &result) const;
    std::pair<TableRow, bool> row_of_message(const Cell &after, std::uint32_t letter) const;
    bool is_in_file(const Cell &cell) const;
    std::uint32_t number_of(const Cell &cell);
    CellView view_of(const Cell &cell) const;
    std::uint32_t number_of(const Letter &letter);
    Letter letter_of(const protocol::PageMessage &message, unsigned to, Value value) const;
    template <class Make> std::uint32_t remembered(std::uint64_t key, Make make);

    PageRules rules_;
    std::vector<PoolLine> pool_lines_;
    protocol::SetPool pool_;
    InternTable<Cell> cells_;
    InternTable<Letter> letters_;
    std::unique_ptr<CellView[]> cell_views_;
    std::unique_ptr<LetterView[]> letter_views_;
    std::unique_ptr<CellStep[]> steps_;
    std::atomic<std::uint32_t> steps_used_ = 1;
    MemoTable step_numbers_;
    MemoTable others_; ///< with older versions or values, renamed
};

} // namespace dsm::model
