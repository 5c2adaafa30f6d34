// A small job of locks for the search: threads that lock, lock with a time limit, try, lock again and unlock, over the
// shipped lock machine, and a network that delivers in any order. A thread that holds lock 0 may take lock 1.
#pragma once

#include "tests/model/chart.hpp"
#include "tests/model/lock_machine.hpp"
#include "tests/model/search.hpp"

#include <map>

namespace dsm::model {

constexpr unsigned lock_letters_max = 24;

struct LockJobOptions {
    LockRules rules;
    unsigned timed = 0;   ///< how many locks of the job may have a time limit
    unsigned tries = 0;   ///< how many tries there are
    unsigned relocks = 0; ///< how often a holder locks again
};

struct LockJobState {
    std::array<std::uint32_t, lock_nodes_max> nodes;
    std::array<std::uint16_t, lock_letters_max> letters; ///< sorted
    std::uint8_t letter_count;
    std::uint8_t timed_left, tries_left, relocks_left;
};

struct LockAction {
    LockNodeEvent event;
    unsigned node;
    unsigned thread;
    unsigned lock;
    unsigned place; ///< Deliver: which letter

    [[nodiscard]] std::uint32_t packed() const {
        return static_cast<unsigned>(event) << 10 | node << 7 | thread << 6 | lock << 5 | place;
    }
    static LockAction unpacked(std::uint32_t word) {
        return {static_cast<LockNodeEvent>(word >> 10), word >> 7 & 7U, word >> 6 & 1U, word >> 5 & 1U, word & 31U};
    }
};

struct LockTally {
    std::vector<std::uint64_t> step_uses;
    std::array<std::uint64_t, 16> invariants{}; ///< L<i>
    unsigned letters_most = 0;
    void add(const LockTally &other);
};

class LockModel {
public:
    using State = LockJobState;
    using Tally = LockTally;

    explicit LockModel(const LockJobOptions &options) : options_(options), machine_(options.rules) {}

    State initial();
    void actions(const State &state, ActionList &list) const;
    const char *apply(State &state, std::uint32_t action, Tally &tally);
    const char *check(const State &state, const ActionList &actions, Tally &tally) const;
    bool happens_by_itself(std::uint32_t action) const;
    bool is_quiet(const State &state) const;
    std::string chart(const std::vector<std::uint32_t> &path, bool runs_last);
    std::map<std::string, std::uint64_t> sights(const Tally &tally) const;

private:
    const LockNode &node(const State &state, unsigned index) const { return machine_.node(state.nodes[index]); }
    const char *step(State &state, LockAction action, std::uint32_t letter, Tally &tally, Chart *chart);
    const char *run(State &state, LockAction action, Tally &tally, Chart *chart);
    void thread_actions(const State &state, unsigned index, unsigned thread, ActionList &list) const;
    unsigned letters_of(const State &state, sync::LockMessageKind kind, unsigned lock) const;
    bool is_in_use(const State &state, unsigned lock) const;
    void note_uses(State &state, Tally &tally);
    const char *check_lock(const State &state, unsigned lock) const;
    const char *check_node(const State &state, unsigned index, unsigned lock) const;
    const char *check_loans(const State &state, unsigned lock) const;
    const char *check_ahead(const State &state, unsigned lock) const;
    const char *check_hints(const State &state, unsigned lock) const;
    unsigned home(unsigned lock) const { return lock % options_.rules.nodes; }

    LockJobOptions options_;
    LockMachine machine_;
};

} // namespace dsm::model
