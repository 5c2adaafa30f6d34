// Every interleaving of a small job of sequential memory: one page, few nodes, few operations, messages in any order.
//
// Breadth first over the shipped state machine. A state is what the nodes hold, what is under way and what the threads
// still want; equal states are visited once. Values are reduced to "zero", "the last write" and "older".
#pragma once

#include "tests/simulation/protocol_world.hpp"

#include <deque>
#include <functional>
#include <unordered_map>

namespace dsm::protocol_test {

struct ExplorerOptions {
    unsigned nodes = 2;
    unsigned accesses_per_node = 3; ///< reads and writes, whichever, in every order
    unsigned evictions_per_node = 1;
    unsigned frees = 0;
    unsigned pins = 0;
    unsigned fan_out = 1;
    bool first_touch = false;
    bool in_file = false;
    bool has_residence = false; ///< a page that was mapped stays until a timer, which may come at any moment
    unsigned slow_wakes = 0;    ///< how often a page may go on before its waiter has mapped it (needs has_residence)
    std::uint64_t states_max = 20'000'000;
    protocol::Mutation mutation = protocol::Mutation::None;
};

enum class ActionKind : std::uint8_t {
    StartRead,
    StartWrite,
    Continue,
    Deliver,
    Evict,
    Timer,
    Free,
    PinForRead,
    PinForWrite,
    Unpin,
    Load
};
struct Action {
    ActionKind kind;
    std::uint8_t subject; ///< node, or place of the packet in the sorted network
};

struct ExplorerResult {
    std::string failure;
    std::vector<std::string> counterexample;
    std::uint64_t states = 0;
    std::uint64_t transitions = 0;
    bool is_complete = false;
    /// How many states had each of these: none of them may be 0, or the model is emptier than it looks.
    std::map<std::string, std::uint64_t> seen;
};

class Explorer {
public:
    explicit Explorer(const ExplorerOptions &options);
    ExplorerResult run();
    /// The way to the action that is being tried, as text: for a check that ends the program.
    std::vector<std::string> path_to_current();

private:
    struct Node {
        std::uint8_t accesses_left;
        std::uint8_t evictions_left;
        bool waits;
        Access wanted;
        bool is_pinning;   ///< what it waits for is a pin
        std::uint8_t pins; ///< held by threads of the node
    };
    struct Model {
        World world;
        std::vector<Node> nodes;
        std::uint8_t frees_left;
        std::uint8_t pins_left;
        std::uint8_t slow_wakes_left;
    };
    struct Step {
        std::uint32_t parent;
        Action action;
    };

    [[nodiscard]] Model initial();
    [[nodiscard]] std::vector<Action> actions_of(const Model &model) const;
    void apply(Model &model, Action action) const;
    void try_pin(Model &model, unsigned node) const;
    void finish_access(Model &model, unsigned node) const;
    void make_canonical(Model &model) const;
    [[nodiscard]] std::uint64_t hash(const Model &model) const;
    void check_end(Model &model, const std::vector<Action> &actions) const;
    void look(const Model &model);
    std::vector<std::string> replay(std::uint32_t parent, Action last, bool applies_last);
    static std::string text(Action action);

    ExplorerOptions options_;
    PoolMemory memory_;
    std::vector<Step> steps_; ///< how each state was first reached
    ExplorerResult result_;
    std::uint32_t current_parent_ = 0;
    Action current_action_{};
};

} // namespace dsm::protocol_test
