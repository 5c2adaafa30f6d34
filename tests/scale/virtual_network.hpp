// A network in virtual time: nodes with a serial engine each, and messages that take as long as a few stated numbers
// say. One event at a time, ordered by time and then by when it was made: the same job gives the same result anywhere.
//
//   sender's engine            wire                    receiver's engine
//   | send_ns | bytes |------- latency_ns ------>| waits in the queue | receive_ns | handler, which may send
//
// What a handler does costs nothing besides the messages that it sends.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <queue>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace dsm::scale_test {

using TimeNs = std::uint64_t;

/// What the network and the nodes' engines take. All nodes and pairs are alike.
struct NetworkModel {
    std::string name;
    TimeNs latency_ns;          ///< from the last byte's departure to its arrival
    TimeNs send_ns;             ///< of the sender's engine for each message
    TimeNs receive_ns;          ///< of the receiver's engine for each message, its handler included
    std::uint64_t ps_per_byte;  ///< picoseconds; of the sender's engine, and of the link into the receiver
    TimeNs connect_ns;          ///< of both engines when two nodes talk for the first time, where that is counted
    std::size_t envelope_bytes; ///< that every message carries besides its record: frame, service, attributes
};

/// 10 Gbit/s Ethernet and kernel TCP: 28 us for the round trip of a small message, the slow end of what two spinning
/// ranks measure over loopback TCP (14 to 28 us).
NetworkModel tcp_cluster();
/// 100 Gbit/s with user-space access to the card: 3.2 us for that round trip.
NetworkModel fast_fabric();

/// From one idle node to another: half of what a round trip of such messages measures.
TimeNs one_way_ns(const NetworkModel &model, std::size_t bytes);

/// What the nodes of a job do. Handlers run at their node's time and send through the network.
class Job {
public:
    virtual ~Job() = default;
    virtual void on_message(NodeId at, NodeId from, std::span<const std::byte> record) = 0;
    virtual void on_local(NodeId at, std::uint32_t what) = 0;
};

/// What was counted since the last begin().
struct Traffic {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::uint32_t chain_max = 0;       ///< messages in the longest chain of which each waited for the one before
    std::uint32_t queue_max = 0;       ///< messages that waited at one node at a time
    std::uint32_t sent_by_one_max = 0; ///< messages that one node sent
    std::uint32_t received_by_one_max = 0;
    std::uint32_t peers_of_one_max = 0; ///< other nodes that one node has talked with, over all begin()s
};

class VirtualNetwork {
public:
    VirtualNetwork(const NetworkModel &model, unsigned nodes);
    /// Whether first contacts cost connect_ns.
    void count_connections() { counts_connections_ = true; }

    /// Later than everything so far; what is counted begins anew. Returns the time.
    TimeNs begin();
    /// An event of the node itself, which waits for the engine but costs nothing.
    void at(NodeId node, TimeNs when, std::uint32_t what);
    /// From the node whose handler runs. `payload_bytes` travel beside the record.
    void send(NodeId to, std::vector<std::byte> record, std::size_t payload_bytes = 0);
    /// Until nothing is under way.
    void run(Job &job);

    /// The time at the node whose handler runs.
    TimeNs now() const { return nodes_[self_.value].busy_until; }
    unsigned node_count() const { return static_cast<unsigned>(nodes_.size()); }
    Traffic traffic() const;

private:
    struct Event {
        TimeNs time;
        std::uint64_t number;
        NodeId node;
        NodeId from;        ///< no_node: an event of the node itself
        std::uint32_t what; ///< message: its chain
        std::size_t bytes;
        TimeNs contact_ns;
        std::vector<std::byte> record;
    };
    struct Later {
        bool operator()(const Event &a, const Event &b) const {
            return a.time != b.time ? a.time > b.time : a.number > b.number;
        }
    };
    struct Engine {
        TimeNs busy_until = 0;
        TimeNs link_free_at = 0;
        std::queue<TimeNs> begins; ///< of the messages that have arrived and not begun, and of some that have
        std::uint32_t chain = 0;
        std::uint32_t sent = 0;
        std::uint32_t received = 0;
        std::uint32_t queue_max = 0;
        std::uint32_t peers = 0;
    };
    void receive(Event &event, Job &job);
    TimeNs transfer_ns(std::size_t bytes) const { return bytes * model_.ps_per_byte / 1000; }
    /// What the first contact of two nodes costs each of them.
    TimeNs contact_ns(NodeId a, NodeId b);

    NetworkModel model_;
    bool counts_connections_ = false;
    std::vector<Engine> nodes_;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::unordered_set<std::uint32_t> pairs_; ///< that have talked
    std::uint64_t next_number_ = 0;
    NodeId self_{0};
    TimeNs begun_at_ = 0;
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
};

} // namespace dsm::scale_test
