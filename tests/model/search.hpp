// Breadth-first search over a model's states by several threads: level by level, so that a counter-example is a
// shortest one. Of a state that was reached only the fingerprint stays, and how it was reached; the states themselves
// are kept for one level.
//
// A model gives: State (compared byte by byte), initial(), actions(state), apply(state, action, tally), which leaves
// the state in its canonical form, check(state, actions, tally), happens_by_itself(action), is_quiet(state), and a
// Tally.
#pragma once

#include "tests/model/visited_set.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>

namespace dsm::model {

/// What can happen in a state, at most so much.
struct ActionList {
    std::array<std::uint32_t, 160> actions;
    unsigned count = 0;
    void add(std::uint32_t action) { actions.at(count++) = action; }
};

struct SearchLimits {
    unsigned threads = 2;
    std::uint64_t states_max = 2'000'000'000;
    /// Also keep all transitions, and ask whether from every state all can come to rest by themselves.
    bool checks_liveness = false;
};

struct SearchResult {
    const char *failure = nullptr;
    std::vector<std::uint32_t> path; ///< actions from the beginning to the failure
    std::uint64_t states = 0;
    std::uint64_t transitions = 0;
    unsigned depth = 0;
    std::uint64_t states_stuck = 0; ///< that cannot come to rest (checks_liveness)
    std::uint64_t states_quiet = 0; ///< in which all rests
    bool is_complete = false;
    double seconds = 0;
};

template <class Model> class Search {
    using State = typename Model::State;
    static_assert(std::has_unique_object_representations_v<State>);

public:
    Search(Model &model, const SearchLimits &limits)
        : model_(model), limits_(limits), visited_(limits.checks_liveness), workers_(limits.threads) {}

    SearchResult run();
    /// The actions that lead to what this thread is doing, for a check in the shipped code that ends the program. Only
    /// with one thread.
    std::vector<std::uint32_t> path_to_current() const { return path_to(current_parent_, current_action_); }
    std::uint64_t states() const {
        std::uint64_t all = 0;
        for (const Worker &worker : workers_) { all += worker.trail.size(); }
        return all;
    }
    typename Model::Tally tally() const {
        typename Model::Tally all{};
        for (const Worker &worker : workers_) { all.add(worker.tally); }
        return all;
    }

private:
    // A ref is index * workers_max + worker + 1. What is kept for each state: the parent's ref and the action.
    static constexpr unsigned workers_max = 16;
    static constexpr unsigned action_bits = 20;
    static constexpr std::size_t block_states = 1024;

    struct Reached {
        State state;
        StateRef ref;
    };
    using Block = std::vector<Reached>;
    struct Edge {
        StateRef from, to;
    };
    struct alignas(64) Worker {
        std::vector<std::uint64_t> trail;
        std::vector<std::unique_ptr<Block>> next;
        std::vector<Edge> edges;
        std::vector<StateRef> quiet;
        typename Model::Tally tally{};
        std::uint64_t transitions = 0;
        std::uint64_t quiet_count = 0;
        const char *failure = nullptr;
        StateRef failure_parent = 0;
        std::uint32_t failure_action = 0;
    };

    StateRef enter(unsigned worker, StateRef parent, std::uint32_t action, const State &state, bool &is_new);
    void keep(Worker &worker, const State &state, StateRef ref);
    void expand(unsigned worker, const Reached &reached);
    void run_level(const std::vector<std::unique_ptr<Block>> &level);
    void find_stuck(SearchResult &result);
    std::vector<std::uint32_t> path_to(StateRef parent, std::uint32_t last) const;

    Model &model_;
    SearchLimits limits_;
    VisitedSet visited_;
    std::vector<Worker> workers_;
    std::atomic<bool> stops_ = false;
    StateRef current_parent_ = 0;
    std::uint32_t current_action_ = 0;
};

template <class Model> StateRef Search<Model>::enter(unsigned worker, StateRef parent, std::uint32_t action,
                                                     const State &state, bool &is_new) {
    Worker &self = workers_[worker];
    const StateRef ref = self.trail.size() * workers_max + worker + 1;
    const auto [fresh, found] = visited_.insert(fingerprint(&state, sizeof state), ref);
    is_new = fresh;
    if (is_new) { self.trail.push_back(parent << action_bits | action); }
    return found;
}

template <class Model> void Search<Model>::keep(Worker &worker, const State &state, StateRef ref) {
    if (worker.next.empty() || worker.next.back()->size() == block_states) {
        worker.next.push_back(std::make_unique<Block>());
        worker.next.back()->reserve(block_states);
    }
    worker.next.back()->push_back({state, ref});
}

template <class Model> void Search<Model>::expand(unsigned worker, const Reached &reached) {
    Worker &self = workers_[worker];
    ActionList actions;
    model_.actions(reached.state, actions);
    for (unsigned i = 0; i < actions.count; ++i) {
        const std::uint32_t action = actions.actions[i];
        if (limits_.threads == 1) {
            current_parent_ = reached.ref;
            current_action_ = action;
        }
        State next = reached.state;
        const char *failure = model_.apply(next, action, self.tally);
        ++self.transitions;
        bool is_new = false;
        StateRef ref = 0;
        if (failure == nullptr) {
            ref = enter(worker, reached.ref, action, next, is_new);
            if (limits_.checks_liveness && model_.happens_by_itself(action)) {
                self.edges.push_back({reached.ref, ref});
            }
        }
        if (failure == nullptr && is_new) {
            ActionList next_actions;
            model_.actions(next, next_actions);
            failure = model_.check(next, next_actions, self.tally);
            keep(self, next, ref);
            if (model_.is_quiet(next)) {
                ++self.quiet_count;
                if (limits_.checks_liveness) { self.quiet.push_back(ref); }
            }
        }
        if (failure != nullptr) {
            self.failure = failure;
            self.failure_parent = reached.ref;
            self.failure_action = action;
            stops_ = true;
            return;
        }
    }
}

template <class Model> void Search<Model>::run_level(const std::vector<std::unique_ptr<Block>> &level) {
    std::atomic<std::size_t> next_block = 0;
    const auto work = [&](unsigned worker) {
        for (std::size_t at = next_block++; at < level.size() && !stops_; at = next_block++) {
            for (const Reached &reached : *level[at]) {
                if (!stops_) { expand(worker, reached); }
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned worker = 1; worker < limits_.threads; ++worker) { threads.emplace_back(work, worker); }
    work(0);
    for (std::thread &thread : threads) { thread.join(); }
}

template <class Model> SearchResult Search<Model>::run() {
    const auto began = std::chrono::steady_clock::now();
    SearchResult result;
    bool is_new = false;
    const State first = model_.initial();
    keep(workers_[0], first, enter(0, 0, 0, first, is_new));
    ActionList first_actions;
    model_.actions(first, first_actions);
    result.failure = model_.check(first, first_actions, workers_[0].tally);
    std::vector<std::unique_ptr<Block>> level = std::move(workers_[0].next);
    while (!level.empty() && !stops_) {
        for (Worker &worker : workers_) { worker.next.clear(); }
        run_level(level);
        level.clear();
        result.states = 0;
        for (Worker &worker : workers_) {
            std::move(worker.next.begin(), worker.next.end(), std::back_inserter(level));
            result.states += worker.trail.size();
        }
        ++result.depth;
        if (result.states > limits_.states_max) { stops_ = true; }
    }
    for (const Worker &worker : workers_) {
        result.transitions += worker.transitions;
        result.states_quiet += worker.quiet_count;
        if (worker.failure == nullptr || result.failure != nullptr) { continue; }
        result.failure = worker.failure;
        result.path = path_to(worker.failure_parent, worker.failure_action);
    }
    result.is_complete = !stops_;
    if (limits_.checks_liveness && result.is_complete) { find_stuck(result); }
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return result;
}

/// Backwards from the states in which all rests, along what happens by itself: what is not met cannot come to rest.
template <class Model> void Search<Model>::find_stuck(SearchResult &result) {
    std::vector<std::uint64_t> base(workers_.size() + 1);
    for (std::size_t i = 0; i < workers_.size(); ++i) { base[i + 1] = base[i] + workers_[i].trail.size(); }
    const auto number = [&](StateRef ref) { return base[(ref - 1) % workers_max] + (ref - 1) / workers_max; };
    const std::uint64_t states = base.back();
    std::vector<std::uint64_t> ends(states + 1);
    for (const Worker &worker : workers_) {
        for (const Edge &edge : worker.edges) { ++ends[number(edge.to) + 1]; }
    }
    for (std::uint64_t i = 0; i < states; ++i) { ends[i + 1] += ends[i]; }
    std::vector<std::uint32_t> sources(ends.back());
    std::vector<std::uint64_t> at(ends.begin(), ends.end() - 1);
    for (const Worker &worker : workers_) {
        for (const Edge &edge : worker.edges) {
            sources[at[number(edge.to)]++] = static_cast<std::uint32_t>(number(edge.from));
        }
    }
    std::vector<bool> can_rest(states);
    std::vector<std::uint64_t> open;
    const auto reach = [&](std::uint64_t state) {
        if (can_rest[state]) { return; }
        can_rest[state] = true;
        open.push_back(state);
    };
    reach(0); // The beginning: nothing has happened.
    for (const Worker &worker : workers_) {
        for (const StateRef ref : worker.quiet) { reach(number(ref)); }
    }
    while (!open.empty()) {
        const std::uint64_t state = open.back();
        open.pop_back();
        for (std::uint64_t i = ends[state]; i < ends[state + 1]; ++i) { reach(sources[i]); }
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        for (std::uint64_t index = 0; index < workers_[i].trail.size(); ++index) {
            if (can_rest[base[i] + index]) { continue; }
            if (result.states_stuck++ > 0) { continue; }
            result.failure = "liveness: from here nobody's wait ends any more";
            const std::uint64_t step = workers_[i].trail[index];
            result.path = path_to(step >> action_bits, step & ((1U << action_bits) - 1));
        }
    }
}

template <class Model> std::vector<std::uint32_t> Search<Model>::path_to(StateRef parent, std::uint32_t last) const {
    std::vector<std::uint32_t> path{last};
    for (StateRef ref = parent; ref != 0;) {
        const std::uint64_t step = workers_[(ref - 1) % workers_max].trail[(ref - 1) / workers_max];
        ref = step >> action_bits;
        if (ref != 0) { path.push_back(static_cast<std::uint32_t>(step & ((1U << action_bits) - 1))); }
    }
    std::reverse(path.begin(), path.end());
    return path;
}

} // namespace dsm::model
