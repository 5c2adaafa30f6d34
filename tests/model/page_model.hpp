// A small job of sequential memory for the search: nodes, pages, threads that read and write, and a network that
// delivers in any order. Pages meet only in their threads: a thread waits for one page at a time.
//
// A state is a row of numbers of fixed size. Two states are one if nodes that are no page's home, or pages together
// with their homes, have only changed names (where that is sound: see `symmetries_`), or threads of one node.
#pragma once

#include "tests/model/chart.hpp"
#include "tests/model/page_machine.hpp"
#include "tests/model/search.hpp"

#include <map>

namespace dsm::model {

constexpr unsigned job_pages_max = 2;
constexpr unsigned job_threads_max = 8;
constexpr unsigned job_letters_max = 32;

struct JobOptions {
    PageRules rules;
    unsigned pages = 1;
    std::array<unsigned, job_pages_max> homes{0, 0};
    unsigned threads_per_node = 1;
    unsigned accesses = 2;  ///< of each thread: reads and writes of any page, in every order
    unsigned evictions = 0; ///< of each node
    unsigned frees = 0;     ///< these and the following: in the whole job
    unsigned pins = 0;
    unsigned slow_wakes = 0; ///< how often a page may go on before its waiter has mapped it
    unsigned extras = 0;     ///< prefetches, and write access taken back by a write to the page's file
    bool has_symmetry = true;
};

struct JobState {
    std::array<std::uint32_t, job_pages_max * job_nodes_max> cells; ///< page after page
    std::array<std::uint16_t, job_letters_max> letters;             ///< page after page, sorted
    std::array<std::uint8_t, job_threads_max> threads;              ///< node after node, sorted; see Thread
    std::array<std::uint8_t, job_nodes_max> evictions_left;
    std::array<std::uint8_t, job_pages_max> letter_counts;
    std::array<std::uint8_t, job_pages_max> written; ///< 0: the last write is "zero"
    std::uint8_t frees_left, pins_left, slow_wakes_left, extras_left;
};

enum class Wish : std::uint8_t { None, Read, Write, PinRead, PinWrite };

/// A thread in one byte.
struct Thread {
    unsigned accesses_left; ///< 0 to 7
    Wish wish;
    unsigned page;
    bool is_woken;
};

enum class JobActionKind : std::uint8_t {
    StartRead,
    StartWrite,
    Continue,
    Deliver,
    Evict,
    Timer,
    Free,
    StartPinRead,
    StartPinWrite,
    Unpin,
    Load,
    Prefetch,
    Clean,
};
struct JobAction {
    JobActionKind kind;
    unsigned page;
    unsigned subject; ///< a node, or a thread (node * threads_per_node + i)
    unsigned place;   ///< Deliver: which letter of the page

    [[nodiscard]] std::uint32_t packed() const {
        return static_cast<unsigned>(kind) << 10 | page << 9 | subject << 5 | place;
    }
    static JobAction unpacked(std::uint32_t word) {
        return {static_cast<JobActionKind>(word >> 10), word >> 9 & 1U, word >> 5 & 15U, word & 31U};
    }
};

/// What one thread of the search has counted.
struct JobTally {
    std::vector<std::uint64_t> step_uses;       ///< by number of the step
    std::array<std::uint64_t, 16> invariants{}; ///< S<i>: how often it was checked
    std::array<std::uint64_t, 12> seen{};       ///< see Sight
    unsigned letters_most = 0;                  ///< under way for one page
    std::uint64_t stands_for = 0;               ///< states without symmetry (counts_orbits)

    void add(const JobTally &other);
};

class PageModel {
public:
    using State = JobState;
    using Tally = JobTally;

    explicit PageModel(const JobOptions &options);

    State initial();
    void actions(const State &state, ActionList &list) const;
    const char *apply(State &state, std::uint32_t action, Tally &tally);
    const char *check(const State &state, const ActionList &actions, Tally &tally);
    bool happens_by_itself(std::uint32_t action) const;
    bool is_quiet(const State &state) const;

    /// A counter-example as a message sequence chart.
    std::string chart(const std::vector<std::uint32_t> &path, bool runs_last);
    void count_table(const Tally &tally, TableCounts &counts) const;
    /// What must have been seen at least once, and how often it was.
    std::map<std::string, std::uint64_t> sights(const Tally &tally) const;
    void count_invariants(const Tally &tally, std::array<std::uint64_t, 16> &counts) const;
    PageMachine &machine() { return machine_; }
    bool counts_orbits = false; ///< also count how many states each one stands for

private:
    /// A renaming under which the job is the same.
    struct Symmetry {
        PageMachine::Names nodes;
        std::array<std::uint8_t, job_pages_max> pages;
        unsigned index; ///< of the renaming of nodes, for the machine
    };
    struct Step; // One application: the state, the tally, and the chart if one is drawn.

    static Thread thread_of(std::uint8_t byte);
    static std::uint8_t byte_of(const Thread &thread);
    std::uint32_t &cell(State &state, unsigned page, unsigned node) const {
        return state.cells[page * job_nodes_max + node];
    }
    const CellView &view(const State &state, unsigned page, unsigned node) const {
        return machine_.view(state.cells[page * job_nodes_max + node]);
    }
    static unsigned first_letter(const State &state, unsigned page) { return page == 0 ? 0 : state.letter_counts[0]; }

    void find_symmetries();
    void thread_actions(const State &state, unsigned thread, ActionList &list) const;
    void node_actions(const State &state, unsigned page, unsigned node, ActionList &list) const;
    bool step(Step &step, unsigned page, unsigned node, CellEvent event, std::uint32_t letter = 0);
    void run_action(Step &step, JobAction action);
    void start_or_go_on(Step &step, JobAction action);
    void finish_access(Step &step, unsigned node, Thread &thread);
    void try_pin(Step &step, unsigned index, Thread &thread);
    void deliver(Step &step, JobAction action);
    void send(Step &step, unsigned page, std::uint16_t letter);
    void wake(State &state, unsigned page, unsigned node) const;
    void make_older(State &state, unsigned page, unsigned but_node, bool is_value);
    unsigned make_canonical(State &state);
    State renamed(const State &state, const Symmetry &symmetry);
    void sort(State &state) const;
    void note_only(const Step &step, JobAction action) const;

    const char *check_owner(const State &state, unsigned page) const;
    const char *check_copies(const State &state, unsigned page) const;
    const char *check_hints(const State &state, unsigned page) const;
    const char *check_end(const State &state, const ActionList &actions) const;
    void look(const State &state, Tally &tally) const;
    unsigned orbit(const State &state);

    JobOptions options_;
    PageMachine machine_;
    std::vector<Symmetry> symmetries_; ///< the first one changes nothing
};

} // namespace dsm::model
