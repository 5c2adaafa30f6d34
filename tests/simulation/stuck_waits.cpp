// A node waits for the answer to its request, for acknowledgements, or for the end of a pin. Each is looked for where
// it can be: among the messages that vanished, at the node that defers the request, at the relays.
#include "tests/simulation/stuck_waits.hpp"

#include <algorithm>

namespace dsm::protocol_test {
using namespace dsm::protocol;

bool StuckWaits::lead_to_the_dead(const StuckThread &thread) {
    is_seen_.assign(std::size_t{world_.nodes()} * world_.pages(), false);
    return leads(thread.node, thread.page);
}

bool StuckWaits::leads(unsigned node, unsigned page) {
    if (world_.is_dead(node)) { return true; }
    const std::size_t place = std::size_t{page} * world_.nodes() + node;
    if (is_seen_[place]) { return false; }
    is_seen_[place] = true;
    return leads_by_request(node, page) || leads_by_acks(node, page) || leads_by_pin(node, page);
}

/// The request, or its answer, has vanished; or somebody defers it who waits himself.
bool StuckWaits::leads_by_request(unsigned node, unsigned page) {
    const PageState &state = world_.at(node, page).state;
    if (state.pending == Pending::None || owns(state)) { return false; }
    if (has_vanished_request(node, page)) { return true; }
    const NodeId self{static_cast<std::uint16_t>(node)};
    for (unsigned other = 0; other < world_.nodes(); ++other) {
        const PageState &theirs = world_.at(other, page).state;
        const bool defers =
            is_initialised(theirs) && (theirs.next == self || theirs.readers.contains(self, world_.pool()));
        if (defers && leads(other, page)) { return true; }
    }
    return false;
}

bool StuckWaits::has_vanished_request(unsigned node, unsigned page) const {
    return std::any_of(world_.vanished.begin(), world_.vanished.end(), [&](const Packet &packet) {
        const PageMessageKind kind = packet.kind();
        const bool is_of_invalidation = kind == PageMessageKind::Invalidate || kind == PageMessageKind::InvalidateAck;
        return packet.page() == page && packet.origin.value == node && !is_of_invalidation &&
               kind != PageMessageKind::TakeBack;
    });
}

/// Somebody whom this node told of an invalidation has not answered.
bool StuckWaits::leads_by_acks(unsigned node, unsigned page) {
    const PageState &state = world_.at(node, page).state;
    if (!is_initialised(state) || state.acks_left == 0) { return false; }
    if (has_vanished_ack(node, page)) { return true; }
    for (unsigned other = 0; other < world_.nodes(); ++other) {
        const PageState &theirs = world_.at(other, page).state;
        const bool owes = has(theirs, Flag::Relaying) && theirs.relay_parent.value == node;
        if (owes && leads(other, page)) { return true; }
    }
    return false;
}

bool StuckWaits::has_vanished_ack(unsigned node, unsigned page) const {
    return std::any_of(world_.vanished.begin(), world_.vanished.end(), [&](const Packet &packet) {
        const bool is_asked = packet.kind() == PageMessageKind::Invalidate && packet.from.value == node;
        const bool is_answered = packet.kind() == PageMessageKind::InvalidateAck && packet.to.value == node;
        return packet.page() == page && (is_asked || is_answered);
    });
}

/// A thread of this node holds the page, and waits for another one.
bool StuckWaits::leads_by_pin(unsigned node, unsigned page) {
    return std::any_of(threads_.begin(), threads_.end(), [&](const StuckThread &thread) {
        const auto &held = thread.is_held;
        return thread.node == node && std::find(held.begin(), held.end(), page) != held.end() &&
               leads(node, thread.page);
    });
}

} // namespace dsm::protocol_test
