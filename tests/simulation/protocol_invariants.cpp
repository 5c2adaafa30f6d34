// The invariants of sequential_protocol.hpp, as far as they are about several nodes.
#include "tests/simulation/protocol_world.hpp"

#include <algorithm>

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {
constexpr unsigned nodes_checked_always = 64;
} // namespace

void World::check_page(unsigned page) {
    const unsigned checks_every =
        1 + options_->nodes / nodes_checked_always; // A check costs as much as there are nodes.
    if (!failure_.empty() || ++events_ % checks_every != 0) { return; }
    check_page_now(page);
}

void World::check_page_now(unsigned page) {
    check_owner(page);
    check_copies(page);
    check_hints(page);
    check_under_way(page);
}

/// S3 (one owner or one ownership under way), S10.
void World::check_owner(unsigned page) {
    const PageState &at_home = at(home(page), page).state;
    unsigned owners = is_initialised(at_home) && !has(at_home, Flag::InFile) ? 0 : 1; // The file stands for one, S12.
    for (const Packet &packet : network) {
        owners += packet.page() == page && packet.kind() == PageMessageKind::Grant ? 1 : 0;
    }
    for (unsigned node = 0; node < options_->nodes; ++node) {
        const NodePage &entry = at(node, page);
        if (!owns(entry.state) || is_dead(node)) { continue; }
        ++owners;
        if (has(entry.state, Flag::Freeing)) { continue; } // Its bytes are not wanted any more.
        if (is_zero(entry.state)) {
            if (last_written_[page] != Words{}) { fail("S10 a written page counts as zero" + where(node, page)); }
        } else if (!entry.has_frame || entry.frame != last_written_[page]) {
            fail("S10 the owner's frame is not the last write" + where(node, page));
        }
    }
    const bool may_be_lost = dead_.has_value(); // With the node that owned it, or was to.
    if (owners > 1 || (owners == 0 && !may_be_lost)) {
        fail("S3 " + std::to_string(owners) + " owners" + where(0, page));
    }
}

/// S1, S2, and S4 where the owner is at rest.
void World::check_copies(unsigned page) {
    unsigned writers = 0;
    unsigned with_access = 0;
    unsigned owner = options_->nodes;
    for (unsigned node = 0; node < options_->nodes; ++node) {
        if (is_dead(node)) { continue; }
        const NodePage &entry = at(node, page);
        writers += entry.state.access == Access::Write ? 1 : 0;
        with_access += entry.state.access != Access::None ? 1 : 0;
        if (owns(entry.state) && entry.state.pending == Pending::None) { owner = node; }
        if (entry.state.access != Access::None && (!entry.has_frame || entry.frame != last_written_[page])) {
            fail("S2 a readable copy is not the last write" + where(node, page));
        }
    }
    if (writers > 1 || (writers == 1 && with_access > 1)) { fail("S1 a writer is not alone" + where(0, page)); }
    if (owner < options_->nodes) { check_reach(page, owner); }
}

/// Whether the node waits for a copy and will keep it.
bool World::will_install(unsigned node, unsigned page) const {
    const PageState &state = at(node, page).state;
    if (state.pending != Pending::Read || has(state, Flag::Dropped)) { return false; }
    return std::any_of(network.begin(), network.end(), [&](const Packet &packet) {
        return packet.to.value == node && packet.page() == page && packet.kind() == PageMessageKind::ReadReply;
    });
}

/// S4: from the owner, by whom it served and whom those served, every copy is found, every copy that is on its way, and
/// every node that has served others.
void World::check_reach(unsigned page, unsigned owner) {
    std::vector<bool> is_found(options_->nodes);
    std::vector<unsigned> to_visit{owner};
    is_found[owner] = true;
    while (!to_visit.empty()) {
        const NodeSet &served = at(to_visit.back(), page).state.copyset;
        to_visit.pop_back();
        served.for_each(*pool_, [&](NodeId node) {
            if (!is_found[node.value]) { to_visit.push_back(node.value); }
            is_found[node.value] = true;
        });
    }
    for (unsigned node = 0; node < options_->nodes; ++node) {
        if (is_found[node] || is_dead(node)) { continue; }
        const PageState &state = at(node, page).state;
        if (state.access != Access::None) { fail("S4 a copy is missing in the copyset" + where(node, page)); }
        if (!state.copyset.empty()) { fail("S4 a node that served others is forgotten" + where(node, page)); }
        if (will_install(node, page)) { fail("S4 a copy on its way is missing in the copyset" + where(node, page)); }
    }
}

/// S3: hints are free of cycles and end at the owner or at a node whose write request is on its way.
void World::check_hints(unsigned page) {
    for (unsigned start = 0; start < options_->nodes; ++start) {
        unsigned node = start;
        for (unsigned hops = 0;; ++hops) {
            const PageState &state = at(node, page).state;
            if (is_dead(node)) { break; }
            const bool is_end = is_initialised(state) ? owns(state) || state.pending == Pending::Write ||
                                                            state.pending == Pending::Own || has(state, Flag::InFile)
                                                      : node == home(page);
            if (is_end) { break; }
            if (hops > options_->nodes) { return fail("S3 hints run in a circle" + where(start, page)); }
            node = is_initialised(state) ? state.hint.value : home(page);
        }
    }
}

void World::check_quiet() {
    if (!network.empty()) { return; }
    bool are_sets_small = true;
    for (unsigned page = 0; page < options_->pages; ++page) {
        check_page_now(page);
        for (unsigned node = 0; node < options_->nodes; ++node) {
            const PageState &state = at(node, page).state;
            are_sets_small = are_sets_small && state.copyset.count() <= NodeSet::inline_max;
            if (!is_initialised(state)) { continue; }
            if (state.pending != Pending::None) { fail("deadlock: a request is never answered" + where(node, page)); }
            if (!state.readers.empty() || state.next != no_node) {
                fail("deadlock: a request is deferred for ever" + where(node, page));
            }
            if (has(state, Flag::Relaying) || state.acks_left != 0) {
                fail("deadlock: an acknowledgement is missing" + where(node, page));
            }
        }
    }
    if (are_sets_small && failure_.empty() && pool_->chunks_in_use() != 0) { fail("K3 chunks of sets are lost"); }
}

} // namespace dsm::protocol_test
