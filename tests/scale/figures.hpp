// What is measured of one operation on one number of nodes.
#pragma once

#include "tests/scale/virtual_network.hpp"

#include <string>

namespace dsm::scale_test {

/// All numbers are of virtual time and exact counts: they depend on the model and the code, never on the machine.
struct Figures {
    unsigned nodes = 0;
    TimeNs time_ns = 0;     ///< from the beginning until the last node was done
    TimeNs wait_ns_max = 0; ///< of one node, from its own start, where starts are spread
    unsigned levels = 0;    ///< of the tree: passed up by requests and down by answers; 0: the operation has none
    TimeNs tree_ns = 0;     ///< levels times the one-way latency of what passes them
    std::size_t operations = 1;
    std::size_t memory_bytes_max = 0; ///< of the page's or object's tables at any one node, where it is measured
    Traffic traffic;

    double ratio() const { return tree_ns == 0 ? 0 : static_cast<double>(time_ns) / static_cast<double>(tree_ns); }
};

/// Levels below the root of a tree of `nodes` nodes in which node n's children are fan_out * n + 1 and on.
constexpr unsigned levels_of_heap_tree(unsigned nodes, unsigned fan_out) {
    unsigned levels = 0;
    for (std::uint64_t last = 0; last + 1 < nodes; ++levels) { last = last * fan_out + fan_out; }
    return levels;
}

/// Levels of the tree by which one node tells `others`, each of at most fan_out parts led by one of its members.
constexpr unsigned levels_of_split_tree(unsigned others, unsigned fan_out) {
    unsigned levels = 0;
    for (; others > 0; ++levels) { others = (others + fan_out - 1) / fan_out - 1; }
    return levels;
}

} // namespace dsm::scale_test
