// The replay of one page of one allocation on all nodes.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "tests/trace/trace_check.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dsm::trace_test {

/// What is known about a node's traces.
struct NodeTrace {
    unsigned files = 0;
    unsigned ranks = 1;
    bool is_cut = false; ///< some rank has stopped recording before its end
    [[nodiscard]] bool is_whole() const { return files == ranks; }
};

/// The steps of one page by node, each node's in their order.
using LifeSteps = std::map<std::uint16_t, std::vector<const TraceStep *>>;

class Replayer {
public:
    Replayer(const rt::TraceFileHead &job, const std::vector<NodeTrace> &nodes, TraceVerdict &verdict);
    /// False: verdict.difference says what differs.
    bool replay(const LifeSteps &steps);
    [[nodiscard]] std::string history() const;

private:
    struct Node {
        std::uint16_t number;
        const std::vector<const TraceStep *> *steps;
        std::size_t next = 0;
        protocol::PageState state{};
        bool has_gap = false; ///< steps are missing behind `end`
        std::size_t end = 0;  ///< steps before the first gap
    };
    using Sent = std::pair<std::uint16_t, std::string>; ///< to, and the message's bytes

    bool find_gaps(Node &node);
    bool run();
    bool may_run(const Node &node, const TraceStep &step);
    bool run_step(Node &node, const TraceStep &step);
    bool compare(const Node &node, const TraceStep &step, std::uint8_t result, const rt::TracedEffects &effects);
    std::uint8_t apply(Node &node, const TraceStep &step, protocol::PageEffects &effects);
    bool check_nodes();
    bool is_open(std::uint16_t node) const;
    bool differ(const std::string &what);
    void end_life();

    const rt::TraceFileHead &job_;
    const std::vector<NodeTrace> &traces_;
    TraceVerdict &verdict_;
    std::vector<std::byte> pool_memory_;
    std::unique_ptr<protocol::SetPool> pool_;
    std::unique_ptr<protocol::SequentialProtocol> protocol_;

    // Of the page that is being replayed.
    std::vector<Node> nodes_;
    std::map<Sent, unsigned> under_way_;
    unsigned grants_under_way_ = 0;
    bool is_whole_ = true; ///< nothing is missing so far: what concerns several nodes can be checked
    std::vector<std::pair<std::uint16_t, const TraceStep *>> done_;
};

/// A step in one line.
std::string describe_step(std::uint16_t node, const TraceStep &step, unsigned node_count);

} // namespace dsm::trace_test
