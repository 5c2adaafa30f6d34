// Segment and node at start-up. The choice of backend and bulk ways is in start_up_choices.cpp.
#include "libdsm/runtime/start_up.hpp"

#include "libdsm/base/log.hpp"
#include "libdsm/memory/descriptor_passing.hpp"
#include "libdsm/memory/rights_server.hpp"
#include "libdsm/runtime/agreement.hpp"
#include "libdsm/runtime/doorbell.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <unistd.h>

namespace dsm::rt {
namespace {

constexpr double descriptor_timeout_s = 20;
using Address = std::array<char, 64>;

Address packed(const std::string &text) {
    Address address{};
    std::memcpy(address.data(), text.data(), std::min(text.size(), address.size() - 1));
    return address;
}

/// What a rank offers to the others of its host, as far as it offers anything.
struct Offers {
    Address node;  ///< by the first rank of a node: frame store, tables, mailboxes of rights servers
    Address board; ///< by the first rank of a host: doorbells
};

/// The first failure of several steps, with its sentence.
struct FirstFailure {
    int error = 0;
    std::string reason;
    template <class Value> bool take(memory::Outcome<Value> outcome, Value &into) {
        if (outcome.ok()) {
            into = std::move(outcome.value());
            return true;
        }
        if (error == 0) {
            error = outcome.failure().error;
            reason = outcome.failure().reason;
        }
        return false;
    }
};

std::size_t board_bytes(const Topology &topology) { return topology.ranks_of_this_host().size() * sizeof(Doorbell); }

/// Makes what this rank is the first of: its node's memory, its host's doorbells.
FirstFailure create_shared(Node &node, const Topology &topology, const TableLayout &layout, bool leads_host) {
    FirstFailure failure;
    if (topology.local_rank() == 0) {
        const int ranks = static_cast<int>(topology.ranks_of(topology.self_node()).size());
        failure.take(memory::FrameStore::create(node.segment.bytes()), node.frames);
        failure.take(memory::SharedRegion::create("dsm-tables", layout.total), node.tables);
        failure.take(memory::SharedRegion::create("dsm-rights", memory::RightsServer::region_bytes(ranks)),
                     node.rights);
    }
    if (leads_host) {
        failure.take(memory::SharedRegion::create("dsm-doorbells", board_bytes(topology)), node.doorbells);
    }
    return failure;
}

/// Takes part in what the first rank of the node made. Any failure means that this rank stands alone.
bool attach_node(Node &node, const Topology &topology, const TableLayout &layout, const Address &address) {
    auto descriptors = memory::fetch_descriptors(address.data(), descriptor_timeout_s);
    if (!descriptors.ok() || descriptors.value().size() != 3) { return false; }
    auto &got = descriptors.value();
    const int ranks = static_cast<int>(topology.ranks_of(topology.self_node()).size());
    FirstFailure failure;
    failure.take(memory::FrameStore::attach(std::move(got[0]), node.segment.bytes()), node.frames);
    failure.take(memory::SharedRegion::attach(std::move(got[1]), layout.total), node.tables);
    failure.take(memory::SharedRegion::attach(std::move(got[2]), memory::RightsServer::region_bytes(ranks)),
                 node.rights);
    return failure.error == 0;
}

/// Maps the frame stores of the host's other nodes for direct copies, and their twins; a node whose memory cannot be
/// had is left out.
void attach_peers(Node &node, const Topology &topology, const std::vector<Offers> &offers) {
    node.bulk.frames.clear();
    node.bulk.frames.resize(topology.node_count());
    node.bulk.twins.clear();
    node.bulk.twins.resize(topology.node_count());
    const TableLayout layout(node.segment.bytes());
    for (std::uint16_t other = 0; other < topology.node_count(); ++other) {
        const Rank leader = topology.first_rank_of(NodeId{other});
        if (NodeId{other} == topology.self_node() || !topology.same_host(leader)) { continue; }
        const auto &address = offers[static_cast<std::size_t>(leader.value)].node;
        auto descriptors = memory::fetch_descriptors(address.data(), descriptor_timeout_s);
        if (!descriptors.ok() || descriptors.value().empty()) { continue; }
        auto frames = memory::PeerFrames::map(std::move(descriptors.value()[0]), node.segment.bytes());
        if (frames.ok()) { node.bulk.frames[other] = std::move(frames.value()); }
        if (descriptors.value().size() < 2) { continue; }
        auto twins =
            memory::PeerFrames::map_to_read(std::move(descriptors.value()[1]), layout.twins, node.segment.bytes());
        if (twins.ok()) { node.bulk.twins[other] = std::move(twins.value()); }
    }
}

bool attach_board(Node &node, const Topology &topology, const Address &address) {
    auto descriptors = memory::fetch_descriptors(address.data(), descriptor_timeout_s);
    if (!descriptors.ok() || descriptors.value().size() != 1) { return false; }
    FirstFailure failure;
    failure.take(memory::SharedRegion::attach(std::move(descriptors.value()[0]), board_bytes(topology)),
                 node.doorbells);
    return failure.error == 0;
}

/// One attempt. Returns which ranks could not join their node (all false: done).
std::vector<bool> try_to_form(Node &node, const Topology &topology, transport::Transport &transport) {
    const TableLayout layout(node.segment.bytes());
    const std::vector<Rank> here = topology.ranks_of_this_host();
    const bool leads_host = here.front() == topology.self();
    FirstFailure failure = create_shared(node, topology, layout, leads_host);
    memory::DescriptorOffer node_offer;
    memory::DescriptorOffer board_offer;
    const bool leads_node = topology.local_rank() == 0;
    if (leads_node && failure.error == 0) {
        failure.take(memory::DescriptorOffer::start(
                         {node.frames.descriptor(), node.tables.descriptor(), node.rights.descriptor()}),
                     node_offer);
    }
    if (leads_host && failure.error == 0) {
        failure.take(memory::DescriptorOffer::start({node.doorbells.descriptor()}), board_offer);
    }
    agree(transport, failure.error, failure.reason);

    const std::vector<Offers> offers =
        gather(transport, Offers{packed(node_offer.address()), packed(board_offer.address())});
    const int others = static_cast<int>(here.size()) - 1;
    std::vector<std::thread> servers;
    if (leads_node) {
        servers.emplace_back([&] { (void)node_offer.serve(others, descriptor_timeout_s); });
    }
    if (leads_host) {
        servers.emplace_back([&] { (void)board_offer.serve(others, descriptor_timeout_s); });
    }
    bool joined = true;
    if (!leads_node) {
        const Rank leader = topology.first_rank_of(topology.self_node());
        joined = attach_node(node, topology, layout, offers[static_cast<std::size_t>(leader.value)].node);
    }
    const Address &board = offers[static_cast<std::size_t>(here.front().value)].board;
    const bool has_board = leads_host || attach_board(node, topology, board);
    attach_peers(node, topology, offers);
    for (std::thread &server : servers) { server.join(); }

    struct Joined {
        bool node;
        bool board;
    };
    const std::vector<Joined> all = gather(transport, Joined{joined, has_board});
    const bool boards = std::all_of(all.begin(), all.end(), [](const Joined &rank) { return rank.board; });
    // Doorbells are rung by all or by none of a job: who has none would never be woken. Ranks of one node need them.
    if (!boards) { node.doorbells = memory::SharedRegion(); }
    std::vector<bool> alone;
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        const NodeId of_rank = topology.node_of(Rank{static_cast<std::int32_t>(rank)});
        alone.push_back(!all[rank].node || (!boards && topology.ranks_of(of_rank).size() > 1));
    }
    return alone;
}

} // namespace

void reserve_segment(Node &node, transport::Transport &transport, const Options &options) {
    std::vector<std::uintptr_t> bases;
    if (options.segment_base != 0) {
        bases.push_back(options.segment_base);
    } else {
        const auto candidates = memory::segment_base_candidates();
        bases.assign(candidates.begin(), candidates.end());
    }
    std::string reason;
    int error = 0;
    for (const std::uintptr_t base : bases) {
        auto attempt = memory::Segment::try_reserve(base, options.segment_bytes);
        if (!attempt.ok()) {
            error = attempt.failure().error == EEXIST ? ENOMEM : attempt.failure().error;
            reason = attempt.failure().reason;
        }
        const std::vector<int> all = gather(transport, attempt.ok() ? 0 : 1);
        if (std::all_of(all.begin(), all.end(), [](int failed) { return failed == 0; })) {
            node.segment = std::move(attempt.value());
            return;
        }
    }
    agree(transport, error, reason + " (see DSM_SEGMENT_SIZE and DSM_SEGMENT_BASE)");
}

void form_node(Node &node, Topology &topology, transport::Transport &transport, const Options &options) {
    std::vector<int> hosts;
    for (std::int32_t rank = 0; rank < transport.size(); ++rank) { hosts.push_back(transport.host_of(Rank{rank})); }
    std::vector<bool> alone(hosts.size(), false);
    while (true) {
        topology = Topology::make(transport.rank(), hosts, options.ranks_per_node, alone);
        node.topology = &topology;
        const std::vector<bool> failed = try_to_form(node, topology, transport);
        if (std::find(failed.begin(), failed.end(), true) == failed.end()) { break; }
        for (std::size_t rank = 0; rank < failed.size(); ++rank) { alone[rank] = alone[rank] || failed[rank]; }
        if (failed[static_cast<std::size_t>(transport.rank().value)]) {
            log_line("the node's memory cannot be had from its first rank; this rank becomes a node of its own");
        }
        node.frames = memory::FrameStore();
        node.tables = memory::SharedRegion();
        node.doorbells = memory::SharedRegion();
    }
    node.cache_pages = cache_pages_of(options, topology);
    node.limits.tree_above_nodes = static_cast<std::uint16_t>(options.tree_above_nodes);
    node.map_tables();
}

} // namespace dsm::rt
