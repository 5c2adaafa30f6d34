// Building a rank's node at start-up: the segment at an address that is free everywhere, the memory that the ranks of
// the node share, the fault backend, the ways of bulk copies. Collective; a failure is a StartFailure on every rank.
#pragma once

#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/options.hpp"
#include "libdsm/transport/transport.hpp"

namespace dsm::rt {

/// Reserves the segment at one base in all ranks.
void reserve_segment(Node &node, transport::Transport &transport, const Options &options);
/// Cuts hosts into nodes and shares frames, tables and doorbells. A rank that cannot get the descriptors becomes a node
/// of its own.
void form_node(Node &node, Topology &topology, transport::Transport &transport, const Options &options);
/// Chooses the fault backend and maps the application view.
void choose_backend(Node &node, transport::Transport &transport, const Options &options, memory::RightsLedger &ledger);
/// Chooses how bytes reach every other node.
void choose_bulk(Node &node, transport::Transport &transport, const Options &options);
/// The budget of frames of this node.
std::uint64_t cache_pages_of(const Options &options, const Topology &topology);

} // namespace dsm::rt
