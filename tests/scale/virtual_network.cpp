// Events in order of time, engines that do one thing at a time.
#include "tests/scale/virtual_network.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <utility>

namespace dsm::scale_test {
namespace {

/// Between two measurements: longer than anything that the protocols wait for.
constexpr TimeNs pause_ns = 1'000'000'000;

} // namespace

NetworkModel tcp_cluster() {
    return {.name = "tcp",
            .latency_ns = 10'000,
            .send_ns = 2'000,
            .receive_ns = 2'000,
            .ps_per_byte = 800,
            .connect_ns = 100'000,
            .envelope_bytes = 24};
}

NetworkModel fast_fabric() {
    return {.name = "fabric",
            .latency_ns = 1'000,
            .send_ns = 300,
            .receive_ns = 300,
            .ps_per_byte = 80,
            .connect_ns = 20'000,
            .envelope_bytes = 24};
}

TimeNs one_way_ns(const NetworkModel &model, std::size_t bytes) {
    const std::size_t all_bytes = bytes + model.envelope_bytes;
    return model.send_ns + all_bytes * model.ps_per_byte / 1000 + model.latency_ns + model.receive_ns;
}

VirtualNetwork::VirtualNetwork(const NetworkModel &model, unsigned nodes) : model_(model), nodes_(nodes) {}

TimeNs VirtualNetwork::begin() {
    DSM_CHECK(events_.empty(), "a measurement begins when nothing is under way", events_.size());
    for (const Engine &node : nodes_) { begun_at_ = std::max(begun_at_, node.busy_until); }
    begun_at_ += pause_ns;
    for (Engine &node : nodes_) {
        const std::uint32_t peers = node.peers;
        node = {};
        node.peers = peers;
        node.busy_until = node.link_free_at = begun_at_;
    }
    messages_ = bytes_ = 0;
    return begun_at_;
}

void VirtualNetwork::at(NodeId node, TimeNs when, std::uint32_t what) {
    events_.push({when, next_number_++, node, no_node, what, 0, 0, {}});
}

TimeNs VirtualNetwork::contact_ns(NodeId a, NodeId b) {
    const auto [low, high] = std::minmax(a.value, b.value);
    if (!pairs_.insert(std::uint32_t{low} << 16U | high).second) { return 0; }
    ++nodes_[a.value].peers;
    ++nodes_[b.value].peers;
    return counts_connections_ ? model_.connect_ns : 0;
}

void VirtualNetwork::send(NodeId to, std::vector<std::byte> record, std::size_t payload_bytes) {
    DSM_CHECK(to != self_ && to.value < nodes_.size(), "messages go to other nodes of the job", to.value);
    Engine &sender = nodes_[self_.value];
    const std::size_t bytes = record.size() + payload_bytes + model_.envelope_bytes;
    const TimeNs contact = contact_ns(self_, to);
    sender.busy_until += contact + model_.send_ns + transfer_ns(bytes);
    ++sender.sent;
    ++messages_;
    bytes_ += bytes;
    const TimeNs arrives_at = sender.busy_until + model_.latency_ns;
    events_.push({arrives_at, next_number_++, to, self_, sender.chain + 1, bytes, contact, std::move(record)});
}

void VirtualNetwork::receive(Event &event, Job &job) {
    Engine &node = nodes_[event.node.value];
    // Messages from several senders share the link: the last byte is in when all before it are.
    node.link_free_at = std::max(event.time, node.link_free_at + transfer_ns(event.bytes));
    const TimeNs begins_at = std::max(node.link_free_at, node.busy_until);
    while (!node.begins.empty() && node.begins.front() <= event.time) { node.begins.pop(); }
    if (begins_at > event.time) { node.begins.push(begins_at); }
    node.queue_max = std::max(node.queue_max, static_cast<std::uint32_t>(node.begins.size()));
    node.busy_until = begins_at + event.contact_ns + model_.receive_ns;
    node.chain = std::max(node.chain, event.what);
    ++node.received;
    job.on_message(event.node, event.from, event.record);
}

void VirtualNetwork::run(Job &job) {
    while (!events_.empty()) {
        Event event = events_.top();
        events_.pop();
        self_ = event.node;
        if (event.from != no_node) {
            receive(event, job);
            continue;
        }
        Engine &node = nodes_[self_.value];
        node.busy_until = std::max(node.busy_until, event.time);
        job.on_local(self_, event.what);
    }
}

Traffic VirtualNetwork::traffic() const {
    Traffic all;
    all.messages = messages_;
    all.bytes = bytes_;
    for (const Engine &node : nodes_) {
        all.chain_max = std::max(all.chain_max, node.chain);
        all.queue_max = std::max(all.queue_max, node.queue_max);
        all.sent_by_one_max = std::max(all.sent_by_one_max, node.sent);
        all.received_by_one_max = std::max(all.received_by_one_max, node.received);
        all.peers_of_one_max = std::max(all.peers_of_one_max, node.peers);
    }
    return all;
}

} // namespace dsm::scale_test
