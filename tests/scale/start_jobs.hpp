// The start of all nodes at once: what they ask before they can work.
#pragma once

#include "tests/scale/figures.hpp"

namespace dsm::scale_test {

struct StartOptions {
    TimeNs jitter_ns = 0;     ///< nodes start at any time in this window, each at its own, always the same
    bool connections = false; ///< first contacts cost connect_ns
};

/// All nodes look up one span for the first time, along the tree of span_lookups.hpp or, `along_tree` being false, each
/// at the directory's node.
Figures look_up_one_span(const NetworkModel &model, unsigned nodes, bool along_tree, const StartOptions &options);
/// Every node publishes a name and waits for its neighbour's, along the tree.
Figures look_up_neighbours_name(const NetworkModel &model, unsigned nodes, const StartOptions &options);
/// Node 0 publishes a name, all wait for it, along the tree of name_relay.hpp or each at the keeper.
Figures look_up_one_name(const NetworkModel &model, unsigned nodes, bool along_tree, const StartOptions &options);

} // namespace dsm::scale_test
