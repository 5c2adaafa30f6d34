// Nodes that take their time over every message: one message is handled after the other, so queues build up. A node has
// room for a few messages; what finds none waits at its sender, which begins nothing new until that has gone. Messages
// that handlers send always go out: their room is accounted to the request that causes them (docs/protocol.md, bounds).
#pragma once

#include "tests/simulation/random.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace dsm::protocol_test {

class Inboxes {
public:
    Inboxes(unsigned nodes, unsigned room) : room_(room), nodes_(nodes) {}

    /// A message has come to its node. True if the node is idle, so that the caller is to begin handling.
    bool arrive(unsigned node, unsigned sender, std::uint64_t packet_id);
    /// The next message to handle, in no order; nothing if there is none, and then the node is idle.
    std::optional<std::uint64_t> take(unsigned node, Random &random);
    /// Whether the node may begin a request: nothing of it waits for room elsewhere.
    [[nodiscard]] bool may_ask(unsigned node) const { return nodes_[node].waiting_for_room == 0; }
    /// Nobody waits for room at a node that is dead.
    void forget(unsigned node);

    [[nodiscard]] std::uint64_t waits_for_room() const { return waits_for_room_; }
    [[nodiscard]] unsigned longest_queue() const { return longest_queue_; }

private:
    struct Waiting {
        unsigned sender;
        std::uint64_t packet_id;
    };
    struct Node {
        std::vector<std::uint64_t> inbox; ///< at most room_
        std::vector<Waiting> outside;     ///< at their senders, for want of room here
        bool is_handling = false;
        unsigned waiting_for_room = 0; ///< of its own messages, anywhere
    };
    unsigned room_;
    std::vector<Node> nodes_;
    std::uint64_t waits_for_room_ = 0;
    unsigned longest_queue_ = 0; ///< inside and outside
};

} // namespace dsm::protocol_test
