// Which ranks share a host, which share a node, and which rank of a node a message about something goes to.
#pragma once

#include "libdsm/base/hash.hpp"
#include "libdsm/base/ids.hpp"

#include <cstdint>
#include <vector>

namespace dsm::rt {

class Topology {
public:
    /// `host_of_rank[r]` numbers the host of rank r. Nodes are cut out of hosts in order of rank, ranks_per_node each
    /// (0: the whole host); ranks in `alone` become nodes of their own.
    static Topology make(Rank self, const std::vector<int> &host_of_rank, int ranks_per_node,
                         const std::vector<bool> &alone);

    Rank self() const { return self_; }
    int rank_count() const { return static_cast<int>(node_of_rank_.size()); }
    NodeId self_node() const { return node_of(self_); }
    int local_rank() const { return local_of_rank_[index(self_)]; }
    std::uint16_t node_count() const { return static_cast<std::uint16_t>(ranks_of_node_.size()); }

    NodeId node_of(Rank rank) const { return node_of_rank_[index(rank)]; }
    int local_rank_of(Rank rank) const { return local_of_rank_[index(rank)]; }
    const std::vector<Rank> &ranks_of(NodeId node) const { return ranks_of_node_[node.value]; }
    Rank first_rank_of(NodeId node) const { return ranks_of_node_[node.value].front(); }
    int host_of(Rank rank) const { return host_of_rank_[index(rank)]; }
    bool same_host(Rank rank) const { return host_of(rank) == host_of(self_); }
    /// The ranks of this host in order, and a rank's place among the ranks of its own host.
    std::vector<Rank> ranks_of_this_host() const;
    int place_on_host(Rank rank) const;

    /// The rank of a node that receives the messages about a page or lock.
    Rank agent(NodeId node, std::uint64_t subject) const {
        const auto &ranks = ranks_of_node_[node.value];
        if (ranks.size() == 1) { return ranks[0]; }
        return ranks[spread(subject, 32) % ranks.size()]; // Neighbouring pages have different agents.
    }

private:
    static std::size_t index(Rank rank) { return static_cast<std::size_t>(rank.value); }
    Rank self_ = no_rank;
    std::vector<int> host_of_rank_;
    std::vector<NodeId> node_of_rank_;
    std::vector<int> local_of_rank_;
    std::vector<std::vector<Rank>> ranks_of_node_;
};

/// Cores, by hwloc; at least 1 each.
struct Cores {
    int of_host; ///< that any process of ours might run on
    int of_rank; ///< that this process is bound to (mpirun may bind it to one)
};
Cores count_cores();

} // namespace dsm::rt
