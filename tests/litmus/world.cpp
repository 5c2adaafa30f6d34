// Threads and pages. Locks and atomics are in world_sync.cpp.
#include "tests/litmus/world.hpp"

#include "libdsm/protocol/page_wire.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::litmus {
using namespace dsm::protocol;

/// Executes a step's effects on one node's page.
class World::PageActions final : public PageEffects {
public:
    PageActions(World &world, unsigned node, unsigned page)
        : world_(world), node_(node), page_(page), entry_(world.state.pages[node][page]) {}

    void send(NodeId to, const PageMessage &message) override {
        Packet packet{};
        packet.to = static_cast<std::uint8_t>(to.value);
        packet.kind = PacketKind::Page;
        packet.bytes = static_cast<std::uint8_t>(page_record_bytes + message.nodes.size());
        if (packet.bytes > packet_record_bytes) { return world_.fail("a page message is too long for the model"); }
        encode(message, packet.record);
        if (message.contents == Contents::Bytes) { packet.frame = entry_.frame; }
        if (world_.trace != nullptr) { note("sends to " + std::to_string(to.value) + ": " + text_of(message)); }
        world_.send(packet);
    }
    void restrict_access(Access access) override {
        note(std::string("restricts access to ") + protocol::name_of(access));
    }
    void grant_access(Access access) override { note(std::string("has access ") + protocol::name_of(access)); }
    void drop_frame() override {
        entry_.has_frame = 0;
        entry_.frame.fill(garbage);
    }
    void zero_frame() override {
        entry_.has_frame = 1;
        entry_.frame.fill(0);
    }
    void set_timer(TimeUs at_us) override {
        if (world_.timers != nullptr) { world_.timers->push_back({node_, page_, at_us}); }
    }
    void freed() override {}
    void wake_waiters() override {}
    void load() override {}

    static std::string text_of(const PageMessage &message) {
        std::array<char, 300> line;
        return {line.data(), describe(message, line.data(), line.size())};
    }

    static constexpr std::uint8_t garbage = 0xee; ///< bytes that nobody wrote

private:
    void note(const std::string &what) {
        if (world_.trace != nullptr) {
            world_.note("    node " + std::to_string(node_) + " page " + std::to_string(page_) + " " + what);
        }
    }
    World &world_;
    unsigned node_;
    unsigned page_;
    NodePage &entry_;
};

World::World(const Setting &setting, SetPool &pool)
    : setting_(setting), pool_(pool), nodes_(std::max(setting.test.node_count(), 2U)) {
    for (auto &node : state.pages) {
        for (NodePage &entry : node) { entry.frame.fill(PageActions::garbage); }
    }
    for (unsigned i = 0; i < setting.test.objects.size(); ++i) {
        if (setting.test.objects[i].kind == ObjectKind::Atomic) { state.atomics[i] = setting.test.objects[i].initial; }
    }
    for (unsigned thread = 0; thread < setting.test.threads.size(); ++thread) { pass_over(thread); }
}

PageContext World::page_context(unsigned node, unsigned page) const {
    return {.page = PageId{page},
            .self = NodeId{static_cast<std::uint16_t>(node)},
            .home = NodeId{setting_.layout.page_home[page]},
            .node_count = static_cast<std::uint16_t>(nodes_),
            .first_touch = false,
            .in_file = false};
}

/// Runs one event: event(machine, state, context, effects).
template <class Event> void World::step_page(unsigned node, unsigned page, Event event) {
    const SequentialProtocol machine(pool_, setting_.limits, setting_.mutation);
    PageActions actions(*this, node, page);
    event(machine, state.pages[node][page].state, page_context(node, page), actions);
}

// ---- Before the test ----

void World::warm_up(unsigned node, unsigned page, Access wanted) {
    for (unsigned turn = 0; state.pages[node][page].state.access < wanted; ++turn) {
        if (turn == 16) { return fail("a page does not come before the test begins"); }
        step_page(node, page, [&](auto &machine, auto &entry, auto context, auto &actions) {
            machine.on_fault(entry, context, wanted, now_us, actions);
        });
        while (state.packets > 0) { deliver(0); }
    }
    step_page(node, page, [&](auto &machine, auto &entry, auto context, auto &actions) {
        machine.on_accessed(entry, context, now_us, actions);
    });
}

void World::write_initial_values() {
    for (unsigned i = 0; i < setting_.test.objects.size(); ++i) {
        const Object &object = setting_.test.objects[i];
        if (object.kind != ObjectKind::Variable || object.initial == 0) { continue; }
        const unsigned page = setting_.layout.page_of[i];
        const unsigned home = setting_.layout.page_home[page];
        warm_up(home, page, Access::Write);
        state.pages[home][page].frame[setting_.layout.slot_of[i]] = object.initial;
    }
}

// ---- Threads ----

const Operation &World::operation_of(unsigned thread) const {
    return setting_.test.threads[thread].operations[state.threads[thread].next];
}

bool World::is_finished(unsigned thread) const {
    return state.threads[thread].next >= setting_.test.threads[thread].operations.size();
}

bool World::is_finished() const {
    for (unsigned thread = 0; thread < setting_.test.threads.size(); ++thread) {
        if (!is_finished(thread)) { return false; }
    }
    return true;
}

Access World::wanted_by(unsigned thread) const { return writes(operation_of(thread)) ? Access::Write : Access::Read; }

bool World::can_run(unsigned thread) const {
    if (is_finished(thread)) { return false; }
    const ThreadState &own = state.threads[thread];
    switch (own.phase) {
    case Phase::Ready:
        return true;
    case Phase::AwaitsPage: {
        const unsigned page = setting_.layout.page_of[operation_of(thread).object];
        const PageState &entry = state.pages[setting_.test.threads[thread].node][page].state;
        return entry.access >= wanted_by(thread) || entry.pending == Pending::None;
    }
    case Phase::AwaitsLock:
    case Phase::AwaitsUnlock:
        return own.is_woken != 0;
    case Phase::AwaitsAtomic:
        return false;
    case Phase::AwaitsBarrier:
        return is_open(own.barriers);
    }
    return false;
}

void World::run(unsigned thread) {
    const Operation &operation = operation_of(thread);
    if (trace != nullptr) {
        const bool goes_on = state.threads[thread].phase != Phase::Ready;
        note("thread " + std::to_string(thread) + " " + text(setting_.test, operation) + (goes_on ? ", goes on" : ""));
    }
    if (operation.kind == OperationKind::Fence) { return finish_operation(thread, 0); }
    if (operation.kind == OperationKind::Barrier) { return run_barrier(thread); }
    switch (setting_.test.objects[operation.object].kind) {
    case ObjectKind::Variable:
        return run_access(thread);
    case ObjectKind::Lock:
        return run_lock(thread);
    case ObjectKind::Atomic:
        return run_atomic(thread);
    }
}

/// To sequential memory a barrier is time alone: no message of it is modelled.
bool World::is_open(unsigned barrier) const {
    for (unsigned thread = 0; thread < setting_.test.threads.size(); ++thread) {
        if (state.threads[thread].barriers < barrier) { return false; }
    }
    return true;
}

void World::run_barrier(unsigned thread) {
    ThreadState &own = state.threads[thread];
    if (own.phase == Phase::Ready) { ++own.barriers; }
    own.phase = Phase::AwaitsBarrier;
    if (is_open(own.barriers)) { finish_operation(thread, 0); }
}

/// With enough access the operation is done; without, the page is asked for and the thread waits (rule 13: what it
/// waited for is done before anybody else is served).
void World::run_access(unsigned thread) {
    const Operation &operation = operation_of(thread);
    const unsigned node = setting_.test.threads[thread].node;
    const unsigned page = setting_.layout.page_of[operation.object];
    const Access wanted = wanted_by(thread);
    NodePage &entry = state.pages[node][page];
    bool has_waited = state.threads[thread].phase == Phase::AwaitsPage;
    if (entry.state.access < wanted) {
        step_page(node, page, [&](auto &machine, auto &page_state, auto context, auto &actions) {
            machine.on_fault(page_state, context, wanted, now_us, actions);
        });
        state.threads[thread].phase = Phase::AwaitsPage;
        has_waited = true;
    }
    if (entry.state.access < wanted) { return; }
    if (entry.has_frame == 0) { fail("a page is readable without a frame"); }
    std::uint8_t &value = entry.frame[setting_.layout.slot_of[operation.object]];
    const std::uint8_t before = value;
    if (writes(operation)) { value = applied(operation, value); }
    finish_operation(thread, before);
    if (!has_waited) { return; }
    step_page(node, page, [&](auto &machine, auto &page_state, auto context, auto &actions) {
        machine.on_accessed(page_state, context, now_us, actions);
    });
}

/// The operation is done; `value` is what the object had before.
void World::finish_operation(unsigned thread, std::uint8_t value) {
    ThreadState &own = state.threads[thread];
    const Operation &operation = operation_of(thread);
    if (operation.target != no_register) { own.registers[operation.target] = value; }
    if (trace != nullptr) {
        note("    thread " + std::to_string(thread) + " has done " + text(setting_.test, operation) +
             (operation.target == no_register ? "" : " = " + std::to_string(value)));
    }
    own.phase = Phase::Ready;
    own.is_woken = 0;
    ++own.next;
    pass_over(thread);
}

/// Goes to the next operation whose condition holds.
void World::pass_over(unsigned thread) {
    while (!is_finished(thread) && !is_done(operation_of(thread), state.threads[thread].registers)) {
        ++state.threads[thread].next;
    }
}

// ---- The network ----

void World::send(Packet packet) {
    if (packet.to >= nodes_) { return fail("a message to nobody"); }
    if (state.packets == packets_max) { return fail("more messages under way than the model has room for"); }
    if (delay_us) { packet.due_us = static_cast<std::uint32_t>(now_us) + delay_us(); }
    const auto is_less = [](const Packet &a, const Packet &b) { return std::memcmp(&a, &b, sizeof a) < 0; };
    auto *const end = state.network.begin() + state.packets;
    auto *const place = std::upper_bound(state.network.begin(), end, packet, is_less);
    std::copy_backward(place, end, end + 1);
    *place = packet;
    ++state.packets;
}

void World::deliver(unsigned index) {
    const Packet packet = state.network[index];
    std::copy(state.network.begin() + index + 1, state.network.begin() + state.packets, state.network.begin() + index);
    --state.packets;
    state.network[state.packets] = Packet{};
    switch (packet.kind) {
    case PacketKind::Page:
        return deliver_page(packet);
    case PacketKind::Lock:
        return deliver_lock(packet);
    case PacketKind::AtomicRequest: {
        const auto thread = std::to_integer<unsigned>(packet.record[0]);
        Packet reply{};
        reply.to = static_cast<std::uint8_t>(setting_.test.threads[thread].node);
        reply.kind = PacketKind::AtomicReply;
        reply.bytes = 2;
        reply.record[0] = packet.record[0];
        reply.record[1] = std::byte{apply_atomic(thread)};
        return send(reply);
    }
    case PacketKind::AtomicReply:
        return finish_operation(std::to_integer<unsigned>(packet.record[0]),
                                std::to_integer<std::uint8_t>(packet.record[1]));
    }
}

void World::deliver_page(const Packet &packet) {
    const unsigned node = packet.to;
    const auto message = decode_page_message(std::span(packet.record).first(packet.bytes), nodes_);
    if (!message) { return fail("a message of ours is malformed"); }
    const auto page = static_cast<unsigned>(message->page.value);
    NodePage &entry = state.pages[node][page];
    if (trace != nullptr) {
        note("node " + std::to_string(node) + " page " + std::to_string(page) + " receives " +
             PageActions::text_of(*message));
    }
    if (message->contents == Contents::Bytes) {
        if (entry.state.access != Access::None) { return fail("bytes reach a page that is mapped"); }
        entry.frame = packet.frame;
        entry.has_frame = 1;
    }
    step_page(node, page, [&](auto &machine, auto &page_state, auto context, auto &actions) {
        machine.on_message(page_state, context, *message, now_us, actions);
    });
}

// ---- Events that nobody asked for ----

bool World::has_frame(unsigned node, unsigned page) const { return holds_frame(state.pages[node][page].state); }

bool World::evict(unsigned node, unsigned page) {
    note("node " + std::to_string(node) + " wants to evict page " + std::to_string(page));
    Eviction result = Eviction::Refused;
    step_page(node, page, [&](auto &machine, auto &page_state, auto context, auto &actions) {
        result = machine.on_evict(page_state, context, now_us, actions);
    });
    return result != Eviction::Refused;
}

void World::timer(unsigned node, unsigned page) {
    note("node " + std::to_string(node) + " page " + std::to_string(page) + " timer");
    step_page(node, page, [&](auto &machine, auto &page_state, auto context, auto &actions) {
        machine.on_timer(page_state, context, now_us, actions);
    });
}

bool World::holds_others_up(unsigned node, unsigned page) const {
    const PageState &entry = state.pages[node][page].state;
    return is_initialised(entry) && (!entry.readers.empty() || entry.next != no_node) && entry.stay != Stay::Free &&
           entry.pending == Pending::None;
}

// ---- The end ----

void World::fail(const std::string &what) {
    if (failure_.empty()) { failure_ = what; }
    note("*** " + what);
}

Outcome World::outcome() {
    Outcome result;
    for (unsigned thread = 0; thread < setting_.test.threads.size(); ++thread) {
        result.registers[thread] = state.threads[thread].registers;
    }
    for (unsigned i = 0; i < setting_.test.objects.size(); ++i) {
        switch (setting_.test.objects[i].kind) {
        case ObjectKind::Variable:
            result.memory[i] = final_value(setting_.layout.page_of[i], setting_.layout.slot_of[i]);
            break;
        case ObjectKind::Atomic:
            result.memory[i] = static_cast<std::uint8_t>(state.atomics[i]);
            break;
        case ObjectKind::Lock:
            break;
        }
    }
    return result;
}

/// The owner's value, which every copy has.
std::uint8_t World::final_value(unsigned page, unsigned slot) {
    const NodePage *owner = nullptr;
    for (unsigned node = 0; node < nodes_; ++node) {
        const NodePage &entry = state.pages[node][page];
        const bool is_home = node == setting_.layout.page_home[page];
        if (is_initialised(entry.state) ? !owns(entry.state) : !is_home) { continue; }
        if (owner != nullptr) { fail("two nodes own a page"); }
        owner = &entry;
    }
    if (owner == nullptr) {
        fail("a page is lost: nobody owns it");
        return 0;
    }
    const bool is_made = !is_initialised(owner->state) || is_zero(owner->state);
    const std::uint8_t value = is_made ? std::uint8_t{0} : owner->frame[slot];
    for (unsigned node = 0; node < nodes_; ++node) {
        const NodePage &entry = state.pages[node][page];
        if (entry.state.access != Access::None && entry.frame[slot] != value) {
            fail("a copy differs from the owner's page");
        }
    }
    return value;
}

} // namespace dsm::litmus
