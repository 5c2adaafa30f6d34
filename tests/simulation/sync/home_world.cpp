// The simulated job of home objects: scheduler, network, and a thread's call.
#include "tests/simulation/sync/home_world.hpp"

#include <algorithm>

namespace dsm::sync_test {

namespace {

bool is_for_home(const HomeMessage &message) {
    return message.kind == HomeMessageKind::Request || message.kind == HomeMessageKind::Cancel;
}

} // namespace

class HomeWorld::Effects final : public HomeEffects {
public:
    Effects(HomeWorld &world, unsigned node) : world_(world), node_(node) {}
    void answer(const HomeMessage &message) override {
        if (message.waiter.node.value == node_) {
            world_.deliver_answer(node_, message);
        } else {
            world_.post(message.waiter.node, message);
        }
    }

private:
    HomeWorld &world_;
    unsigned node_;
};

HomeWorld::HomeWorld(const HomeOptions &options, std::uint64_t seed)
    : ScheduledJob(seed, 400, options.traces), options_(options) {
    nodes_.resize(options.nodes);
    for (HomeNode &node : nodes_) {
        node.states.resize(std::size_t{home_kinds} * options.objects);
        node.calls.resize(options.threads_per_node);
        node.records.resize(options.records);
    }
    threads_.resize(std::size_t{options.nodes} * options.threads_per_node);
    for (unsigned i = 0; i < threads_.size(); ++i) {
        const unsigned slot = i % options.threads_per_node;
        HomeThread &thread = threads_[i];
        thread.node = i / options.threads_per_node;
        thread.rank = Rank{static_cast<std::int32_t>(thread.node * 2 + slot % 2)}; // two ranks on a node
        thread.slot = WaitSlot{slot};
        thread.owner = lock_owner(thread.rank, slot + 1);
        thread.reads.resize(options.objects);
    }
}

HomeState &HomeWorld::state_of(unsigned node, HomeObjectKind kind, unsigned object) {
    return nodes_[node].states[place_of(kind, object)];
}

// ---- Network and scheduler

void HomeWorld::post(NodeId to, const HomeMessage &message) {
    HomePacket packet{};
    packet.to = to.value;
    encode(message, packet.record);
    put(packets_, packet);
}

bool HomeWorld::deliver_one() {
    const auto packet = take(packets_, [](const HomePacket &) { return true; });
    if (!packet) { return false; }
    const auto message = decode_home(packet->record, static_cast<std::uint16_t>(options_.nodes));
    if (!message) { fail("a message does not survive its encoding"); }
    if (is_for_home(*message)) {
        step_home(packet->to, *message);
    } else {
        deliver_answer(packet->to, *message);
    }
    return true;
}

bool HomeWorld::run_one() {
    ++counts_.steps;
    const auto run_thread = [this] { return go_on(threads_, [](const HomeThread &) { return true; }) != nullptr; };
    if (do_one([this] { return deliver_one(); }, run_thread)) { return true; }
    // Only the time can help: delayed messages and patience.
    std::uint64_t next = UINT64_MAX;
    for (const HomePacket &packet : packets_) { next = std::min(next, packet.not_before); }
    for (const HomeThread &thread : threads_) {
        if (thread.at != nullptr && thread.waits && thread.patience_ends != 0) {
            next = std::min(next, thread.patience_ends);
        }
    }
    if (next == UINT64_MAX) { return false; }
    counts_.steps = std::max(counts_.steps, next);
    return true;
}

// ---- Calls

void HomeWorld::tell_home(unsigned node, const HomeMessage &message) {
    const unsigned home = home_of(message.id);
    trace("node %u slot %u: kind %u to object %llu at node %u, operation %u", node, message.waiter.slot.value,
          static_cast<unsigned>(message.kind), static_cast<unsigned long long>(message.id.value), home,
          static_cast<unsigned>(message.operation));
    if (home == node) {
        step_home(home, message);
    } else {
        post(NodeId{static_cast<std::uint16_t>(home)}, message);
    }
}

void HomeWorld::deliver_answer(unsigned node, const HomeMessage &message) {
    trace("node %u slot %u: answer kind %u result %u of object %llu", node, message.waiter.slot.value,
          static_cast<unsigned>(message.kind), static_cast<unsigned>(message.result),
          static_cast<unsigned long long>(message.id.value));
    if (!on_home_answer(nodes_[node].calls[message.waiter.slot.value], message)) { return; }
    for (HomeThread &thread : threads_) {
        if (thread.node == node && thread.slot == message.waiter.slot) { thread.is_woken = true; }
    }
}

void HomeWorld::step_home(unsigned node, const HomeMessage &message) {
    if (node != home_of(message.id)) { fail("H5: a message for the home is at node %u", node); }
    const auto object = static_cast<unsigned>(message.id.value % options_.objects);
    HomeState &state = state_of(node, message.object, object);
    Effects effects(*this, node);
    const HomeContext context = context_of(node, message.id);
    switch (message.object) {
    case HomeObjectKind::Rwlock:
        step_rwlock(state.rwlock, context, effects, message);
        if (state.rwlock.writer.value != 0 && state.rwlock.readers != 0) { fail("H6: a writer among readers"); }
        if (may_enter(node, state.rwlock)) { fail("H8: a lock that could be had is waited for"); }
        break;
    case HomeObjectKind::Semaphore:
        counts_.restarts += state.semaphore.incarnation != message.incarnation;
        step(state.semaphore, context, effects, message);
        if (!state.semaphore.queue.empty() && state.semaphore.value != 0) { fail("H10: units and waiters"); }
        break;
    case HomeObjectKind::Latch:
        step(state.latch, context, effects, message);
        if (!state.latch.queue.empty() && state.latch.count == 0) { fail("H11: waiters at an open latch"); }
        break;
    case HomeObjectKind::Once:
        step(state.once, context, effects, message);
        if (!state.once.queue.empty() && state.once.runner.value == 0) { fail("H12: nobody runs it"); }
        break;
    }
}

/// Whether the first in the queue is let down.
bool HomeWorld::may_enter(unsigned node, const RwlockState &state) const {
    if (state.queue.empty() || state.writer.value != 0) { return false; }
    const bool reads = nodes_[node].records[state.queue.head - 1].operation == HomeOperation::Read;
    return reads || state.readers == 0;
}

/// H7: a newcomer does not read while somebody waits, unless it reads already.
void HomeWorld::step_rwlock(RwlockState &state, const HomeContext &context, HomeEffects &effects,
                            const HomeMessage &message) {
    const bool is_read = message.kind == HomeMessageKind::Request && message.operation == HomeOperation::Read;
    const bool waits_somebody = !state.queue.empty();
    const std::uint32_t readers = state.readers;
    step(state, context, effects, message);
    if (!is_read || !waits_somebody || state.readers == readers) { return; }
    if (!message.reads) { fail("H7: a reader passes who waits"); }
    ++counts_.read_again;
}

Task<HomeEnd> HomeWorld::ask(HomeThread &thread, HomeRequest request) {
    HomeCall &call = call_of(thread);
    HomeMessage message{};
    message.kind = HomeMessageKind::Request;
    message.object = request.kind;
    message.operation = request.operation;
    message.manner = request.manner;
    message.reads = request.kind == HomeObjectKind::Rwlock && thread.reads[request.object] != 0;
    // One number for one object of one kind; the object is the remainder.
    message.id = LockId{place_of(request.kind, request.object)};
    message.waiter = {NodeId{static_cast<std::uint16_t>(thread.node)}, thread.rank, thread.slot, begin_call(call)};
    message.owner = thread.owner;
    message.incarnation = request.incarnation;
    message.initial = request.initial;
    message.number = request.number;
    tell_home(thread.node, message);
    if (request.manner == HomeManner::Timed) {
        const std::uint64_t patience_ends = counts_.steps + request.patience_steps;
        while (call_phase(call) == HomeCallPhase::Asked) { co_await sleep(thread); }
        while (call_phase(call) == HomeCallPhase::Queued && counts_.steps < patience_ends) {
            co_await sleep(thread, patience_ends);
        }
        if (begin_cancel(call)) {
            message.kind = HomeMessageKind::Cancel;
            tell_home(thread.node, message);
        }
        const bool cancels = call_phase(call) == HomeCallPhase::Cancelling;
        while (call_phase(call) != HomeCallPhase::Over) {
            counts_.crossed += call_phase(call) == HomeCallPhase::Crossed;
            co_await sleep(thread);
        }
        const HomeEnd end = end_call(call);
        counts_.timed_out += end.result == HomeResult::TimedOut;
        counts_.late_cancels += cancels && end.result == HomeResult::Granted;
        check_homeless(thread);
        co_return end;
    }
    while (call_phase(call) != HomeCallPhase::Over) {
        ++counts_.waits;
        co_await sleep(thread);
    }
    check_homeless(thread);
    co_return end_call(call);
}

/// H1: when a call returns, no message of it to a home is under way.
void HomeWorld::check_homeless(const HomeThread &thread) {
    for (const HomePacket &packet : packets_) {
        const auto message = decode_home(packet.record, static_cast<std::uint16_t>(options_.nodes));
        const bool is_ours = message->waiter.node.value == thread.node && message->waiter.slot == thread.slot;
        if (is_ours && is_for_home(*message)) { fail("H1: a call has returned before its message has arrived"); }
    }
}

bool HomeWorld::knows_done(const HomeThread &thread, unsigned object) {
    return is_known_done(state_of(thread.node, HomeObjectKind::Once, object).once);
}

void HomeWorld::note_done(const HomeThread &thread, unsigned object) {
    sync::note_done(state_of(thread.node, HomeObjectKind::Once, object).once);
}

void HomeWorld::forget_onces() {
    for (unsigned node = 0; node < nodes_.size(); ++node) {
        for (unsigned object = 0; object < options_.objects; ++object) {
            OnceState &once = state_of(node, HomeObjectKind::Once, object).once;
            if (once_in_use(once)) { fail("H12: a once runs after all have returned"); }
            once = OnceState{};
        }
    }
}

// ---- At the end

void HomeWorld::check_queue(unsigned node, const HomeQueue &queue, const char *what) {
    if (!queue.empty()) { fail("H4: somebody waits for a %s at node %u at the end", what, node); }
}

void HomeWorld::check_end() {
    if (!packets_.empty()) { fail("messages are left"); }
    for (unsigned node = 0; node < nodes_.size(); ++node) {
        for (unsigned object = 0; object < options_.objects; ++object) {
            const RwlockState &rwlock = state_of(node, HomeObjectKind::Rwlock, object).rwlock;
            if (rwlock_in_use(rwlock)) { fail("H6: a lock is in use at the end"); }
            check_queue(node, state_of(node, HomeObjectKind::Semaphore, object).semaphore.queue, "semaphore");
            check_queue(node, state_of(node, HomeObjectKind::Latch, object).latch.queue, "latch");
            check_queue(node, state_of(node, HomeObjectKind::Once, object).once.queue, "once");
        }
        // Every record is free again.
        RecordPool<HomeRecord> pool(nodes_[node].pool, nodes_[node].records);
        for (std::size_t i = 0; i < nodes_[node].records.size(); ++i) {
            if (pool.take() == 0) { fail("H4: a record is lost at node %u", node); }
        }
    }
}

} // namespace dsm::sync_test
