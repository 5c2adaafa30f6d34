// The invariants R1 to R15 of release memory, over all nodes and what is under way.
#include "tests/simulation/release/release_world.hpp"

namespace dsm::release_test {

using protocol::has;

/// Calls see(packet, message) for everything about the page that is under way or kept.
template <class See> void ReleaseWorld::for_each_message(unsigned page, See see) {
    const auto look = [&](const Packet &packet) {
        if (packet.is_sync) { return; }
        const auto message = protocol::decode_release_message(packet.record, options_->nodes);
        if (!message) { return fail("a message of ours is malformed"); }
        if (message->page.value == page) { see(packet, *message); }
    };
    for (const Packet &packet : network) {
        look(packet);
        for (const Packet &home : packet.homes) { look(home); }
    }
    for (const Packet &packet : again_) { look(packet); }
    if (homes_go_along_ != nullptr) {
        for (const Packet &home : *homes_go_along_) { look(home); }
    }
    for (unsigned node = 0; node < options_->nodes; ++node) {
        for (const Packet &packet : at(node, page).kept) { look(packet); }
        for (const Intake &intake : nodes[node].intakes) {
            for (const Packet &home : intake.homes) { look(home); }
        }
    }
}

/// R1: one node is the home, or one Home is under way. R2: nobody's hint is of a later epoch than that.
void ReleaseWorld::check_home(unsigned page) {
    unsigned homes = 0;
    std::uint32_t epoch = 0;
    for_each_message(page, [&](const Packet &, const ReleaseMessage &message) {
        if (message.kind != ReleaseMessageKind::Home) { return; }
        ++homes;
        epoch = message.epoch;
    });
    for (unsigned node = 0; node < options_->nodes; ++node) {
        const ReleasePageState &state = at(node, page).state;
        const bool is_fresh_home = !has(state, ReleaseFlag::Started) && options_->homes[page] == node;
        if (!is_fresh_home && !has(state, ReleaseFlag::Home)) { continue; }
        ++homes;
        epoch = state.epoch;
    }
    if (homes != 1) { return fail("R1 page " + std::to_string(page) + " has " + std::to_string(homes) + " homes"); }
    for (unsigned node = 0; node < options_->nodes; ++node) {
        const ReleasePageState &state = at(node, page).state;
        const bool is_wrong =
            state.epoch > epoch || (state.epoch == epoch && epoch != 0 && is_home(state) && state.home.value != node);
        if (is_wrong) { fail("R2 a hint is ahead of the home" + where(node, page)); }
    }
}

void ReleaseWorld::check_copy(unsigned node, unsigned page) {
    const NodePage &entry = at(node, page);
    const ReleasePageState &state = entry.state;
    const bool is_written = has(state, ReleaseFlag::Twin) || has(state, ReleaseFlag::MustNotice);
    const auto require = [&](bool holds, const char *what) {
        if (!holds) { fail(what + where(node, page)); }
    };
    require(entry.has_twin == has(state, ReleaseFlag::Twin), "R5 twin and flag differ");
    require(!is_written || has(state, ReleaseFlag::Listed), "R5 what is written is listed");
    require(has(state, ReleaseFlag::Listed) == (((nodes[node].list | nodes[node].closing) >> page & 1U) != 0),
            "R5 flag and list differ");
    require(entry.pins == state.pins, "R12 pins are miscounted");
    if (is_home(state)) {
        require(has(state, ReleaseFlag::Valid), "the home's page is not valid");
        require(!has(state, ReleaseFlag::Stale), "R8 the home waits for an update");
        const bool is_free = state.access == Access::Write && !is_written;
        require(!is_free || state.copyset.empty(), "R6 a home with readers writes unseen");
        return;
    }
    const bool is_valid = has(state, ReleaseFlag::Valid);
    require(is_valid || state.access == Access::None, "a copy that is not valid is mapped");
    require(!is_valid || state.access != Access::None, "a valid copy is not mapped");
    require(state.access != Access::Write || entry.has_twin, "R5 a copy is written without a twin");
    require(entry.dirty == 0 || entry.has_twin, "R9 what was written here has gone with the twin");
    require(!has(state, ReleaseFlag::MustNotice), "a copy is written without a twin");
    require(!has(state, ReleaseFlag::Stale) || is_valid, "R8 a copy that has gone is stale");
    const bool is_asking = has(state, ReleaseFlag::Fetching) || has(state, ReleaseFlag::Flushing);
    const bool asks = has(state, ReleaseFlag::Wanted) || has(state, ReleaseFlag::Stale);
    bool is_home_on_its_way = false;
    for_each_message(page, [&](const Packet &packet, const ReleaseMessage &message) {
        is_home_on_its_way |= message.kind == ReleaseMessageKind::Home && packet.to == node;
    });
    require(!asks || is_asking || is_home_on_its_way, "a copy that is wanted is not asked for");
    require(!has(state, ReleaseFlag::Flushing) || nodes[node].interval.begun != nodes[node].interval.done,
            "R10 a flush of an interval that is published");
}

/// R15: what a copy lacks of the home's page, the home can tell. Not looked at while the copy's own writes, or bytes
/// for it, are under way.
void ReleaseWorld::check_versions(unsigned page) {
    const NodePage *home = nullptr;
    for (const Node &each : nodes) {
        if (is_home(each.pages[page].state)) { home = &each.pages[page]; }
    }
    if (home == nullptr || home->state.version == 0) { return; }
    const bool is_watched = home->has_twin || home->state.access != Access::Write;
    if (!is_watched) { return fail("R15 the home of page " + std::to_string(page) + " writes what it does not tell"); }
    const Bytes &sent = home->has_twin ? home->twin : home->frame;
    for (unsigned node = 0; node < options_->nodes; ++node) {
        const NodePage &copy = at(node, page);
        const ReleasePageState &state = copy.state;
        const bool is_under_way = has(state, ReleaseFlag::Fetching) || has(state, ReleaseFlag::Flushing);
        const bool has_bytes = has(state, ReleaseFlag::Valid) || has(state, ReleaseFlag::Twin);
        if (is_home(state) || is_under_way || !has_bytes || state.version == 0) { continue; }
        if (state.epoch != home->state.epoch) { continue; }
        const protocol::LinesSince lacks = protocol::changed_since(home->versions, state.version);
        const Bytes &bytes = copy.has_twin ? copy.twin : copy.frame;
        for (unsigned i = 0; lacks.since != 0 && i < options_->page_bytes; ++i) {
            const bool is_right =
                (lacks.lines >> i & 1U) != 0 || has(home->state, ReleaseFlag::Zero) || bytes[i] == sent[i];
            if (!is_right) { fail("R15 a copy lacks what its home will not tell" + where(node, page)); }
        }
    }
}

void ReleaseWorld::check_node(unsigned node) {
    const Node &self = nodes[node];
    unsigned stale = 0;
    for (unsigned page = 0; page < options_->pages; ++page) {
        stale += has(at(node, page).state, ReleaseFlag::Stale) ? 1 : 0;
    }
    if (stale != self.updates) { fail("R8 node " + std::to_string(node) + " has miscounted its updates"); }
    if (self.interval.begun - self.interval.done > 1) { fail("R11 two intervals close"); }
}

void ReleaseWorld::check_page(unsigned page) {
    check_home(page);
    for (unsigned node = 0; node < options_->nodes; ++node) { check_copy(node, page); }
    check_versions(page);
    // R3, R4: what is under way belongs to what nodes know of.
    std::array<unsigned, nodes_max> fetches{};
    for_each_message(page, [&](const Packet &packet, const ReleaseMessage &message) {
        const bool is_data = message.kind == ReleaseMessageKind::Data;
        const bool is_answer = is_data && ((packet.part & 1U) != 0 || at(packet.to, page).arrived != 0);
        if (message.kind == ReleaseMessageKind::Fetch || is_answer) { ++fetches[message.origin.value]; }
    });
    for (unsigned node = 0; node < options_->nodes; ++node) {
        if (fetches[node] > 1) { fail("R3 two fetches are under way" + where(node, page)); }
        if (fetches[node] == 1 && !has(at(node, page).state, ReleaseFlag::Fetching)) {
            fail("R3 a fetch is under way that its node does not know of" + where(node, page));
        }
    }
}

void ReleaseWorld::check_quiet(bool all_is_flushed) {
    if (!network.empty()) { fail("messages are left"); }
    for (unsigned node = 0; node < options_->nodes; ++node) {
        if (nodes[node].updates != 0) { fail("R8 an update is never done"); }
        if (nodes[node].interval.begun != nodes[node].interval.done) { fail("R11 an interval stays open for ever"); }
        for (unsigned page = 0; page < options_->pages; ++page) {
            const NodePage &entry = at(node, page);
            const ReleasePageState &state = entry.state;
            const bool waits = has(state, ReleaseFlag::Fetching) || has(state, ReleaseFlag::Flushing) ||
                               has(state, ReleaseFlag::Stale) || !entry.kept.empty();
            if (waits) { fail("something is under way for ever" + where(node, page)); }
            if (!all_is_flushed || !is_home(state)) { continue; }
            for (unsigned i = 0; i < options_->page_bytes; ++i) {
                const std::uint8_t seen = has(state, ReleaseFlag::Zero) ? std::uint8_t{0} : entry.frame[i];
                if (seen != truth[page][i]) { fail("the home has not the last write" + where(node, page)); }
            }
        }
    }
}

} // namespace dsm::release_test
