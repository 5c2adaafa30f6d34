// Cutting hosts into nodes.
#include "libdsm/runtime/topology.hpp"

#include <algorithm>
#include <hwloc.h>
#include <map>

namespace dsm::rt {

Topology Topology::make(Rank self, const std::vector<int> &host_of_rank, int ranks_per_node,
                        const std::vector<bool> &alone) {
    Topology topology;
    topology.self_ = self;
    topology.host_of_rank_ = host_of_rank;
    struct Open {
        std::uint16_t node;
        int ranks;
    };
    std::map<int, Open> open_node_of_host;
    for (std::size_t rank = 0; rank < host_of_rank.size(); ++rank) {
        auto open = open_node_of_host.find(host_of_rank[rank]);
        const bool full = open != open_node_of_host.end() && ranks_per_node > 0 && open->second.ranks == ranks_per_node;
        const bool fresh = alone[rank] || open == open_node_of_host.end() || full;
        const std::uint16_t node =
            fresh ? static_cast<std::uint16_t>(topology.ranks_of_node_.size()) : open->second.node;
        if (fresh) { topology.ranks_of_node_.emplace_back(); }
        if (!alone[rank]) {
            auto &entry = open_node_of_host[host_of_rank[rank]];
            entry = fresh ? Open{node, 1} : Open{node, entry.ranks + 1};
        }
        auto &ranks = topology.ranks_of_node_[node];
        topology.node_of_rank_.push_back(NodeId{node});
        topology.local_of_rank_.push_back(static_cast<int>(ranks.size()));
        ranks.push_back(Rank{static_cast<std::int32_t>(rank)});
    }
    return topology;
}

std::vector<Rank> Topology::ranks_of_this_host() const {
    std::vector<Rank> ranks;
    for (std::int32_t rank = 0; rank < rank_count(); ++rank) {
        if (same_host(Rank{rank})) { ranks.push_back(Rank{rank}); }
    }
    return ranks;
}

int Topology::place_on_host(Rank rank) const {
    int place = 0;
    for (std::int32_t other = 0; other < rank.value; ++other) {
        place += host_of(Rank{other}) == host_of(rank) ? 1 : 0;
    }
    return place;
}

Cores count_cores() {
    Cores cores{1, 1};
    hwloc_topology_t machine{};
    if (hwloc_topology_init(&machine) != 0) { return cores; }
    if (hwloc_topology_load(machine) == 0) {
        cores.of_host = std::max(hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_CORE), 1);
        cores.of_rank = cores.of_host;
        hwloc_bitmap_t bound = hwloc_bitmap_alloc();
        if (bound != nullptr && hwloc_get_cpubind(machine, bound, HWLOC_CPUBIND_PROCESS) == 0) {
            const int inside = hwloc_get_nbobjs_inside_cpuset_by_type(machine, bound, HWLOC_OBJ_CORE);
            if (inside > 0) { cores.of_rank = inside; }
        }
        hwloc_bitmap_free(bound);
    }
    hwloc_topology_destroy(machine);
    return cores;
}

} // namespace dsm::rt
