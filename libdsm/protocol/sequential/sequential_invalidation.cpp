// Taking copies away: directly while they are few, beyond that along a tree whose relays acknowledge for their parts.
//
//   O --Invalidate, part--> relay --Invalidate, part--> ... , and back: InvalidateAck with the number of nodes done
//
// A copy that served others relays to them too, and acknowledges after them. So a node may be told twice of the same
// invalidation, by who served it and by the owner's part. While it relays for the first it answers the second at once,
// and what the second brings joins the relay under way: the owner waits for the first answer as well.
#include "libdsm/protocol/sequential/sequential_step.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace dsm::protocol {
namespace {

constexpr unsigned acks_max = 0xffff;

} // namespace

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
    send_invalidations(nodes, count, context_.self, is_crowd(count));
    if (mutates(Mutation::WriteBeforeAcks)) {
        state_.acks_left = 0;
        complete_write();
    }
}

/// Splits the nodes into at most fan_out parts of rising numbers; the first of a part relays to the rest of it.
void SequentialStep::send_invalidations(const NodeBits &nodes, unsigned count, NodeId owner, bool is_popular) {
    const unsigned parts = std::min<unsigned>(count, protocol_.limits_.fan_out);
    std::array<std::byte, encoded_nodes_bytes_max> encoded;
    NodeId first = nodes.first_from(0);
    for (unsigned part = 0; part < parts; ++part) {
        unsigned end = first.value;
        for (unsigned left = count / parts + (part < count % parts ? 1 : 0); left > 0; --left) {
            end = nodes.first_from(end).value + 1U;
        }
        PageMessage invalidate = message_of(PageMessageKind::Invalidate);
        invalidate.owner = owner;
        invalidate.climbs = is_popular;
        invalidate.nodes = std::span(encoded).first(nodes.encode(first.value + 1U, end, encoded));
        effects_.send(first, invalidate);
        first = nodes.first_from(end);
    }
}

/// Acknowledged at once in every state (rule 1), unless a pin delays it (rule 14) or others are to answer first: those
/// of the part, and those whom this node served, even if it has no copy any more.
void SequentialStep::on_invalidate(const PageMessage &message) {
    DSM_CHECK(!is(Flag::Owns) && message.owner != context_.self, "S1 an owner is not invalidated", subject());
    if (state_.pending == Pending::Read) { set(Flag::Dropped); }
    DSM_CHECK(!is_pinned() || state_.pending == Pending::None || mutates(Mutation::AskWhilePinned),
              "S11 who pins a copy has asked for nothing", subject());
    const bool is_kept = is_pinned() && state_.pending == Pending::None && !mutates(Mutation::IgnorePinAtCopy);
    const bool is_newly_kept = is_kept && !is(Flag::PinDelays);
    if (!is_kept && !mutates(Mutation::AckWithoutDropping)) { drop_copy(); }
    NodeBits nodes;
    const bool is_valid = nodes.decode(message.nodes, context_.node_count);
    DSM_CHECK(is_valid && !nodes.contains(context_.self), "an invalidation names other nodes of the job", subject());
    const unsigned part_count = message.nodes.empty() ? 0 : nodes.count();
    if (mutates(Mutation::SecondInvalidateLost) && is(Flag::Relaying)) {
        return acknowledge(message.from, part_count + 1);
    }
    const bool is_popular = message.climbs || is_crowd(state_.copyset.count());
    state_.reads_climb = is_popular && !is_home();
    state_.copyset.erase(message.owner, pool_); // A reader that was served here and owns the page now.
    const bool has_served = !state_.copyset.empty() && !mutates(Mutation::ServedLostAtInvalidation);
    if (has_served) { state_.copyset.copy_to(nodes, pool_); }
    state_.copyset.clear(pool_);
    const unsigned count = has_served ? nodes.count() : part_count;
    if (is_newly_kept) { set(Flag::PinDelays); }
    if (count > 0) { send_invalidations(nodes, count, message.owner, is_popular); }
    relay(message.from, part_count, count + (is_newly_kept ? 1 : 0));
}

/// Answers the parent for this node and its part, at once or when so many acknowledgements have come.
void SequentialStep::relay(NodeId parent, unsigned part_count, unsigned acks_to_come) {
    DSM_CHECK(acks_to_come + state_.acks_left <= acks_max, "S8 the nodes of an invalidation can be counted", subject());
    const bool is_second = is(Flag::Relaying);
    state_.acks_left = static_cast<std::uint16_t>(state_.acks_left + acks_to_come);
    if (is_second || acks_to_come == 0) { return acknowledge(parent, part_count + 1); }
    set(Flag::Relaying);
    state_.relay_parent = parent;
    state_.relay_count = static_cast<std::uint16_t>(part_count + 1);
    const bool only_served = mutates(Mutation::RelayAcksBeforeServed) && part_count == 0 && !is(Flag::PinDelays);
    if (mutates(Mutation::RelayAcksEarly) || only_served) { acknowledge(parent, std::exchange(state_.relay_count, 0)); }
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
    if (count > 0) { acknowledge(parent, count); } // 0: a planted bug has done it.
}

} // namespace dsm::protocol
