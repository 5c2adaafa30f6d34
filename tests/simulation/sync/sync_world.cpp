// The simulated job: the scheduler and the network. Threads' calls are in sync_calls.cpp, checks in sync_oracle.cpp.
#include "tests/simulation/sync/sync_effects.hpp"

#include <algorithm>

namespace dsm::sync_test {

World::World(const WorldOptions &options, std::uint64_t seed)
    : ScheduledJob(seed, 400, options.traces), options_(options) {
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
        threads_[i] = Thread{{.node = node}, rank, WaitSlot{slot}, lock_owner(rank, slot + 1)};
    }
    oracles_.resize(options.locks);
    for (LockOracle &oracle : oracles_) {
        oracle.takes_since_next.resize(options.nodes);
        oracle.takes_past_head.resize(options.nodes);
        oracle.head_seen.resize(options.nodes);
    }
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

void World::post_packet(unsigned from, Packet packet) {
    if (packet.to == from) { fail("node %u sends to itself", from); }
    put(packets_, packet);
    trace("node %u -> %u: kind %u", from, packet.to, static_cast<unsigned>(packet.record[0]));
}

void World::wake(unsigned node, WaitSlot slot) {
    threads_[node * options_.threads_per_node + slot.value].is_woken = true;
}

bool World::deliver_one() {
    const auto packet = take(packets_, [this](const Packet &due) { return !is_paused(due.to); });
    if (packet) { deliver(*packet); }
    return packet.has_value();
}

bool World::run_one() {
    ++counts_.steps;
    const auto may_run = [this](const Thread &thread) { return !is_paused(thread.node); };
    const auto run_thread = [&] { return go_on(threads_, may_run) != nullptr; };
    if (do_one([this] { return deliver_one(); }, run_thread)) { return true; }
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

} // namespace dsm::sync_test
