// A litmus test in every order of delivery and of local steps, over the shipped machines.
//
// Depth first; a state that was met before is not visited again, known by a hash of 64 bits (of ten million states two
// share one with a probability of 3 in a million). Every run ends, so the set of outcomes is exact when the search is
// complete.
#pragma once

#include "tests/litmus/placement.hpp"
#include "tests/litmus/reference.hpp"
#include "tests/litmus/world.hpp"

#include <map>

namespace dsm::litmus {

struct ExhaustiveOptions {
    Placement placement = Placement::Pages;
    Start start = Start::Cold;
    unsigned evictions = 0;  ///< in all, of any page at any node at any time
    unsigned slow_wakes = 0; ///< how often a page may go on before its waiter has mapped it
    std::uint16_t fan_out = 1;
    bool has_reader_tree = false; ///< readers fetch from earlier readers, as in large jobs
    std::uint64_t states_max = 8'000'000;
    protocol::Mutation mutation = protocol::Mutation::None;
    sync::LockMutation lock_mutation = sync::LockMutation::None;
};

struct ExhaustiveResult {
    std::map<Outcome, std::uint64_t> outcomes; ///< and in how many final states
    std::uint64_t states = 0;
    std::uint64_t transitions = 0;
    bool is_complete = false;
    std::string failure; ///< what the first bad run came to; empty when there is none
    std::vector<std::string> counterexample;
};

/// Sets up pages as `start` says.
void begin(World &world, Start start);

class Exhaustive {
public:
    Exhaustive(const LitmusTest &test, const Reference &reference, const ExhaustiveOptions &options);
    ExhaustiveResult run();
    /// The way to the event that is being tried, without it: for a check that ends the program.
    [[nodiscard]] std::vector<std::string> path();

private:
    enum class ActionKind : std::uint8_t { Run, Deliver, Evict, Timer };
    struct Action {
        ActionKind kind;
        std::uint8_t subject; ///< thread, packet or node
        std::uint8_t page;
    };
    struct Frame {
        State state;
        std::vector<Action> actions;
        std::size_t next;
    };

    void set_up(World &world);
    [[nodiscard]] std::vector<Action> actions_of(World &world) const;
    void apply(World &world, Action action) const;
    void make_canonical(World &world) const;
    [[nodiscard]] std::uint64_t hash(const State &state) const;
    bool at_end(World &world);
    void fail(const std::string &what);

    const LitmusTest &test_;
    const Reference &reference_;
    ExhaustiveOptions options_;
    Setting setting_;
    SmallPool pool_;
    std::vector<Frame> stack_;
    bool is_trying_ = false; ///< the last action of the way may not come to its end
    ExhaustiveResult result_;
};

} // namespace dsm::litmus
