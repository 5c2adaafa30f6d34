// Breadth-first search over the protocol's states.
#include "tests/model/explorer.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_set>

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {

constexpr std::uint64_t value_current = 1;
constexpr std::uint64_t value_old = 2;
constexpr std::uint64_t value_fresh = 3; ///< just written; becomes value_current, and that becomes value_old
constexpr TimeUs much_later_us = 1'000'000'000;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
}

std::uint64_t hash_bytes(std::uint64_t hash, const void *bytes, std::size_t count) {
    const auto *at = static_cast<const unsigned char *>(bytes);
    for (; count >= 8; count -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        hash = mixed(hash, word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, at, count);
    return mixed(hash, rest ^ (std::uint64_t{count} << 56));
}

} // namespace

Explorer::Explorer(const ExplorerOptions &options) : options_(options), memory_(64) {}

Explorer::Model Explorer::initial() {
    WorldOptions world;
    world.nodes = options_.nodes;
    world.pages = 1;
    world.first_touch = {options_.first_touch};
    world.in_file = {options_.in_file};
    world.limits.fan_out = static_cast<std::uint16_t>(options_.fan_out);
    world.limits.residence_us = options_.has_residence ? 1 : 0;
    world.mutation = options_.mutation;
    const Node node{static_cast<std::uint8_t>(options_.accesses_per_node),
                    static_cast<std::uint8_t>(options_.evictions_per_node),
                    false,
                    Access::None,
                    false,
                    0};
    return {World(world, memory_.pool()), std::vector<Node>(options_.nodes, node),
            static_cast<std::uint8_t>(options_.frees), static_cast<std::uint8_t>(options_.pins),
            static_cast<std::uint8_t>(options_.slow_wakes)};
}

std::vector<Action> Explorer::actions_of(const Model &model) const {
    std::vector<Action> actions;
    for (unsigned i = 0; i < model.world.network.size(); ++i) {
        // Of equal messages one is enough.
        const bool repeats = i > 0 && model.world.network[i].record == model.world.network[i - 1].record &&
                             model.world.network[i].to == model.world.network[i - 1].to;
        if (!repeats) { actions.push_back({ActionKind::Deliver, static_cast<std::uint8_t>(i)}); }
    }
    for (unsigned index = 0; index < options_.nodes; ++index) {
        const Node &node = model.nodes[index];
        const PageState &state = model.world.at(index, 0).state;
        const auto subject = static_cast<std::uint8_t>(index);
        if (node.waits && (state.access >= node.wanted || state.pending == Pending::None)) {
            actions.push_back({ActionKind::Continue, subject});
        }
        const bool has_deferred = is_initialised(state) && (!state.readers.empty() || state.next != no_node);
        const bool may_go_on =
            state.stay == Stay::Resident || (state.stay == Stay::AwaitingAccess && model.slow_wakes_left > 0);
        if (has_deferred && options_.has_residence && may_go_on && state.pending == Pending::None) {
            actions.push_back({ActionKind::Timer, subject});
        }
        if (node.pins > 0) { actions.push_back({ActionKind::Unpin, subject}); }
        if (!node.waits && node.accesses_left > 0) { // Under a pin: another thread of the node.
            actions.push_back({ActionKind::StartRead, subject});
            actions.push_back({ActionKind::StartWrite, subject});
        }
        if (node.evictions_left > 0 && holds_frame(state)) { actions.push_back({ActionKind::Evict, subject}); }
        if (model.pins_left > 0 && !node.waits) {
            actions.push_back({ActionKind::PinForRead, subject});
            actions.push_back({ActionKind::PinForWrite, subject});
        }
    }
    if (model.world.is_load_awaited(0)) { actions.push_back({ActionKind::Load, 0}); }
    if (model.frees_left > 0 && !model.world.is_freeing(0)) { actions.push_back({ActionKind::Free, 0}); }
    return actions;
}

void Explorer::apply(Model &model, Action action) const {
    World &world = model.world;
    const unsigned index = action.subject;
    switch (action.kind) {
    case ActionKind::StartRead:
    case ActionKind::StartWrite:
    case ActionKind::Continue: {
        Node &node = model.nodes[index];
        if (action.kind != ActionKind::Continue) {
            node.wanted = action.kind == ActionKind::StartRead ? Access::Read : Access::Write;
            node.waits = true;
            --node.accesses_left;
        }
        if (node.is_pinning) { return try_pin(model, index); }
        if (world.access(index, 0) < node.wanted) { world.fault(index, 0, node.wanted, 0); }
        if (world.access(index, 0) >= node.wanted) { finish_access(model, index); }
        break;
    }
    case ActionKind::Deliver:
        world.deliver(index, 0);
        break;
    case ActionKind::Evict:
        if (world.evict(index, 0, 0) != Eviction::Refused) { --model.nodes[index].evictions_left; }
        break;
    case ActionKind::Timer:
        if (world.at(index, 0).state.stay == Stay::AwaitingAccess) { --model.slow_wakes_left; }
        world.timer(index, 0, much_later_us);
        break;
    case ActionKind::Load:
        world.load(0, 0);
        break;
    case ActionKind::Free:
        --model.frees_left;
        world.free_block(0, 0);
        break;
    case ActionKind::PinForRead:
    case ActionKind::PinForWrite:
        --model.pins_left;
        model.nodes[index].wanted = action.kind == ActionKind::PinForRead ? Access::Read : Access::Write;
        model.nodes[index].waits = true;
        model.nodes[index].is_pinning = true;
        return try_pin(model, index);
    case ActionKind::Unpin:
        --model.nodes[index].pins;
        world.unpin(index, 0, 0);
        break;
    }
    make_canonical(model);
}

/// The thread of the node pins the page, or waits for what is missing.
void Explorer::try_pin(Model &model, unsigned index) const {
    Node &node = model.nodes[index];
    if (model.world.try_pin(index, 0, node.wanted, 0)) {
        model.world.accessed(index, 0, 0);
        ++node.pins;
        node.waits = false;
        node.is_pinning = false;
        node.wanted = Access::None;
    }
    make_canonical(model);
}

void Explorer::finish_access(Model &model, unsigned index) const {
    Node &node = model.nodes[index];
    if (node.wanted == Access::Write) {
        model.world.write(index, 0, 0, value_fresh);
    } else {
        model.world.read(index, 0, 0);
    }
    model.world.accessed(index, 0, 0);
    node.waits = false;
    node.wanted = Access::None;
}

/// Two states that behave alike become equal: no times, no tags, no order of the network.
void Explorer::make_canonical(Model &model) const {
    World &world = model.world;
    const bool was_written = world.last_written(0)[0] == value_fresh;
    const auto reduce = [&](Words &words) {
        if (words[0] == value_fresh) {
            words[0] = value_current;
        } else if (words[0] == value_current && (was_written || world.last_written(0)[0] == 0)) {
            words[0] = value_old;
        }
    };
    for (unsigned index = 0; index < options_.nodes; ++index) {
        reduce(world.at(index, 0).frame);
        world.at(index, 0).state.moved_at_us = 0;
    }
    for (Packet &packet : world.network) { reduce(packet.words); }
    world.settle_last_written(0, 0, was_written ? value_current : world.last_written(0)[0]);
    world.timers.clear();
    world.wakes.clear();
    std::sort(world.network.begin(), world.network.end(), [](const Packet &a, const Packet &b) {
        return std::tie(a.to, a.record, a.words) < std::tie(b.to, b.record, b.words);
    });
}

std::uint64_t Explorer::hash(const Model &model) const {
    std::uint64_t hash = 1;
    for (unsigned index = 0; index < options_.nodes; ++index) {
        const NodePage &entry = model.world.at(index, 0);
        const Node &node = model.nodes[index];
        hash = hash_bytes(hash, &entry.state, sizeof entry.state);
        hash = mixed(hash, entry.frame[0] * 2 + (entry.has_frame ? 1 : 0));
        hash = mixed(hash, node.accesses_left | node.evictions_left << 8 | (node.waits ? 1U << 16 : 0) |
                               (node.is_pinning ? 1U << 17 : 0) | static_cast<unsigned>(node.wanted) << 18 |
                               static_cast<unsigned>(node.pins) << 20);
    }
    hash = mixed(hash, model.world.last_written(0)[0] << 16 | model.frees_left << 8 | model.pins_left << 4 |
                           model.slow_wakes_left);
    for (const Packet &packet : model.world.network) {
        hash = mixed(hash, packet.to.value * 4 + packet.words[0] % 4);
        hash = hash_bytes(hash, packet.record.data(), packet.record.size());
    }
    return hash;
}

/// Nothing can happen any more by itself: then nobody may wait.
void Explorer::check_end(Model &model, const std::vector<Action> &actions) const {
    const auto happens_by_itself = [](Action action) {
        return action.kind == ActionKind::Deliver || action.kind == ActionKind::Continue ||
               action.kind == ActionKind::Timer || action.kind == ActionKind::Unpin || action.kind == ActionKind::Load;
    };
    if (std::any_of(actions.begin(), actions.end(), happens_by_itself)) { return; }
    model.world.check_quiet();
    for (const Node &node : model.nodes) {
        if (node.waits) { model.world.fail("deadlock: a thread waits for ever"); }
    }
    if (model.world.is_freeing(0)) { model.world.fail("deadlock: a free never ends"); }
}

void Explorer::look(const Model &model) {
    const auto see = [&](const char *what, bool is_so) { result_.seen[what] += is_so ? 1 : 0; };
    for (unsigned index = 0; index < options_.nodes; ++index) {
        const PageState &state = model.world.at(index, 0).state;
        see("a pending read that was invalidated", has(state, Flag::Dropped));
        see("a copy lost before it was mapped", has(state, Flag::ReadLost));
        see("an eviction under way", has(state, Flag::Evicting));
        see("a deferred read", !state.readers.empty());
        see("a deferred write", is_initialised(state) && state.next != no_node);
        see("ownership asked for alone", state.pending == Pending::Own);
        see("an upgrade that waits", state.pending == Pending::Write && state.access == Access::Read);
        if (options_.nodes > 2) { see("a relay", has(state, Flag::Relaying)); }
        if (options_.evictions_per_node > 0 && options_.nodes > 2) {
            see("a wish to take back, kept", has(state, Flag::WantedBack));
        }
        if (options_.pins > 0) {
            see("an invalidation that a pin delays", has(state, Flag::PinDelays));
            see("a request that a pin delays", state.pins > 0 && is_initialised(state) && state.next != no_node);
            see("a write that waits for the own node's pin",
                state.pins > 0 && !owns(state) && model.nodes[index].wanted == Access::Write);
        }
        if (options_.in_file) { see("a page that its file is asked for", has(state, Flag::InFile)); }
        if (options_.frees > 0) { see("a free under way", has(state, Flag::Freeing)); }
    }
}

ExplorerResult Explorer::run() {
    std::unordered_set<std::uint64_t> visited;
    std::deque<std::pair<std::uint32_t, Model>> frontier;
    frontier.emplace_back(0, initial());
    make_canonical(frontier.back().second);
    visited.insert(hash(frontier.back().second));
    steps_.push_back({0, {}});
    while (!frontier.empty() && visited.size() < options_.states_max) {
        const auto [number, model] = std::move(frontier.front());
        frontier.pop_front();
        look(model);
        const std::vector<Action> actions = actions_of(model);
        current_parent_ = number;
        for (const Action action : actions) {
            current_action_ = action;
            Model next = model;
            apply(next, action);
            ++result_.transitions;
            const bool is_new = visited.insert(hash(next)).second;
            if (is_new && next.world.failure().empty()) { check_end(next, actions_of(next)); }
            if (!next.world.failure().empty()) {
                result_.failure = next.world.failure();
                result_.counterexample = replay(number, action, true);
                result_.states = visited.size();
                return result_;
            }
            if (!is_new) { continue; }
            steps_.push_back({number, action});
            frontier.emplace_back(static_cast<std::uint32_t>(steps_.size() - 1), std::move(next));
        }
    }
    result_.states = visited.size();
    result_.is_complete = frontier.empty();
    return result_;
}

std::vector<std::string> Explorer::path_to_current() { return replay(current_parent_, current_action_, false); }

std::vector<std::string> Explorer::replay(std::uint32_t parent, Action last, bool applies_last) {
    std::vector<Action> actions;
    for (std::uint32_t at = parent; at != 0; at = steps_[at].parent) { actions.push_back(steps_[at].action); }
    std::reverse(actions.begin(), actions.end());
    if (applies_last) { actions.push_back(last); }
    std::vector<std::string> lines;
    Model model = initial();
    model.world.trace = &lines;
    for (const Action action : actions) { apply(model, action); }
    if (!applies_last) { lines.push_back("and then: " + text(last)); }
    return lines;
}

std::string Explorer::text(Action action) {
    constexpr std::array<std::string_view, 11> names{
        "starts a read", "starts a write", "continues",     "receives message", "wants to evict", "timer",
        "frees",         "pins to read",   "pins to write", "unpins",           "is loaded"};
    return std::string(names[static_cast<unsigned>(action.kind)]) + " " + std::to_string(action.subject);
}

} // namespace dsm::protocol_test
