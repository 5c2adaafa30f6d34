// What release memory may show: every interleaving, in which a load of a variable gives the value of any write that was
// done before and that no later one hides.
//
// Happens-before consistency (Manson, Pugh and Adve, "The Java Memory Model", 2005): a write hides another for a thread
// when the other happens before it and it happens before what the thread does. It is less than sequential consistency
// where there is a data race, and the same where there is none. Two things are stronger here: a load gives a value that
// was written before in time, so no value comes out of thin air; and of a variable that is written once, a thread that
// has seen the new value does not see the old one again. One is weaker: of two writes that race the one may take the
// other away with its notice, so a write that races with another hides nothing but from its own thread. Happens before:
// a thread's order, an unlock and later locks, a write of an atomic and reads of it, a barrier's two sides. The end is
// a barrier: a variable's final value is that of any write which happens before no other to it.
#include "tests/litmus/reference.hpp"

#include <algorithm>

namespace dsm::litmus {

namespace {

/// How many writes to variables of each thread happen before.
using Clock = std::array<std::uint8_t, threads_max>;

void join(Clock &clock, const Clock &other) {
    for (unsigned i = 0; i < threads_max; ++i) { clock[i] = std::max(clock[i], other[i]); }
}

struct Write {
    std::uint8_t thread;
    std::uint8_t number; ///< of the thread's writes; 0: the initial value
    std::uint8_t value;
    Clock seen; ///< what happens before it, and itself
    friend auto operator<=>(const Write &, const Write &) = default;
};

bool is_before(const Write &write, const Clock &clock) { return write.number <= clock[write.thread]; }

struct State {
    std::array<std::uint8_t, threads_max> next{};
    std::array<std::uint8_t, objects_max> holder{};     ///< of a lock: thread + 1
    Outcome values;                                     ///< of variables only at the end
    std::array<Clock, threads_max> clocks{};            ///< of threads
    std::array<Clock, objects_max> passed_on{};         ///< with a lock or an atomic
    std::array<std::vector<Write>, objects_max> writes; ///< sorted
    std::array<std::uint8_t, threads_max> has_seen{};   ///< variables that are written once, by object
    friend auto operator<=>(const State &, const State &) = default;
};

/// Whether another of the writes so far is neither before it nor behind it.
bool races(const Write &write, const std::vector<Write> &all) {
    return std::any_of(all.begin(), all.end(), [&](const Write &other) {
        return !is_before(other, write.seen) && !is_before(write, other.seen);
    });
}

class ReleaseEnumeration {
public:
    explicit ReleaseEnumeration(const LitmusTest &test) : test_(test) {}

    Reference run() {
        State state;
        for (unsigned i = 0; i < test_.objects.size(); ++i) {
            state.values.memory[i] = test_.objects[i].initial;
            if (test_.objects[i].kind == ObjectKind::Variable) {
                state.values.memory[i] = 0;
                state.writes[i].push_back({0, 0, test_.objects[i].initial, {}});
            }
        }
        for (const Thread &thread : test_.threads) {
            for (const Operation &operation : thread.operations) {
                if (writes(operation)) { ++writers_[operation.object]; }
            }
        }
        visit(state);
        result_.states = visited_.size();
        return std::move(result_);
    }

private:
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
        bool is_over = true;
        unsigned waiting = 0;
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            if (next[thread] == nullptr) { continue; }
            is_over = false;
            if (next[thread]->kind == OperationKind::Barrier) {
                ++waiting;
                continue;
            }
            go_on(state, thread, *next[thread]);
        }
        if (waiting == test_.threads.size()) { visit(behind_barrier(state)); }
        if (is_over) { end(state, 0); }
    }

    State behind_barrier(State state) const {
        Clock all{};
        for (const Clock &clock : state.clocks) { join(all, clock); }
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            state.clocks[thread] = all;
            ++state.next[thread];
        }
        return state;
    }

    void go_on(const State &state, unsigned thread, const Operation &operation) {
        if (operation.kind == OperationKind::Fence) {
            State next = state;
            ++next.next[thread];
            return visit(next);
        }
        switch (test_.objects[operation.object].kind) {
        case ObjectKind::Variable:
            return access(state, thread, operation);
        case ObjectKind::Atomic:
            return visit(after_atomic(state, thread, operation));
        case ObjectKind::Lock:
            if (operation.kind == OperationKind::Unlock || state.holder[operation.object] == 0) {
                visit(after_lock(state, thread, operation));
            }
        }
    }

    static State after_lock(State state, unsigned thread, const Operation &operation) {
        const bool takes = operation.kind == OperationKind::Lock;
        state.holder[operation.object] = static_cast<std::uint8_t>(takes ? thread + 1 : 0);
        if (takes) { join(state.clocks[thread], state.passed_on[operation.object]); }
        if (!takes) { state.passed_on[operation.object] = state.clocks[thread]; }
        ++state.next[thread];
        return state;
    }

    static State after_atomic(State state, unsigned thread, const Operation &operation) {
        std::uint8_t &value = state.values.memory[operation.object];
        if (operation.target != no_register) { state.values.registers[thread][operation.target] = value; }
        if (operation.kind != OperationKind::Store) { join(state.clocks[thread], state.passed_on[operation.object]); }
        if (writes(operation)) {
            value = applied(operation, value);
            state.passed_on[operation.object] = state.clocks[thread];
        }
        ++state.next[thread];
        return state;
    }

    /// Every value that the access may give.
    void access(const State &state, unsigned thread, const Operation &operation) {
        const unsigned object = operation.object;
        const Clock &clock = state.clocks[thread];
        const bool is_written_once = writers_[object] == 1;
        const auto bit = static_cast<std::uint8_t>(1U << object);
        if (operation.kind == OperationKind::Store) { return visit(written(state, thread, operation, 0)); }
        for (const Write &write : state.writes[object]) {
            const auto hides = [&](const Write &other) {
                return other.number != 0 && &other != &write && is_before(other, clock) &&
                       is_before(write, other.seen) && (other.thread == thread || !races(other, state.writes[object]));
            };
            if (std::any_of(state.writes[object].begin(), state.writes[object].end(), hides)) { continue; }
            State next = state;
            if (is_written_once && write.number == 0 && (state.has_seen[thread] & bit) != 0) { continue; }
            if (is_written_once && write.number != 0) { next.has_seen[thread] |= bit; }
            if (operation.target != no_register) { next.values.registers[thread][operation.target] = write.value; }
            if (writes(operation)) {
                visit(written(std::move(next), thread, operation, write.value));
            } else {
                ++next.next[thread];
                visit(std::move(next));
            }
        }
    }

    static State written(State state, unsigned thread, const Operation &operation, std::uint8_t before) {
        Clock &clock = state.clocks[thread];
        ++clock[thread];
        std::vector<Write> &all = state.writes[operation.object];
        all.push_back({static_cast<std::uint8_t>(thread), clock[thread], applied(operation, before), clock});
        std::sort(all.begin(), all.end());
        ++state.next[thread];
        return state;
    }

    /// Every combination of final values.
    void end(State &state, unsigned object) {
        if (object == test_.objects.size()) {
            result_.outcomes.insert(state.values);
            return;
        }
        if (test_.objects[object].kind != ObjectKind::Variable) { return end(state, object + 1); }
        const std::vector<Write> &all = state.writes[object];
        for (const Write &write : all) {
            const bool is_hidden = std::any_of(all.begin(), all.end(), [&](const Write &other) {
                return other.number != 0 && &other != &write && is_before(write, other.seen);
            });
            if (is_hidden) { continue; }
            state.values.memory[object] = write.value;
            end(state, object + 1);
        }
        state.values.memory[object] = 0;
    }

    const LitmusTest &test_;
    std::array<unsigned, objects_max> writers_{}; ///< operations that write it
    std::set<State> visited_;
    Reference result_;
};

} // namespace

Reference enumerate_release(const LitmusTest &test) { return ReleaseEnumeration(test).run(); }

} // namespace dsm::litmus
