// Threads, locks, atomics and barriers of a litmus test over release memory.
#include "tests/litmus/release_threads.hpp"

#include "libdsm/protocol/release/interval.hpp"
#include "libdsm/sync/atomic_value.hpp"

#include <algorithm>

namespace dsm::litmus {

using protocol::has;
using release_test::Node;
using release_test::NodePage;
using release_test::ReleaseFlag;
using release_test::SyncMessage;

const char *name_of(Manner manner) {
    switch (manner) {
    case Manner::Stay:
        return "stay";
    case Manner::Move:
        return "move";
    case Manner::Bind:
        return "bind";
    case Manner::Eager:
        return "eager";
    case Manner::Touch:
        return "touch";
    case Manner::Push:
        return "push";
    }
    return "?";
}

protocol::ReleaseLimits limits_of(Manner manner) {
    protocol::ReleaseLimits limits;
    limits.bind_streak = manner == Manner::Bind ? 1 : 0;
    limits.move_streak = manner == Manner::Move || manner == Manner::Touch ? 1 : 0;
    if (manner == Manner::Eager) {
        limits.hot_faults = 1;
        limits.refresh_misses = 0;
    }
    if (manner == Manner::Push) {
        limits.hot_faults = 0;
        limits.push_streak = 0;
        limits.lines_max = 1;
    }
    return limits;
}

ReleaseSetting release_setting(const LitmusTest &test, Placement placement, Manner manner) {
    ReleaseSetting setting{test, layout_of(test, placement), {}};
    setting.world.nodes = std::max(test.node_count(), 2U);
    setting.world.pages = std::max(setting.layout.pages, 1U);
    // A page has as many bytes as there are variables in it: its own alone, or all.
    const auto variables =
        static_cast<unsigned>(std::count_if(test.objects.begin(), test.objects.end(),
                                            [](const Object &object) { return object.kind == ObjectKind::Variable; }));
    const bool is_apart = setting.layout.pages > 1 || variables <= 1;
    setting.world.page_bytes = is_apart ? 1 : variables;
    for (std::uint8_t &slot : setting.layout.slot_of) { slot = is_apart ? std::uint8_t{0} : slot; }
    for (unsigned page = 0; page < setting.world.pages; ++page) {
        setting.world.homes.push_back(setting.layout.page_home[page]);
    }
    setting.world.first_touch = manner == Manner::Touch;
    setting.world.limits = limits_of(manner);
    return setting;
}

ReleaseThreads::ReleaseThreads(const ReleaseSetting &setting, protocol::SetPool &pool)
    : setting_(&setting), world_(setting.world, pool) {
    for (unsigned i = 0; i < setting.test.objects.size(); ++i) {
        const Object &object = setting.test.objects[i];
        if (object.kind == ObjectKind::Atomic) { atomics_[i] = object.initial; }
        if (object.kind == ObjectKind::Lock) { locks_[setting.layout.lock_of[i]].token_at = setting.layout.home_of[i]; }
    }
    for (unsigned thread = 0; thread < setting.test.threads.size(); ++thread) { pass_over(thread); }
}

void ReleaseThreads::set_trace(std::vector<std::string> *trace) {
    world_.trace = nullptr;
    if (trace != nullptr) {
        world_.trace = [trace](const std::string &line) { trace->push_back("    " + line); };
    }
}

// ---- Before the test

void ReleaseThreads::touch(unsigned node, unsigned page, Access wanted) {
    for (unsigned turn = 0; world_.access(node, page) < wanted; ++turn) {
        if (turn == 16) {
            failure_ = "a page does not come before the test begins";
            return;
        }
        world_.fault(node, page, {.access = wanted, .is_awaited = true});
        drain();
    }
}

/// Initial values, or others.
void ReleaseThreads::write_all(unsigned node, unsigned page, bool are_initial) {
    touch(node, page, Access::Write);
    for (unsigned i = 0; i < setting_->test.objects.size() && failure().empty(); ++i) {
        const Object &object = setting_->test.objects[i];
        if (object.kind != ObjectKind::Variable || setting_->layout.page_of[i] != page) { continue; }
        const unsigned value = are_initial ? object.initial : object.initial + 0x55U;
        world_.write(node, page, setting_->layout.slot_of[i], static_cast<std::uint8_t>(value));
    }
}

/// A barrier of all.
void ReleaseThreads::meet() {
    for (unsigned node = 0; node < setting_->world.nodes; ++node) { (void)world_.release(node); }
    drain();
    for (unsigned from = 0; from < setting_->world.nodes; ++from) {
        for (unsigned to = 0; to < setting_->world.nodes; ++to) {
            if (from != to) { world_.send(from, to, {Meeting, 0, 0, 0}); }
        }
    }
    drain();
}

void ReleaseThreads::drain() {
    do {
        for (unsigned node = 0; node < setting_->world.nodes; ++node) { take_steps(node); }
        settle();
        if (!world_.network.empty()) { world_.deliver(0); }
        for (unsigned node = 0; node < setting_->world.nodes; ++node) { take_steps(node); }
        settle();
    } while (!world_.network.empty() && failure().empty());
}

void ReleaseThreads::begin(Start start) {
    const bool has_values =
        std::any_of(setting_->test.objects.begin(), setting_->test.objects.end(),
                    [](const Object &object) { return object.kind == ObjectKind::Variable && object.initial != 0; });
    for (unsigned page = 0; page < setting_->layout.pages && has_values; ++page) {
        write_all(setting_->layout.page_home[page], page, true);
    }
    if (has_values) { meet(); }
    if (start == Start::Cold) { return; }
    const unsigned last = setting_->world.nodes - 1;
    if (start == Start::Away) {
        for (const bool are_initial : {false, true}) {
            for (unsigned page = 0; page < setting_->layout.pages; ++page) { write_all(last, page, are_initial); }
            meet();
        }
        return;
    }
    for (unsigned page = 0; page < setting_->layout.pages; ++page) {
        for (unsigned node = 0; node < setting_->world.nodes; ++node) { touch(node, page, Access::Read); }
    }
}

// ---- What may happen

bool ReleaseThreads::waits_for(unsigned thread, unsigned lock) const {
    if (is_finished(thread) || threads_[thread].phase != Phase::Lock) { return false; }
    return setting_->layout.lock_of[operation_of(thread).object] == lock;
}

bool ReleaseThreads::can_run(unsigned thread) const {
    if (is_finished(thread)) { return false; }
    const ThreadState &own = threads_[thread];
    const unsigned node = node_of(thread);
    switch (own.phase) {
    case Phase::Ready:
        return true;
    case Phase::Page:
        return own.is_woken;
    case Phase::Lock: {
        const LockState &lock = locks_[setting_->layout.lock_of[operation_of(thread).object]];
        return lock.token_at == node && lock.holder == 0 && !lock.leaves;
    }
    case Phase::Answer:
        return own.is_answered;
    case Phase::Barrier:
        return departed_[node] >= own.barriers;
    case Phase::Updates:
        return own.is_updated;
    }
    return false;
}

std::vector<ReleaseAction> ReleaseThreads::actions() const {
    std::vector<ReleaseAction> list;
    const auto add = [&](ReleaseEvent event, std::size_t first, std::size_t second) {
        list.push_back({event, static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(second)});
    };
    for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
        if (can_run(thread)) { add(ReleaseEvent::Run, thread, 0); }
    }
    for (unsigned number = 0; number < locks_max; ++number) {
        const LockState &lock = locks_[number];
        if (lock.holder != 0 || lock.leaves || lock.is_owed) { continue; }
        for (unsigned to = 0; to < setting_->world.nodes; ++to) {
            bool is_wanted = false;
            for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
                is_wanted = is_wanted || (node_of(thread) == to && waits_for(thread, number));
            }
            if (is_wanted && to != lock.token_at) { add(ReleaseEvent::Pass, number, to); }
        }
    }
    for (std::size_t i = 0; i < world_.network.size(); ++i) {
        add(ReleaseEvent::Deliver, i, 0);
        if (world_.network[i].put == release_test::Put::Due) { add(ReleaseEvent::Put, i, 0); }
    }
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        const Node &self = world_.nodes[node];
        for (std::size_t i = 0; i < self.intakes.size(); ++i) {
            if (world_.may_take_in(node, self.intakes[i])) { add(ReleaseEvent::TakeIn, node, i); }
        }
        if (world_.is_closing(node)) { add(ReleaseEvent::Close, node, 0); }
    }
    if (list.empty() || evictions_left == 0) { return list; }
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        for (unsigned page = 0; page < setting_->layout.pages; ++page) {
            const auto &state = world_.at(node, page).state;
            if (state.access != Access::None && !is_home(state)) { add(ReleaseEvent::Evict, node, page); }
        }
    }
    return list;
}

void ReleaseThreads::apply(ReleaseAction action) {
    switch (action.event) {
    case ReleaseEvent::Run:
        run(action.first);
        break;
    case ReleaseEvent::Pass: {
        LockState &lock = locks_[action.first];
        lock.leaves = true;
        note("lock " + std::to_string(action.first) + " is to go to node " + std::to_string(action.second));
        release_and_send(lock.token_at, action.second, {Token, action.first, 0, 0}, action.first + 1U);
        break;
    }
    case ReleaseEvent::Deliver:
        world_.deliver(action.first);
        break;
    case ReleaseEvent::Put:
        world_.do_put(action.first);
        break;
    case ReleaseEvent::TakeIn:
        world_.take_in(action.first, action.second);
        break;
    case ReleaseEvent::Close:
        world_.close_next(action.first);
        break;
    case ReleaseEvent::Evict:
        evictions_left -= world_.evict(action.first, action.second) ? 1 : 0;
        break;
    }
    settle();
}

// ---- Threads

void ReleaseThreads::run(unsigned thread) {
    const Operation &operation = operation_of(thread);
    ThreadState &own = threads_[thread];
    if (world_.trace) {
        note("thread " + std::to_string(thread) + " " + text(setting_->test, operation) +
             (own.phase == Phase::Ready ? "" : ", goes on"));
    }
    own.is_woken = false;
    if (own.phase == Phase::Updates) {
        own.is_updated = false;
        own.awaited = 0;
        return finish_operation(thread, own.value);
    }
    if (operation.kind == OperationKind::Fence) { return finish_operation(thread, 0); }
    if (operation.kind == OperationKind::Barrier) { return run_barrier(thread); }
    switch (setting_->test.objects[operation.object].kind) {
    case ObjectKind::Variable:
        return run_access(thread);
    case ObjectKind::Lock:
        return run_lock(thread);
    case ObjectKind::Atomic:
        return run_atomic(thread);
    }
}

void ReleaseThreads::run_access(unsigned thread) {
    const Operation &operation = operation_of(thread);
    const unsigned node = node_of(thread);
    const unsigned page = setting_->layout.page_of[operation.object];
    const unsigned slot = setting_->layout.slot_of[operation.object];
    const Access wanted = writes(operation) ? Access::Write : Access::Read;
    if (world_.access(node, page) < wanted) {
        world_.fault(node, page, {.access = wanted, .is_awaited = true, .lock = threads_[thread].lock});
        threads_[thread].phase = Phase::Page;
        return;
    }
    const std::uint8_t before = world_.at(node, page).frame.at(slot);
    if (writes(operation)) { world_.write(node, page, slot, applied(operation, before)); }
    finish_operation(thread, before);
}

void ReleaseThreads::run_lock(unsigned thread) {
    const Operation &operation = operation_of(thread);
    const unsigned number = setting_->layout.lock_of[operation.object];
    LockState &lock = locks_[number];
    ThreadState &own = threads_[thread];
    if (operation.kind == OperationKind::Unlock) {
        lock.holder = 0;
        own.lock = 0;
        return finish_operation(thread, 0);
    }
    own.phase = Phase::Lock;
    if (!can_run(thread)) { return; }
    lock.holder = static_cast<std::uint8_t>(thread + 1);
    lock.is_owed = false;
    own.lock = static_cast<std::uint8_t>(number + 1);
    acquired(thread, 0);
}

/// At the home at once; from elsewhere by a request and its answer, at which the operation is done.
void ReleaseThreads::run_atomic(unsigned thread) {
    ThreadState &own = threads_[thread];
    if (own.phase == Phase::Answer) {
        own.is_answered = false;
        return acquired(thread, own.value);
    }
    const unsigned home = setting_->layout.home_of[operation_of(thread).object];
    if (home == node_of(thread)) { return acquired(thread, apply_atomic(thread)); }
    own.phase = Phase::Answer;
    release_and_send(node_of(thread), home, {Request, 0, static_cast<std::uint8_t>(thread), 0}, 0);
}

std::uint8_t ReleaseThreads::apply_atomic(unsigned thread) {
    const Operation &operation = operation_of(thread);
    const auto kind = [&] {
        if (operation.kind == OperationKind::Store) { return sync::AtomicOperation::Store; }
        if (operation.kind == OperationKind::Exchange) { return sync::AtomicOperation::Exchange; }
        if (operation.kind == OperationKind::FetchAdd) { return sync::AtomicOperation::FetchAdd; }
        return sync::AtomicOperation::Load;
    }();
    std::uint64_t &value = atomics_[operation.object];
    const std::uint64_t before = value;
    value = sync::apply(kind, 1, before, operation.value, 0);
    return static_cast<std::uint8_t>(before);
}

void ReleaseThreads::run_barrier(unsigned thread) {
    ThreadState &own = threads_[thread];
    if (own.phase == Phase::Barrier) { return acquired(thread, 0); }
    ++own.barriers;
    own.phase = Phase::Barrier;
    if (node_of(thread) == 0) { return arrive(); }
    release_and_send(node_of(thread), 0, {Arrive, 0, 0, 0}, 0);
}

/// A thread at node 0.
void ReleaseThreads::arrive() {
    if (++arrived_ < setting_->test.threads.size()) { return; }
    arrived_ = 0;
    ++departed_[0];
    for (unsigned node = 1; node < setting_->world.nodes; ++node) { release_and_send(0, node, {Depart, 0, 0, 0}, 0); }
}

/// Who acquires waits for the updates that are due (R8).
void ReleaseThreads::acquired(unsigned thread, std::uint8_t value) {
    ThreadState &own = threads_[thread];
    protocol::UpdateRounds &rounds = world_.nodes[node_of(thread)].update_rounds;
    const std::uint64_t awaited = protocol::updates_to_await(rounds);
    if (protocol::are_updates_done(rounds, awaited)) { return finish_operation(thread, value); }
    own.phase = Phase::Updates;
    own.value = value;
    own.awaited = static_cast<std::uint8_t>(awaited);
}

void ReleaseThreads::finish_operation(unsigned thread, std::uint8_t value) {
    ThreadState &own = threads_[thread];
    const Operation &operation = operation_of(thread);
    if (operation.target != no_register) {
        own.registers[operation.target] = value;
        if (world_.trace) { note("thread " + std::to_string(thread) + " has " + std::to_string(value)); }
    }
    own.phase = Phase::Ready;
    own.value = 0;
    ++own.next;
    pass_over(thread);
    bool is_last = is_finished(thread);
    for (unsigned other = 0; other < setting_->test.threads.size(); ++other) {
        is_last = is_last && (node_of(other) != node_of(thread) || is_finished(other));
    }
    if (is_last) { (void)world_.release(node_of(thread)); }
}

void ReleaseThreads::pass_over(unsigned thread) {
    ThreadState &own = threads_[thread];
    while (!is_finished(thread) && !is_done(operation_of(thread), own.registers)) { ++own.next; }
}

bool ReleaseThreads::is_finished() const {
    for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
        if (!is_finished(thread)) { return false; }
    }
    return held_.empty();
}

// ---- The end

Outcome ReleaseThreads::outcome() {
    Outcome result;
    world_.check_quiet(false);
    meet();
    world_.check_quiet(false);
    for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
        result.registers[thread] = threads_[thread].registers;
    }
    for (unsigned i = 0; i < setting_->test.objects.size(); ++i) {
        switch (setting_->test.objects[i].kind) {
        case ObjectKind::Variable:
            result.memory[i] = final_value(setting_->layout.page_of[i], setting_->layout.slot_of[i]);
            break;
        case ObjectKind::Atomic:
            result.memory[i] = static_cast<std::uint8_t>(atomics_[i]);
            break;
        case ObjectKind::Lock:
            break;
        }
    }
    return result;
}

/// The home's value, which every copy has after a barrier.
std::uint8_t ReleaseThreads::final_value(unsigned page, unsigned slot) {
    std::uint8_t value = 0;
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        const NodePage &entry = world_.at(node, page);
        const bool is_new = !has(entry.state, ReleaseFlag::Started);
        if (!is_home(entry.state) || is_new || has(entry.state, ReleaseFlag::Zero)) { continue; }
        value = entry.frame.at(slot);
    }
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        const NodePage &entry = world_.at(node, page);
        if (entry.state.access != Access::None && entry.frame.at(slot) != value) {
            failure_ = "after a barrier node " + std::to_string(node) + " has a copy of page " + std::to_string(page) +
                       " that differs from the home's";
        }
    }
    return value;
}

} // namespace dsm::litmus
