// The tree of readers: in a large job a page that everybody reads is not served by its owner alone.
//
//   R --ReadRequest, climbs--> parent --ReadRequest, climbs--> ... --> home --ReadRequest--> ... --> O
//   R <------ ReadReply ------ parent <------ ReadReply ------ ... <-- home <-- ReadReply -- O
//
// The nodes of the job stand in a tree with the page's home at the root, the same in every node. A node that reads a
// page for the first time, or again after many have read it, asks its parent. A parent with a copy serves it; one
// without reads the page for itself first, and its children wait together for that read. Requests that follow hints
// never wait for a read: so whoever waits, waits for a node nearer to the root, or for a writer, and never in a circle.
//
// A combining tree, as in Yew, Tzeng and Lawrie, "Distributing Hot-Spot Addressing in Large-Scale Multiprocessors"
// (IEEE Transactions on Computers 36(4), 1987). It differs: the inner nodes keep what they pass on.
#include "libdsm/protocol/sequential/sequential_step.hpp"

namespace dsm::protocol {

bool SequentialStep::has_tree() const { return context_.node_count > protocol_.limits_.tree_above_nodes; }

/// Whether a page with so many readers at one node is better read along the tree next time.
bool SequentialStep::is_crowd(unsigned readers) const {
    return has_tree() && readers > protocol_.limits_.read_fan_out / 2U;
}

/// Of a node that is not the home.
NodeId SequentialStep::parent_of(NodeId node) const {
    const unsigned nodes = context_.node_count;
    const unsigned place = (node.value + nodes - context_.home.value) % nodes;
    const unsigned parent = (place - 1) / protocol_.limits_.read_fan_out;
    return NodeId{static_cast<std::uint16_t>((context_.home.value + parent) % nodes)};
}

/// A child asks a node that does not own.
void SequentialStep::serve_or_join(NodeId child) {
    DSM_CHECK(child != context_.home && parent_of(child) == context_.self, "S13 a read climbs to its parent",
              subject());
    const bool has_copy = state_.access != Access::None;
    if (has_copy && !is(Flag::PinDelays)) { return serve_read(child); }
    join(child);
    // A copy that only a pin keeps is invalid to others: they wait for the unpin.
    if (state_.pending != Pending::None || has_copy) { return; }
    state_.moved_at_us = now_us_;
    ask_to_read();
}

/// Nothing is pending at a node that does not own: the children that waited have their turn, or it reads for them.
void SequentialStep::serve_children() {
    if (is(Flag::PinDelays)) { return; }
    if (state_.access == Access::None) { return ask_to_read(); }
    NodeSet children = state_.readers.take();
    children.for_each(pool_, [this](NodeId child) { serve_read(child); });
    children.clear(pool_);
}

/// The reader waits here.
void SequentialStep::join(NodeId reader) {
    const bool is_new = state_.readers.insert(reader, pool_);
    DSM_CHECK(is_new, "S6 one request per node and page", subject());
}

} // namespace dsm::protocol
