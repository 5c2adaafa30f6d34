// The search.
#include "tests/litmus/exhaustive.hpp"

#include "tests/litmus/state_set.hpp"

#include <cstring>

namespace dsm::litmus {
using namespace dsm::protocol;

namespace {

constexpr TimeUs much_later_us = 1'000'000'000;

/// Padding, where an object has any, is zero as the state was made with; were it not, states would only be visited
/// twice.
template <class T> std::uint64_t mixed_bytes(std::uint64_t hash, const T &object) {
    static_assert(sizeof(T) % 8 == 0);
    std::array<std::uint64_t, sizeof(T) / 8> words;
    std::memcpy(words.data(), &object, sizeof(T));
    for (const std::uint64_t word : words) { hash = mixed(hash, word); }
    return hash;
}

} // namespace

void begin(World &world, Start start) {
    world.write_initial_values();
    for (unsigned page = 0; page < world.setting().layout.pages && start != Start::Cold; ++page) {
        if (start == Start::Away) { world.warm_up(world.nodes() - 1, page, Access::Write); }
        for (unsigned node = 0; node < world.nodes() && start == Start::Shared; ++node) {
            world.warm_up(node, page, Access::Read);
        }
    }
}

Exhaustive::Exhaustive(const LitmusTest &test, const Reference &reference, const ExhaustiveOptions &options)
    : test_(test), reference_(reference), options_(options), setting_{test,
                                                                      layout_of(test, options.placement),
                                                                      {},
                                                                      protocol::Mutation::None,
                                                                      options.lock_mutation} {
    setting_.limits.fan_out = options.fan_out;
    setting_.limits.residence_us = 0;
    if (options.has_reader_tree) { setting_.limits.tree_above_nodes = 0; }
    setting_.limits.read_fan_out = 1;
}

void Exhaustive::set_up(World &world) {
    setting_.mutation = Mutation::None;
    begin(world, options_.start);
    setting_.mutation = options_.mutation;
    world.state.evictions_left = static_cast<std::uint8_t>(options_.evictions);
    world.state.slow_wakes_left = static_cast<std::uint8_t>(options_.slow_wakes);
    make_canonical(world);
}

std::vector<Exhaustive::Action> Exhaustive::actions_of(World &world) const {
    std::vector<Action> actions;
    const State &state = world.state;
    for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
        if (world.can_run(thread)) { actions.push_back({ActionKind::Run, static_cast<std::uint8_t>(thread), 0}); }
    }
    for (unsigned i = 0; i < state.packets; ++i) {
        // Of equal messages one is enough.
        if (i > 0 && std::memcmp(&state.network[i], &state.network[i - 1], sizeof(Packet)) == 0) { continue; }
        actions.push_back({ActionKind::Deliver, static_cast<std::uint8_t>(i), 0});
    }
    if (actions.empty() || (state.evictions_left == 0 && state.slow_wakes_left == 0)) { return actions; }
    for (unsigned node = 0; node < world.nodes(); ++node) {
        for (unsigned page = 0; page < setting_.layout.pages; ++page) {
            const Action evict{ActionKind::Evict, static_cast<std::uint8_t>(node), static_cast<std::uint8_t>(page)};
            if (state.evictions_left > 0 && world.has_frame(node, page)) { actions.push_back(evict); }
            const Action timer{ActionKind::Timer, evict.subject, evict.page};
            if (state.slow_wakes_left > 0 && world.holds_others_up(node, page)) { actions.push_back(timer); }
        }
    }
    return actions;
}

void Exhaustive::apply(World &world, Action action) const {
    switch (action.kind) {
    case ActionKind::Run:
        world.run(action.subject);
        break;
    case ActionKind::Deliver:
        world.deliver(action.subject);
        break;
    case ActionKind::Evict:
        if (world.evict(action.subject, action.page)) { --world.state.evictions_left; }
        break;
    case ActionKind::Timer:
        --world.state.slow_wakes_left;
        world.now_us = much_later_us;
        world.timer(action.subject, action.page);
        world.now_us = 0;
        break;
    }
    make_canonical(world);
}

/// Time does not count; only its passing at a timer does.
void Exhaustive::make_canonical(World &world) const {
    for (auto &node : world.state.pages) {
        for (NodePage &entry : node) { entry.state.moved_at_us = 0; }
    }
}

std::uint64_t Exhaustive::hash(const State &state) const {
    std::uint64_t hash = 1;
    const unsigned nodes = std::max(test_.node_count(), 2U);
    for (unsigned node = 0; node < nodes; ++node) {
        for (unsigned page = 0; page < setting_.layout.pages; ++page) {
            hash = mixed_bytes(hash, state.pages[node][page]);
        }
        for (const sync::LockState &lock : state.locks[node]) { hash = mixed_bytes(hash, lock); }
    }
    for (const sync::WaitRecord &record : state.records) { hash = mixed_bytes(hash, record); }
    hash = mixed_bytes(hash, state.atomics);
    hash = mixed_bytes(hash, state.threads);
    for (unsigned i = 0; i < state.packets; ++i) { hash = mixed_bytes(hash, state.network[i]); }
    return mixed(hash, state.packets | state.evictions_left << 8 | state.slow_wakes_left << 16);
}

void Exhaustive::fail(const std::string &what) {
    result_.failure = what;
    result_.counterexample = path();
}

std::vector<std::string> Exhaustive::path() {
    std::vector<std::string> lines;
    World world(setting_, pool_.pool());
    set_up(world);
    world.trace = &lines;
    for (const Frame &frame : stack_) {
        if (frame.next == 0) { break; }
        const bool is_last = &frame == &stack_.back();
        if (is_last && is_trying_) { break; } // It would end the program once more.
        apply(world, frame.actions[frame.next - 1]);
    }
    return lines;
}

/// Nothing can happen any more. True when that is as it should be.
bool Exhaustive::at_end(World &world) {
    if (!world.is_finished()) {
        fail("deadlock: a thread waits for ever");
        return false;
    }
    const Outcome outcome = world.outcome();
    if (!world.failure().empty()) {
        fail(world.failure());
        return false;
    }
    ++result_.outcomes[outcome];
    if (!reference_.outcomes.contains(outcome)) {
        fail("an outcome that sequential consistency forbids: " + text(test_, outcome));
        return false;
    }
    return true;
}

ExhaustiveResult Exhaustive::run() {
    StateSet visited;
    World world(setting_, pool_.pool());
    set_up(world);
    visited.insert(hash(world.state));
    stack_.push_back({world.state, actions_of(world), 0});
    while (!stack_.empty() && result_.failure.empty() && visited.size() < options_.states_max) {
        Frame &frame = stack_.back();
        if (frame.next == frame.actions.size()) {
            stack_.pop_back();
            continue;
        }
        world.state = frame.state;
        is_trying_ = true;
        apply(world, frame.actions[frame.next++]);
        is_trying_ = false;
        ++result_.transitions;
        if (!world.failure().empty()) {
            fail(world.failure());
            break;
        }
        if (!visited.insert(hash(world.state))) { continue; }
        std::vector<Action> actions = actions_of(world);
        if (actions.empty()) {
            if (!at_end(world)) { break; }
            continue;
        }
        stack_.push_back({world.state, std::move(actions), 0});
    }
    result_.states = visited.size();
    result_.is_complete = stack_.empty();
    return std::move(result_);
}

} // namespace dsm::litmus
