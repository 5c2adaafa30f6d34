// The simulated job: the scheduler, the network, and the threads' calls. The checks are in sync_oracle.cpp.
#include "tests/simulation/sync/sync_world.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace dsm::sync_test {

namespace {
constexpr unsigned first_condition = 100; // LockIds of locks, conditions and barriers differ
constexpr unsigned first_barrier = 200;
} // namespace

/// Effects of a step at one node.
class NodeEffects final : public LockEffects, public ConditionEffects, public BarrierEffects {
public:
    NodeEffects(World &world, unsigned node) : world_(world), node_(node) {}
    void send(NodeId to, const LockMessage &message) override {
        LockOracle &oracle = world_.oracles_[message.lock.value];
        switch (message.kind) {
        case LockMessageKind::Request:
            ++oracle.requests_in_flight;
            world_.counts_.forwards += message.sends != 0;
            break;
        case LockMessageKind::Token:
            ++oracle.tokens_in_flight;
            ++world_.counts_.tokens;
            break;
        case LockMessageKind::TryGrant:
            ++world_.counts_.lendings;
            ++oracle.grants_in_flight;
            break;
        case LockMessageKind::Return:
            ++oracle.returns_in_flight;
            break;
        case LockMessageKind::ReturnAck:
            ++oracle.acks_in_flight;
            break;
        case LockMessageKind::Kept:
            ++world_.counts_.kept;
            break;
        case LockMessageKind::TryLater:
            ++world_.counts_.laters;
            break;
        case LockMessageKind::TryAhead:
            ++world_.counts_.tries_ahead;
            break;
        case LockMessageKind::TryRequest:
        case LockMessageKind::TryBusy:
            break;
        }
        ++oracle.messages_in_flight;
        if (message.kind == LockMessageKind::Token) { oracle.token_to = to; }
        world_.post(node_, to, message);
    }
    void send(NodeId to, const ConditionMessage &message) override { world_.post(node_, to, message); }
    void send(NodeId to, const BarrierMessage &message) override { world_.post(node_, to, message); }
    void deliver_here(const ConditionMessage &message) override { world_.deliver_condition(node_, message); }
    void wake(WaitSlot slot) override { world_.wake(node_, slot); }
    void open(std::uint32_t generation) override {
        Node &node = world_.nodes_[node_];
        if (generation != node.tree_opened) { fail("node %u opens generation %u twice or early", node_, generation); }
        node.tree_opened = generation + 1;
        for (Thread &thread : world_.threads_) {
            if (thread.node == node_) { thread.is_woken = true; }
        }
    }

private:
    World &world_;
    unsigned node_;
};

World::World(const WorldOptions &options, std::uint64_t seed) : options_(options), random_(seed) {
    message_weight_ = random_.between(2, 14);
    delay_steps_ = random_.one_in(3) ? 1 : random_.between(10, 400);
    nodes_.resize(options.nodes);
    for (Node &node : nodes_) {
        node.locks.resize(options.locks);
        node.conditions.resize(options.conditions);
        node.barriers.resize(options.barriers);
        node.records.resize(options.threads_per_node);
        node.condition_records.resize(options.condition_records);
        node.barrier_records.resize(options.barrier_records);
    }
    threads_.resize(std::size_t{options.nodes} * options.threads_per_node);
    for (unsigned i = 0; i < threads_.size(); ++i) {
        const unsigned node = i / options.threads_per_node;
        const unsigned slot = i % options.threads_per_node;
        const Rank rank{static_cast<std::int32_t>(node * 2 + slot % 2)}; // two ranks on a node
        threads_[i] = Thread{node, rank, WaitSlot{slot}, lock_owner(rank, slot + 1), false, false, nullptr, 0};
    }
    oracles_.resize(options.locks);
    for (LockOracle &oracle : oracles_) {
        oracle.takes_since_next.resize(options.nodes);
        oracle.takes_past_head.resize(options.nodes);
        oracle.head_seen.resize(options.nodes);
    }
}

void World::trace(const char *format, ...) const {
    if (!options_.traces) { return; }
    std::printf("%6llu  ", static_cast<unsigned long long>(counts_.steps));
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("\n");
}

LockContext World::lock_context(unsigned node, unsigned lock) {
    return {LockId{lock},           NodeId{static_cast<std::uint16_t>(node)},
            home_of(lock),          static_cast<std::uint16_t>(options_.nodes),
            nodes_[node].records,   options_.local_hand_overs_max,
            options_.barges_max,    options_.relocks_max,
            options_.mutations.lock};
}

ConditionContext World::condition_context(unsigned node, unsigned condition) {
    return {LockId{first_condition + condition}, NodeId{static_cast<std::uint16_t>(node)},
            RecordPool<ConditionRecord>(nodes_[node].condition_pool, nodes_[node].condition_records),
            options_.mutations.condition};
}

CountedBarrierContext World::barrier_context(unsigned node, unsigned barrier) {
    return {LockId{first_barrier + barrier},
            NodeId{static_cast<std::uint16_t>(node)},
            home_of(first_barrier + barrier),
            nodes_[node].records,
            RecordPool<BarrierRecord>(nodes_[node].barrier_pool, nodes_[node].barrier_records),
            options_.mutations.barrier};
}

TreeBarrierContext World::tree_context(unsigned node) const {
    return {NodeId{static_cast<std::uint16_t>(node)}, static_cast<std::uint16_t>(options_.nodes), options_.fan_out,
            options_.mutations.barrier};
}

// ---- Network and scheduler ----

template <class Message> void World::post(unsigned from, NodeId to, const Message &message) {
    if (to.value == from) { fail("node %u sends to itself", from); }
    Packet packet{};
    packet.to = to.value;
    packet.bytes = static_cast<std::uint8_t>(encode(message, packet.record));
    packet.not_before = random_.one_in(4) ? counts_.steps + random_.below(delay_steps_) : 0;
    packets_.push_back(packet);
    ++counts_.messages;
    trace("node %u -> %u: kind %u", from, packet.to, static_cast<unsigned>(message.kind));
}

void World::wake(unsigned node, WaitSlot slot) {
    threads_[node * options_.threads_per_node + slot.value].is_woken = true;
}

bool World::can_run(const Thread &thread) const {
    if (thread.at == nullptr || nodes_[thread.node].paused_until > counts_.steps) { return false; }
    const bool out_of_patience = thread.patience_ends != 0 && counts_.steps >= thread.patience_ends;
    return !thread.waits || thread.is_woken || out_of_patience;
}

bool World::run_thread() {
    const auto count = static_cast<unsigned>(threads_.size());
    const unsigned first = random_.below(count);
    for (unsigned i = 0; i < count; ++i) {
        Thread &thread = threads_[(first + i) % count];
        if (!can_run(thread)) { continue; }
        thread.waits = false;
        thread.at.resume();
        return true;
    }
    return false;
}

bool World::deliver_one() {
    const auto count = static_cast<unsigned>(packets_.size());
    if (count == 0) { return false; }
    const unsigned first = random_.below(count);
    for (unsigned i = 0; i < count; ++i) {
        Packet &chosen = packets_[(first + i) % count];
        if (chosen.not_before > counts_.steps || nodes_[chosen.to].paused_until > counts_.steps) { continue; }
        const Packet packet = chosen;
        chosen = packets_.back();
        packets_.pop_back();
        deliver(packet);
        return true;
    }
    return false;
}

bool World::run_one() {
    ++counts_.steps;
    const bool message_first = random_.below(16) < message_weight_;
    if (message_first ? deliver_one() || run_thread() : run_thread() || deliver_one()) { return true; }
    // Nothing now: go on to the next moment at which something is due.
    std::uint64_t due = ~std::uint64_t{0};
    for (const Packet &packet : packets_) {
        due = std::min(due, std::max(packet.not_before, nodes_[packet.to].paused_until));
    }
    for (const Thread &thread : threads_) {
        const bool could = thread.at != nullptr;
        const bool waits_for_nobody = !thread.waits || thread.is_woken;
        if (could && waits_for_nobody) { due = std::min(due, nodes_[thread.node].paused_until); }
        if (could && !waits_for_nobody && thread.patience_ends != 0) {
            due = std::min(due, std::max(thread.patience_ends, nodes_[thread.node].paused_until));
        }
    }
    if (due == ~std::uint64_t{0}) { return false; }
    counts_.steps = std::max(counts_.steps, due);
    return true;
}

void World::pause_some_node() {
    nodes_[random_.below(options_.nodes)].paused_until = counts_.steps + random_.between(20, 600);
}

void World::deliver(const Packet &packet) {
    const std::span<const std::byte> bytes(packet.record.data(), packet.bytes);
    const auto node_count = static_cast<std::uint16_t>(options_.nodes);
    trace("node %u receives kind %u", packet.to, static_cast<unsigned>(bytes[0]));
    switch (family_of(bytes)) {
    case SyncFamily::Lock:
        return deliver_lock(packet.to, decode_lock(bytes, node_count).value());
    case SyncFamily::Condition:
        return deliver_condition(packet.to, decode_condition(bytes, node_count).value());
    case SyncFamily::Barrier:
        return deliver_barrier(packet.to, decode_barrier(bytes, node_count).value());
    case SyncFamily::None:
        break;
    }
    fail("a message of no family");
}

void World::deliver_lock(unsigned node, const LockMessage &message) {
    const auto lock = static_cast<unsigned>(message.lock.value);
    LockOracle &oracle = oracles_[lock];
    --oracle.messages_in_flight;
    if (message.kind == LockMessageKind::Request) { --oracle.requests_in_flight; }
    if (message.kind == LockMessageKind::Token) { --oracle.tokens_in_flight; }
    if (message.kind == LockMessageKind::TryGrant) { --oracle.grants_in_flight; }
    if (message.kind == LockMessageKind::Return) { --oracle.returns_in_flight; }
    if (message.kind == LockMessageKind::ReturnAck) { --oracle.acks_in_flight; }
    const bool is_late = message.kind == LockMessageKind::Token && nodes_[node].locks[lock].queue.empty();
    counts_.late_tokens += is_late; // all who waited have given up
    counts_.parked_tries += is_late && !nodes_[node].locks[lock].tries.empty();
    counts_.kept_late += message.kind == LockMessageKind::Kept && nodes_[node].locks[lock].kept_due != 0;
    NodeEffects effects(*this, node);
    step(nodes_[node].locks[lock], lock_context(node, lock), effects, {LockEventKind::Message, {}, {}, &message});
    watch_fairness(node, lock);
    check_lock(lock);
}

void World::deliver_condition(unsigned node, const ConditionMessage &message) {
    if (is_answer(message.kind)) {
        if (message.waiter.node.value != node) { fail("an answer at the wrong node"); }
        counts_.wakes += message.kind == ConditionMessageKind::Wake;
        counts_.cancelled += message.kind == ConditionMessageKind::CancelAck;
        counts_.cancel_late += message.kind == ConditionMessageKind::CancelLate;
        counts_.refused += message.kind == ConditionMessageKind::EnqueueRefused;
        if (on_wait_message(nodes_[node].records[message.waiter.slot.value], message)) {
            wake(node, message.waiter.slot);
        }
        return;
    }
    const auto condition = static_cast<unsigned>(message.condition.value) - first_condition;
    NodeEffects effects(*this, node);
    step(nodes_[node].conditions[condition], condition_context(node, condition), effects, message);
}

void World::deliver_barrier(unsigned node, const BarrierMessage &message) {
    NodeEffects effects(*this, node);
    const bool is_tree =
        message.kind == BarrierMessageKind::TreeArrive || message.kind == BarrierMessageKind::TreeDepart;
    if (is_tree) { return step(nodes_[node].tree, tree_context(node), effects, message); }
    counts_.departs += message.kind == BarrierMessageKind::CountedDepart;
    const auto barrier = static_cast<unsigned>(message.barrier.value) - first_barrier;
    step(nodes_[node].barriers[barrier], barrier_context(node, barrier), effects,
         {BarrierEventKind::Message, {}, {}, 0, &message});
}

// ---- What threads do ----

LockOutcome World::step_lock(Thread &thread, unsigned lock, LockEventKind kind) {
    NodeEffects effects(*this, thread.node);
    const LockOutcome outcome = step(nodes_[thread.node].locks[lock], lock_context(thread.node, lock), effects,
                                     {kind, thread.slot, thread.owner, nullptr});
    if (outcome == LockOutcome::Acquired && kind != LockEventKind::Relock) { acquired(thread, lock); }
    watch_fairness(thread.node, lock);
    check_lock(lock);
    return outcome;
}

Task<LockOutcome> World::lock(Thread &thread, unsigned lock) {
    const LockOutcome outcome = co_await timed_lock(thread, lock, 0);
    co_return outcome;
}

Task<LockOutcome> World::timed_lock(Thread &thread, unsigned lock, unsigned patience_steps) {
    const std::uint64_t patience_ends = after(patience_steps);
    LockState &state = nodes_[thread.node].locks[lock];
    ++oracles_[lock].active;
    if (lock_fast(state, thread.owner)) {
        acquired(thread, lock);
        check_lock(lock);
        co_return LockOutcome::Acquired;
    }
    const auto kind = patience_steps == 0 ? LockEventKind::Lock : LockEventKind::TimedLock;
    LockOutcome outcome = step_lock(thread, lock, kind);
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread, patience_ends);
        const bool gives_up = patience_ends != 0 && counts_.steps >= patience_ends;
        outcome = step_lock(thread, lock, gives_up ? LockEventKind::Abandon : LockEventKind::Retry);
        counts_.abandoned_late += gives_up && outcome == LockOutcome::Acquired;
    }
    if (outcome != LockOutcome::Acquired) { --oracles_[lock].active; }
    counts_.timed_out += outcome == LockOutcome::TimedOut;
    co_return outcome;
}

/// L11: a try is refused only if the lock was in use at some moment of its call.
Task<LockOutcome> World::try_lock(Thread &thread, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    check_lock(lock); // a use that goes on counts as one of this call
    const std::uint64_t uses_before = oracle.uses - is_in_use(lock);
    const bool another_asks = !nodes_[thread.node].locks[lock].tries.empty();
    LockOutcome outcome = step_lock(thread, lock, LockEventKind::Try);
    counts_.queued_tries += another_asks && outcome == LockOutcome::Wait;
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread);
        outcome = step_lock(thread, lock, LockEventKind::TryRetry);
    }
    if (outcome == LockOutcome::Acquired) {
        ++oracle.active;
    } else if (oracle.uses == uses_before) {
        fail("L11: node %u is refused lock %u, which nobody used", thread.node, lock);
    }
    counts_.busy += outcome == LockOutcome::Busy;
    co_return outcome;
}

bool World::relock(Thread &thread, unsigned lock) {
    LockOracle &oracle = oracles_[lock];
    if (oracle.holder != &thread) { fail("lock %u is not its holder's any more", lock); }
    const bool may = oracle.relocks < options_.relocks_max;
    oracle.relocks += may; // before the step, whose checks compare
    const LockOutcome outcome = step_lock(thread, lock, LockEventKind::Relock);
    if (outcome != (may ? LockOutcome::Acquired : LockOutcome::TooDeep)) { fail("L12: a relock of lock %u", lock); }
    counts_.relocks += may;
    counts_.too_deep += !may;
    return may;
}

void World::unlock_relock(Thread &thread, unsigned lock) {
    --oracles_[lock].relocks;
    if (unlock_fast(nodes_[thread.node].locks[lock], thread.owner)) { fail("L12: lock %u is let go early", lock); }
    const LockOutcome outcome = step_lock(thread, lock, LockEventKind::Unlock);
    if (outcome != LockOutcome::StillHeld) { fail("L12: lock %u is let go early", lock); }
}

Task<> World::unlock(Thread &thread, unsigned lock) {
    if (oracles_[lock].holder != &thread) { fail("lock %u is not its holder's any more", lock); }
    if (oracles_[lock].relocks != 0) {
        unlock_relock(thread, lock);
        co_return Nothing{};
    }
    oracles_[lock].holder = nullptr;
    LockOutcome outcome = LockOutcome::Released;
    if (!unlock_fast(nodes_[thread.node].locks[lock], thread.owner)) {
        outcome = step_lock(thread, lock, LockEventKind::Unlock);
    }
    while (outcome == LockOutcome::Wait) {
        co_await sleep(thread);
        outcome = step_lock(thread, lock, LockEventKind::UnlockRetry);
    }
    if (outcome != LockOutcome::Released) { fail("unlock refused"); }
    --oracles_[lock].active;
    check_lock(lock);
    co_return Nothing{};
}

void World::tell_home(const Thread &thread, ConditionMessageKind kind, unsigned condition, std::uint32_t sequence) {
    const NodeId self{static_cast<std::uint16_t>(thread.node)};
    const LockId id{first_condition + condition};
    const NodeId home = home_of(first_condition + condition);
    const ConditionMessage message{kind, false, self, id, {self, thread.rank, thread.slot, sequence}};
    if (home == self) {
        deliver_condition(thread.node, message);
    } else {
        post(thread.node, home, message);
    }
}

Task<bool> World::wait(Thread &thread, unsigned condition, unsigned lock, unsigned patience_steps) {
    WaitRecord &record = nodes_[thread.node].records[thread.slot.value];
    const std::uint64_t patience_ends = after(patience_steps);
    const std::uint32_t sequence = begin_wait(record);
    tell_home(thread, ConditionMessageKind::Enqueue, condition, sequence);
    while (wait_phase(record) == ConditionPhase::Enqueueing) { co_await sleep(thread); }
    const unsigned relocks = oracles_[lock].relocks;
    for (unsigned i = 0; i <= relocks; ++i) { co_await unlock(thread, lock); }
    bool tried_cancel = false;
    while (wait_phase(record) == ConditionPhase::Waiting || wait_phase(record) == ConditionPhase::Cancelling) {
        const bool impatient = patience_ends != 0 && counts_.steps >= patience_ends && !tried_cancel;
        if (impatient) {
            tried_cancel = true;
            if (begin_cancel(record)) { tell_home(thread, ConditionMessageKind::Cancel, condition, sequence); }
        } else {
            co_await sleep(thread, tried_cancel ? 0 : patience_ends);
        }
    }
    const bool was_woken = wait_phase(record) != ConditionPhase::Cancelled;
    end_wait(record);
    co_await yield(thread); // who was refused without a message must still let others go on
    const LockOutcome outcome = co_await this->lock(thread, lock);
    if (outcome != LockOutcome::Acquired) { fail("the mutex is not to be had again"); }
    for (unsigned i = 0; i < relocks; ++i) { relock(thread, lock); }
    co_return was_woken;
}

void World::signal(Thread &thread, unsigned condition) {
    tell_home(thread, ConditionMessageKind::Signal, condition, 0);
}

void World::broadcast(Thread &thread, unsigned condition) {
    tell_home(thread, ConditionMessageKind::Broadcast, condition, 0);
}

Task<bool> World::is_waited_on(Thread &thread, unsigned condition) {
    WaitRecord &record = nodes_[thread.node].records[thread.slot.value];
    tell_home(thread, ConditionMessageKind::Query, condition, begin_query(record));
    while (wait_phase(record) == ConditionPhase::Querying) { co_await sleep(thread); }
    const bool busy = wait_phase(record) == ConditionPhase::QueryBusy;
    end_wait(record);
    co_return busy;
}

Task<BarrierOutcome> World::pass(Thread &thread, unsigned barrier, std::uint32_t count) {
    NodeEffects effects(*this, thread.node);
    CountedBarrierState &state = nodes_[thread.node].barriers[barrier];
    BarrierOutcome outcome = step(state, barrier_context(thread.node, barrier), effects,
                                  {BarrierEventKind::Arrive, thread.slot, thread.rank, count, nullptr});
    while (outcome == BarrierOutcome::Wait) {
        co_await sleep(thread);
        outcome = step(state, barrier_context(thread.node, barrier), effects,
                       {BarrierEventKind::Look, thread.slot, thread.rank, 0, nullptr});
    }
    counts_.serials += outcome == BarrierOutcome::Serial;
    co_return outcome;
}

Task<BarrierOutcome> World::query_barrier(Thread &thread, unsigned barrier) {
    NodeEffects effects(*this, thread.node);
    CountedBarrierState &state = nodes_[thread.node].barriers[barrier];
    BarrierOutcome outcome = step(state, barrier_context(thread.node, barrier), effects,
                                  {BarrierEventKind::Query, thread.slot, thread.rank, 0, nullptr});
    while (outcome == BarrierOutcome::Wait) {
        co_await sleep(thread);
        outcome = step(state, barrier_context(thread.node, barrier), effects,
                       {BarrierEventKind::Look, thread.slot, thread.rank, 0, nullptr});
    }
    co_return outcome;
}

Task<> World::pass_tree(Thread &thread) {
    Node &node = nodes_[thread.node];
    const std::uint32_t generation = node.tree_opened;
    if (++node.tree_arrivals == options_.threads_per_node) {
        node.tree_arrivals = 0;
        NodeEffects effects(*this, thread.node);
        tree_arrive(node.tree, tree_context(thread.node), effects);
    }
    while (node.tree_opened == generation) { co_await sleep(thread); }
    co_return Nothing{};
}

} // namespace dsm::sync_test
