// The two barriers. Invariants B1 to B6: docs/synchronisation.md.
#include "libdsm/sync/barrier.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>

namespace dsm::sync {

namespace {

// ---- All nodes: node n's children are fan_out * n + 1 .. fan_out * n + fan_out ----

constexpr std::uint64_t tree_subject = ~std::uint64_t{0}; // the barrier of all nodes stands at no address

std::uint32_t first_child(const TreeBarrierContext &context) noexcept {
    return std::uint32_t{context.fan_out} * context.self.value + 1;
}

std::uint32_t child_count(const TreeBarrierContext &context) noexcept {
    const std::uint32_t first = first_child(context);
    return first >= context.node_count ? 0 : std::min<std::uint32_t>(context.fan_out, context.node_count - first);
}

BarrierMessage tree_message(BarrierMessageKind kind, const TreeBarrierContext &context, std::uint32_t generation) {
    BarrierMessage message{};
    message.kind = kind;
    message.from = context.self;
    message.generation = generation;
    return message;
}

/// The generation is complete: on to the next one first, since whoever is let go may arrive again at once.
void tree_open(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects) {
    const std::uint32_t generation = state.generation++;
    state.arrived_below = 0;
    state.arrived_here = false;
    const std::uint32_t first = first_child(context);
    for (std::uint32_t child = first; child < first + child_count(context); ++child) {
        effects.send(NodeId{static_cast<std::uint16_t>(child)},
                     tree_message(BarrierMessageKind::TreeDepart, context, generation));
    }
    effects.open(generation);
}

void tree_go_on_when_complete(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects) {
    const bool forgets = context.mutation == BarrierMutation::LeafForgotten && child_count(context) != 0;
    const bool complete = state.arrived_here && state.arrived_below + (forgets ? 1U : 0U) >= child_count(context);
    if (!complete) { return; }
    if (context.self.value == 0) {
        tree_open(state, context, effects);
    } else {
        const auto parent = static_cast<std::uint16_t>((context.self.value - 1) / context.fan_out);
        effects.send(NodeId{parent}, tree_message(BarrierMessageKind::TreeArrive, context, state.generation));
    }
}

// ---- A number of threads ----

class CountedStep {
public:
    CountedStep(CountedBarrierState &state, const CountedBarrierContext &context, BarrierEffects &effects) noexcept
        : state_(state), context_(context), effects_(effects), pool_(context.pool) {}

    BarrierOutcome on_arrive(const BarrierEvent &event);
    BarrierOutcome on_query(const BarrierEvent &event);
    BarrierOutcome on_look(WaitSlot slot);
    void on_message(const BarrierMessage &message);

private:
    void on_arrivals(BarrierMessage message);
    void on_depart(const BarrierMessage &message);
    void on_query_reply(const BarrierMessage &message);
    bool count_arrivals(const BarrierMessage &message, std::uint32_t arrivals);
    void open();
    void depart(NodeId to, std::uint32_t first_ticket, std::uint32_t arrivals, BarrierResult result);
    BarrierMessage message_of(BarrierMessageKind kind) const noexcept;
    WaitRecord &record(WaitSlot slot) const noexcept { return context_.records[slot.value]; }

    CountedBarrierState &state_;
    const CountedBarrierContext &context_;
    BarrierEffects &effects_;
    RecordPool<BarrierRecord> pool_;
};

BarrierMessage CountedStep::message_of(BarrierMessageKind kind) const noexcept {
    BarrierMessage message{};
    message.kind = kind;
    message.from = context_.self;
    message.barrier = context_.barrier;
    return message;
}

//   node --CountedArrive (tickets)--> home ... home --CountedDepart (the same tickets)--> node
BarrierOutcome CountedStep::on_arrive(const BarrierEvent &event) {
    DSM_CHECK(record(event.slot).barrier == BarrierWait::Idle, "B6 a thread waits once", context_.barrier.value);
    record(event.slot).barrier = BarrierWait::Waiting;
    record(event.slot).ticket = state_.next_ticket;
    state_.queue.push(context_.records, event.slot);
    BarrierMessage message = message_of(BarrierMessageKind::CountedArrive);
    message.first_ticket = state_.next_ticket++;
    message.arrivals = 1;
    message.count = event.count;
    if (context_.self == context_.home) {
        on_arrivals(message);
    } else {
        effects_.send(context_.home, message);
    }
    return on_look(event.slot);
}

BarrierOutcome CountedStep::on_query(const BarrierEvent &event) {
    if (context_.self == context_.home) {
        return state_.arrived != 0 ? BarrierOutcome::QueryBusy : BarrierOutcome::QueryIdle;
    }
    // The home alone can tell: threads that still stand in the queue here may be gone already, as their messages will
    // say.
    DSM_CHECK(record(event.slot).barrier == BarrierWait::Idle, "B6 a thread waits once", context_.barrier.value);
    record(event.slot).barrier = BarrierWait::Querying;
    BarrierMessage message = message_of(BarrierMessageKind::Query);
    message.slot = event.slot;
    message.rank = event.rank;
    effects_.send(context_.home, message);
    return BarrierOutcome::Wait;
}

BarrierOutcome CountedStep::on_look(WaitSlot slot) {
    const BarrierWait found = record(slot).barrier;
    if (found == BarrierWait::Waiting || found == BarrierWait::Querying) { return BarrierOutcome::Wait; }
    record(slot).barrier = BarrierWait::Idle;
    switch (found) {
    case BarrierWait::Released:
        return BarrierOutcome::Released;
    case BarrierWait::Serial:
        return BarrierOutcome::Serial;
    case BarrierWait::BadCount:
        return BarrierOutcome::BadCount;
    case BarrierWait::NoSpace:
        return BarrierOutcome::NoSpace;
    case BarrierWait::QueryIdle:
        return BarrierOutcome::QueryIdle;
    case BarrierWait::QueryBusy:
        return BarrierOutcome::QueryBusy;
    case BarrierWait::Idle:
    case BarrierWait::Waiting:
    case BarrierWait::Querying:
        break;
    }
    DSM_CHECK(false, "B6 only who waits looks", context_.barrier.value);
    return BarrierOutcome::None;
}

/// At the home. Arrivals that come together may end one generation and begin the next.
void CountedStep::on_arrivals(BarrierMessage message) {
    DSM_CHECK(message.count != 0 && message.arrivals != 0, "B4 counts are positive", context_.barrier.value);
    while (message.arrivals != 0) {
        if (state_.arrived == 0) { state_.count = message.count; }
        const bool bad_count = state_.count != message.count;
        const std::uint32_t now =
            bad_count ? message.arrivals : std::min(message.arrivals, state_.count - state_.arrived);
        if (bad_count) {
            depart(message.from, message.first_ticket, now, BarrierResult::BadCount);
        } else if (!count_arrivals(message, now)) {
            depart(message.from, message.first_ticket, message.arrivals, BarrierResult::NoSpace);
            return;
        }
        message.first_ticket += now;
        message.arrivals -= now;
        const bool early = context_.mutation == BarrierMutation::OpensEarly && state_.arrived + 1 == state_.count;
        if (!bad_count && (state_.arrived == state_.count || early)) { open(); }
    }
}

/// Adds arrivals of one node to this generation: to a record of that node whose tickets they continue, so that one
/// message lets them all go; else to a new one.
bool CountedStep::count_arrivals(const BarrierMessage &message, std::uint32_t arrivals) {
    for (std::uint32_t link = state_.head; link != 0; link = pool_.at(link).next) {
        BarrierRecord &earlier = pool_.at(link);
        if (earlier.node != message.from || earlier.first_ticket + earlier.arrivals != message.first_ticket) {
            continue;
        }
        earlier.arrivals += arrivals;
        state_.arrived += arrivals;
        return true;
    }
    const std::uint32_t link = pool_.take();
    if (link == 0) { return false; }
    pool_.at(link) = BarrierRecord{message.from, 0, message.first_ticket, arrivals, 0};
    (state_.tail == 0 ? state_.head : pool_.at(state_.tail).next) = link;
    state_.tail = link;
    state_.arrived += arrivals;
    return true;
}

/// B5: one serial thread for each opening, the first that came. The state is that of the next generation before anybody
/// is told.
void CountedStep::open() {
    std::uint32_t link = state_.head;
    state_.head = state_.tail = state_.arrived = 0;
    ++state_.generation;
    BarrierResult result = BarrierResult::Serial;
    while (link != 0) {
        const BarrierRecord going = pool_.at(link);
        pool_.give_back(link);
        link = going.next;
        depart(going.node, going.first_ticket, going.arrivals, result);
        if (context_.mutation != BarrierMutation::TwoSerials) { result = BarrierResult::Released; }
    }
}

void CountedStep::depart(NodeId to, std::uint32_t first_ticket, std::uint32_t arrivals, BarrierResult result) {
    BarrierMessage message = message_of(BarrierMessageKind::CountedDepart);
    message.result = result;
    message.generation = state_.generation;
    message.first_ticket = first_ticket;
    message.arrivals = arrivals;
    if (to == context_.self) {
        on_depart(message);
    } else {
        effects_.send(to, message);
    }
}

BarrierWait wait_after(BarrierResult result, bool first) noexcept {
    switch (result) {
    case BarrierResult::Released:
        return BarrierWait::Released;
    case BarrierResult::Serial:
        return first ? BarrierWait::Serial : BarrierWait::Released;
    case BarrierResult::BadCount:
        return BarrierWait::BadCount;
    case BarrierResult::NoSpace:
        return BarrierWait::NoSpace;
    }
    return BarrierWait::Released;
}

/// B6: the threads of just these tickets go, so that openings may be told in any order.
void CountedStep::on_depart(const BarrierMessage &message) {
    std::uint32_t left = message.arrivals;
    for (std::uint32_t link = state_.queue.first(); link != 0 && left != 0;) {
        const WaitSlot slot{link - 1};
        WaitRecord &waiting = record(slot);
        link = waiting.next;
        const std::uint32_t place = waiting.ticket - message.first_ticket; // wraps around with the tickets
        const bool goes = place < message.arrivals || context_.mutation == BarrierMutation::TicketsIgnored;
        if (!goes) { continue; }
        state_.queue.remove(context_.records, slot);
        waiting.barrier = wait_after(message.result, place == 0);
        --left;
        effects_.wake(slot);
    }
    DSM_CHECK(left == 0, "B6 every ticket waits until it is told", context_.barrier.value);
}

void CountedStep::on_query_reply(const BarrierMessage &message) {
    DSM_CHECK(message.slot.value < context_.records.size(), "B6 an answer to who asked", context_.barrier.value);
    WaitRecord &asking = record(message.slot);
    DSM_CHECK(asking.barrier == BarrierWait::Querying, "B6 an answer to who asked", context_.barrier.value);
    asking.barrier = message.busy ? BarrierWait::QueryBusy : BarrierWait::QueryIdle;
    effects_.wake(message.slot);
}

void CountedStep::on_message(const BarrierMessage &message) {
    switch (message.kind) {
    case BarrierMessageKind::CountedArrive:
        on_arrivals(message);
        return;
    case BarrierMessageKind::CountedDepart:
        on_depart(message);
        return;
    case BarrierMessageKind::Query: {
        BarrierMessage reply = message;
        reply.kind = BarrierMessageKind::QueryReply;
        reply.from = context_.self;
        reply.busy = state_.arrived != 0;
        effects_.send(message.from, reply);
        return;
    }
    case BarrierMessageKind::QueryReply:
        on_query_reply(message);
        return;
    case BarrierMessageKind::TreeArrive:
    case BarrierMessageKind::TreeDepart:
        break;
    }
    DSM_CHECK(false, "B3 tree messages go to the tree", context_.barrier.value);
}

} // namespace

void tree_arrive(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects) {
    DSM_CHECK(!state.arrived_here, "B1 a node arrives once", tree_subject);
    state.arrived_here = true;
    tree_go_on_when_complete(state, context, effects);
}

// B2: messages of another generation cannot come. A child sends its next TreeArrive after our TreeDepart, which we send
// when we are at the next generation; our parent sends TreeDepart after our TreeArrive.
void step(TreeBarrierState &state, const TreeBarrierContext &context, BarrierEffects &effects,
          const BarrierMessage &message) {
    DSM_CHECK(message.generation == state.generation, "B2 one generation at a time", tree_subject);
    switch (message.kind) {
    case BarrierMessageKind::TreeArrive:
        ++state.arrived_below;
        DSM_CHECK(state.arrived_below <= child_count(context), "B1 a child arrives once", tree_subject);
        tree_go_on_when_complete(state, context, effects);
        return;
    case BarrierMessageKind::TreeDepart:
        DSM_CHECK(state.arrived_here, "B1 nobody departs before he arrived", tree_subject);
        tree_open(state, context, effects);
        return;
    case BarrierMessageKind::CountedArrive:
    case BarrierMessageKind::CountedDepart:
    case BarrierMessageKind::Query:
    case BarrierMessageKind::QueryReply:
        break;
    }
    DSM_CHECK(false, "B3 tree messages go to the tree", tree_subject);
}

BarrierOutcome step(CountedBarrierState &state, const CountedBarrierContext &context, BarrierEffects &effects,
                    const BarrierEvent &event) {
    CountedStep barrier(state, context, effects);
    switch (event.kind) {
    case BarrierEventKind::Arrive:
        return barrier.on_arrive(event);
    case BarrierEventKind::Query:
        return barrier.on_query(event);
    case BarrierEventKind::Look:
        return barrier.on_look(event.slot);
    case BarrierEventKind::Message:
        barrier.on_message(*event.message);
        return BarrierOutcome::None;
    }
    return BarrierOutcome::None;
}

} // namespace dsm::sync
