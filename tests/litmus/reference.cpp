// Depth first over all interleavings; equal states are visited once.
#include "tests/litmus/reference.hpp"

namespace dsm::litmus {

namespace {

struct State {
    std::array<std::uint8_t, threads_max> next{};   ///< the operation each thread is at
    std::array<std::uint8_t, objects_max> holder{}; ///< of a lock: thread + 1, 0 for nobody
    Outcome values;
    friend auto operator<=>(const State &, const State &) = default;
};

class Enumeration {
public:
    explicit Enumeration(const LitmusTest &test) : test_(test) {}

    Reference run() {
        State state;
        for (unsigned i = 0; i < test_.objects.size(); ++i) { state.values.memory[i] = test_.objects[i].initial; }
        visit(state);
        result_.states = visited_.size();
        return std::move(result_);
    }

private:
    /// The thread's next operation that is done; nullptr at its end. Operations whose condition fails are passed over.
    const Operation *next_of(State &state, unsigned thread) const {
        const auto &operations = test_.threads[thread].operations;
        while (state.next[thread] < operations.size()) {
            const Operation &operation = operations[state.next[thread]];
            if (is_done(operation, state.values.registers[thread])) { return &operation; }
            ++state.next[thread];
        }
        return nullptr;
    }

    void visit(State state) {
        std::array<const Operation *, threads_max> next{};
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) { next[thread] = next_of(state, thread); }
        if (!visited_.insert(state).second) { return; }
        look_for_race(next);
        bool is_over = true;
        bool can_go_on = false;
        unsigned waiting = 0;
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            if (next[thread] == nullptr) { continue; }
            is_over = false;
            if (next[thread]->kind == OperationKind::Barrier) {
                ++waiting;
                continue;
            }
            if (next[thread]->kind == OperationKind::Lock && state.holder[next[thread]->object] != 0) { continue; }
            can_go_on = true;
            visit(after(state, thread, *next[thread]));
        }
        if (waiting == test_.threads.size()) {
            can_go_on = true;
            State together = state;
            for (unsigned thread = 0; thread < waiting; ++thread) { ++together.next[thread]; }
            visit(together);
        }
        if (is_over) { result_.outcomes.insert(state.values); }
        if (!is_over && !can_go_on) { result_.has_deadlock = true; }
    }

    static State after(State state, unsigned thread, const Operation &operation) {
        std::uint8_t &value = state.values.memory[operation.object];
        if (operation.kind == OperationKind::Lock) {
            state.holder[operation.object] = static_cast<std::uint8_t>(thread + 1);
        }
        if (operation.kind == OperationKind::Unlock) { state.holder[operation.object] = 0; }
        if (operation.target != no_register) { state.values.registers[thread][operation.target] = value; }
        if (writes(operation)) { value = applied(operation, value); }
        ++state.next[thread];
        return state;
    }

    void look_for_race(const std::array<const Operation *, threads_max> &next) {
        const auto accesses = [&](const Operation *operation) {
            return operation != nullptr && (operation->kind == OperationKind::Load || writes(*operation)) &&
                   test_.objects[operation->object].kind == ObjectKind::Variable;
        };
        for (unsigned a = 0; a < threads_max; ++a) {
            for (unsigned b = a + 1; b < threads_max; ++b) {
                if (!accesses(next[a]) || !accesses(next[b]) || next[a]->object != next[b]->object) { continue; }
                if (writes(*next[a]) || writes(*next[b])) { result_.has_race = true; }
            }
        }
    }

    const LitmusTest &test_;
    std::set<State> visited_;
    Reference result_;
};

} // namespace

Reference enumerate(const LitmusTest &test) { return Enumeration(test).run(); }

std::vector<std::string> check_verdicts(const LitmusTest &test, const Reference &reference) {
    std::vector<std::string> findings;
    if (reference.has_deadlock) { findings.emplace_back("the threads can block each other for ever"); }
    const Reference release = enumerate_release(test);
    if (!reference.has_race && release.outcomes != reference.outcomes) {
        findings.emplace_back("without a data race release memory has the outcomes of sequential memory");
    }
    for (const Condition &condition : test.conditions) {
        bool is_possible = false;
        for (const Outcome &outcome : reference.outcomes) { is_possible = is_possible || holds(condition, outcome); }
        const auto find = [&](const std::string &what) {
            findings.push_back("line " + std::to_string(condition.line) + ": " + text(test, condition) + ": " + what);
        };
        if (is_possible == (condition.sequential == Verdict::Forbidden)) {
            find(std::string("sequential consistency ") + (is_possible ? "allows" : "forbids") + " it");
        }
        if (condition.release == Verdict::Undefined) {
            if (!reference.has_race) { find("the program has no data race, so release memory has a verdict"); }
            continue;
        }
        bool is_shown = false;
        for (const Outcome &outcome : release.outcomes) { is_shown = is_shown || holds(condition, outcome); }
        if (is_shown == (condition.release == Verdict::Forbidden)) {
            find(std::string("release memory ") + (is_shown ? "may show" : "never shows") + " it");
        }
    }
    return findings;
}

} // namespace dsm::litmus
