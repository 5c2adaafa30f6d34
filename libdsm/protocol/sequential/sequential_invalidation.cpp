// Taking copies away: directly while they are few, beyond that along a tree whose relays acknowledge for their parts.
//
//   O --Invalidate, part--> relay --Invalidate, part--> ... , and back: InvalidateAck with the number of nodes done
#include "libdsm/protocol/sequential/sequential_step.hpp"

#include <algorithm>
#include <array>

namespace dsm::protocol {

/// The owner has write pending: every copy must go. Ends with complete_write(), now or at the last acknowledgement.
void SequentialStep::invalidate_copies() {
    DSM_CHECK(is(Flag::Owns) && state_.pending == Pending::Write && state_.acks_left == 0,
              "S8 one invalidation at a time", subject());
    const unsigned count = state_.copyset.count();
    if (count == 0) { return complete_write(); }
    NodeBits nodes;
    state_.copyset.copy_to(nodes, pool_);
    state_.copyset.clear(pool_);
    state_.acks_left = static_cast<std::uint16_t>(count);
    send_invalidations(nodes, count, context_.self);
    if (mutates(Mutation::WriteBeforeAcks)) {
        state_.acks_left = 0;
        complete_write();
    }
}

/// Splits the nodes into at most fan_out parts of rising numbers; the first of a part relays to the rest of it.
void SequentialStep::send_invalidations(const NodeBits &nodes, unsigned count, NodeId owner) {
    const unsigned parts = std::min<unsigned>(count, protocol_.limits_.fan_out);
    std::array<std::byte, encoded_nodes_bytes_max> encoded;
    NodeId first = nodes.first_from(0);
    for (unsigned part = 0; part < parts; ++part) {
        unsigned end = first.value;
        for (unsigned left = count / parts + (part < count % parts ? 1 : 0); left > 0; --left) {
            end = nodes.first_from(end).value + 1U;
        }
        const std::size_t used = nodes.encode(first.value + 1U, end, encoded);
        send_invalidate(first, owner, std::span(encoded).first(used));
        first = nodes.first_from(end);
    }
}

void SequentialStep::send_invalidate(NodeId to, NodeId owner, std::span<const std::byte> nodes) {
    PageMessage invalidate = message_of(PageMessageKind::Invalidate);
    invalidate.owner = owner;
    invalidate.nodes = nodes;
    effects_.send(to, invalidate);
}

/// Acknowledged at once in every state (rule 1), unless a pin delays it (rule 14) or others of the part are to answer.
void SequentialStep::on_invalidate(const PageMessage &message) {
    DSM_CHECK(!is(Flag::Owns) && message.owner != context_.self, "S1 an owner is not invalidated", subject());
    DSM_CHECK(!is(Flag::Relaying), "S8 one invalidation at a time", subject());
    if (state_.pending == Pending::Read) { set(Flag::Dropped); }
    DSM_CHECK(!is_pinned() || state_.pending == Pending::None || mutates(Mutation::AskWhilePinned),
              "S11 who pins a copy has asked for nothing", subject());
    const bool is_delayed = is_pinned() && state_.pending == Pending::None && !mutates(Mutation::IgnorePinAtCopy);
    if (!is_delayed && !mutates(Mutation::AckWithoutDropping)) { drop_copy(); }
    NodeBits part;
    const bool is_valid = part.decode(message.nodes, context_.node_count);
    DSM_CHECK(is_valid && !part.contains(context_.self), "an invalidation names other nodes of the job", subject());
    const unsigned others = message.nodes.empty() ? 0 : part.count();
    if (others == 0 && !is_delayed) { return acknowledge(message.from, 1); }
    set(Flag::Relaying);
    set(Flag::PinDelays, is_delayed);
    state_.relay_parent = message.from;
    state_.relay_count = static_cast<std::uint16_t>(others + 1);
    state_.acks_left = static_cast<std::uint16_t>(others + (is_delayed ? 1 : 0));
    if (others > 0) { send_invalidations(part, others, message.owner); }
    if (mutates(Mutation::RelayAcksEarly)) { acknowledge(message.from, state_.relay_count); }
}

/// A copy, if there is one, ceases to be. The hint stays (rule 8).
void SequentialStep::drop_copy() {
    if (state_.access == Access::None) { return; }
    if (state_.stay == Stay::AwaitingAccess) { set(Flag::ReadLost); }
    lower_access(Access::None);
    effects_.drop_frame();
    state_.stay = Stay::Free;
    state_.moved_at_us = now_us_;
}

void SequentialStep::acknowledge(NodeId to, unsigned count) {
    PageMessage ack = message_of(PageMessageKind::InvalidateAck);
    ack.count = static_cast<std::uint16_t>(count);
    effects_.send(to, ack);
}

void SequentialStep::on_invalidate_ack(const PageMessage &message) {
    if (mutates(Mutation::WriteBeforeAcks) && !is(Flag::Relaying)) { return; }
    count_acks(message.count);
}

void SequentialStep::count_acks(unsigned count) {
    DSM_CHECK(count > 0 && count <= state_.acks_left, "S8 acknowledgements are for the invalidation under way",
              subject());
    state_.acks_left = static_cast<std::uint16_t>(state_.acks_left - count);
    if (state_.acks_left > 0) { return; }
    if (is(Flag::Relaying)) { return finish_relay(); }
    DSM_CHECK(is(Flag::Owns) && state_.pending == Pending::Write, "S8 an owner gathers acknowledgements", subject());
    complete_write();
}

void SequentialStep::finish_relay() {
    const NodeId parent = state_.relay_parent;
    const unsigned count = state_.relay_count;
    set(Flag::Relaying, false);
    state_.relay_parent = no_node;
    state_.relay_count = 0;
    if (!mutates(Mutation::RelayAcksEarly)) { acknowledge(parent, count); }
}

} // namespace dsm::protocol
