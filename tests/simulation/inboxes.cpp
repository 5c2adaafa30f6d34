// Bounded inboxes with back-pressure.
#include "tests/simulation/inboxes.hpp"

#include <algorithm>
#include <utility>

namespace dsm::protocol_test {

bool Inboxes::arrive(unsigned node, unsigned sender, std::uint64_t packet_id) {
    Node &at = nodes_[node];
    if (at.inbox.size() < room_) {
        at.inbox.push_back(packet_id);
    } else {
        at.outside.push_back({sender, packet_id});
        ++nodes_[sender].waiting_for_room;
        ++waits_for_room_;
    }
    longest_queue_ = std::max(longest_queue_, static_cast<unsigned>(at.inbox.size() + at.outside.size()));
    return !std::exchange(at.is_handling, true);
}

std::optional<std::uint64_t> Inboxes::take(unsigned node, Random &random) {
    Node &at = nodes_[node];
    if (at.inbox.empty()) {
        at.is_handling = false;
        return std::nullopt;
    }
    std::swap(at.inbox[random.below(static_cast<unsigned>(at.inbox.size()))], at.inbox.back());
    const std::uint64_t packet_id = at.inbox.back();
    at.inbox.pop_back();
    if (!at.outside.empty()) {
        const Waiting next = at.outside.front();
        at.outside.erase(at.outside.begin());
        at.inbox.push_back(next.packet_id);
        --nodes_[next.sender].waiting_for_room;
    }
    return packet_id;
}

void Inboxes::forget(unsigned node) {
    for (const Waiting &waiting : nodes_[node].outside) { --nodes_[waiting.sender].waiting_for_room; }
    nodes_[node].outside.clear();
    nodes_[node].inbox.clear();
}

} // namespace dsm::protocol_test
