// All operations on all numbers of nodes, and the limits that they have to keep.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/sync/barrier.hpp"
#include "tests/scale/figures.hpp"

#include <string>
#include <vector>

namespace dsm::scale_test {

/// One operation on rising numbers of nodes.
struct Series {
    std::string key;
    std::string title;
    /// In jobs of more nodes the operation has to keep within ratio_max of the tree's depth times the one-way latency.
    unsigned tree_above_nodes;
    std::vector<Figures> points;
};

constexpr unsigned has_no_tree = nodes_max;
constexpr double ratio_max = 3.0;

/// 2, 4, 8, ... and nodes_max itself.
std::vector<unsigned> node_counts(unsigned nodes_max);
/// The constants of the shipped code, unless others are to be tried.
struct RunOptions {
    unsigned nodes_max = 10240;
    TimeNs jitter_ns = 20'000'000; ///< the window in which nodes start, where starts are spread
    protocol::SequentialLimits limits;
    std::uint16_t barrier_fan_out = sync::TreeBarrierContext{}.fan_out;
};
std::vector<Series> run_all(const NetworkModel &model, const RunOptions &options);
/// A line for each limit that a figure does not keep.
std::vector<std::string> broken_limits(const std::vector<Series> &all);

} // namespace dsm::scale_test
