// The bounds of docs/protocol.md: how many messages may be under way for one request, how many requests may wait at a
// node, and how many messages a step may send. Slots are reserved for so many, so a message more has no room.
//
//   B1  of one request (a page and the node that asks) one message is under way: the request or its answer
//   B2  of one invalidation as many Invalidates and acknowledgements as there are copies to go; where copies came along
//       the tree of readers each of the other nodes may be told by the owner's part and by who served it
//   B3  of one evicting owner one TakeBack; another one only if that eviction has ended: the page has left, or the
//   owner
//       has wanted to write to it (which takes the wish back), and is to be evicted again
//   B4  at most N - 1 requests for a page are deferred at a node
//   B5  a step sends at most max(fan-out + 1, deferred reads + 2) messages
#include "tests/simulation/protocol_world.hpp"

#include <algorithm>

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {
bool is_routed(PageMessageKind kind) {
    switch (kind) {
    case PageMessageKind::ReadRequest:
    case PageMessageKind::ReadReply:
    case PageMessageKind::WriteRequest:
    case PageMessageKind::Grant:
    case PageMessageKind::Redo:
        return true;
    case PageMessageKind::Invalidate:
    case PageMessageKind::InvalidateAck:
    case PageMessageKind::TakeBack:
        return false;
    }
    return false;
}

unsigned deferred_at(const PageState &state) {
    return is_initialised(state) ? state.readers.count() + (state.next != no_node ? 1U : 0U) : 0;
}
} // namespace

/// B1 and B2.
void World::check_under_way(unsigned page) {
    std::vector<bool> has_message(options_->nodes);
    unsigned invalidations = 0;
    for (const Packet &packet : network) {
        if (packet.page() != page) { continue; }
        const PageMessageKind kind = packet.kind();
        invalidations += kind == PageMessageKind::Invalidate || kind == PageMessageKind::InvalidateAck ? 1 : 0;
        if (!is_routed(kind)) { continue; }
        if (has_message[packet.origin.value]) {
            fail("B1 two messages of one request are under way" + where(packet.origin.value, page));
        }
        has_message[packet.origin.value] = true;
    }
    peaks.invalidations = std::max(peaks.invalidations, invalidations);
    const bool has_tree = options_->nodes > options_->limits.tree_above_nodes;
    if (invalidations > (has_tree ? 2 * (options_->nodes - 1) : copies_to_go_[page])) {
        fail("B2 " + std::to_string(invalidations) + " Invalidates and acknowledgements are under way" +
             where(0, page));
    }
}

/// B3, when a TakeBack is sent.
void World::check_take_back(unsigned node, unsigned page) {
    const auto is_earlier = [&](const Packet &packet) {
        return packet.kind() == PageMessageKind::TakeBack && packet.page() == page && packet.from.value == node;
    };
    const auto earlier = static_cast<unsigned>(std::count_if(network.begin(), network.end(), is_earlier));
    peaks.take_backs = std::max(peaks.take_backs, earlier + 1);
    bool &has_ended = at(node, page).eviction_has_ended;
    if (earlier > 0 && !has_ended) { fail("B3 a page is given back twice" + where(node, page)); }
    has_ended = false;
}

/// B4 and B5, after a step that has sent so many messages.
void World::check_step(const PageState &before, unsigned node, unsigned page, std::size_t sent) {
    const PageState &after = at(node, page).state;
    const bool begins = after.acks_left != 0 && before.acks_left == 0 && owns(after);
    if (begins) { copies_to_go_[page] = after.acks_left; }
    if (has(before, Flag::Evicting) && !has(after, Flag::Evicting)) { at(node, page).eviction_has_ended = true; }
    const unsigned deferred = deferred_at(after);
    peaks.deferred = std::max(peaks.deferred, deferred);
    if (deferred > options_->nodes - 1) { fail("B4 more requests are deferred than nodes ask" + where(node, page)); }
    const unsigned reads = is_initialised(before) ? before.readers.count() : 0;
    peaks.sent_in_step = std::max(peaks.sent_in_step, static_cast<unsigned>(sent));
    if (sent > std::max(options_->limits.fan_out + 1U, reads + 2U)) {
        fail("B5 a step sends " + std::to_string(sent) + " messages" + where(node, page));
    }
}

} // namespace dsm::protocol_test
