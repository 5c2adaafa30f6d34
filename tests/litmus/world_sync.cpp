// Locks, by the shipped machine with its fast paths, and atomics, by the shipped function at their home.
#include "libdsm/sync/sync_wire.hpp"
#include "tests/litmus/world.hpp"

namespace dsm::litmus {
using namespace dsm::sync;

class World::LockActions final : public LockEffects {
public:
    explicit LockActions(World &world) : world_(world) {}
    void send(NodeId to, const LockMessage &message) override {
        std::array<std::byte, sync_message_bytes_max> bytes{};
        Packet packet{};
        packet.to = static_cast<std::uint8_t>(to.value);
        packet.kind = PacketKind::Lock;
        packet.bytes = static_cast<std::uint8_t>(encode(message, std::span(bytes)));
        static_assert(lock_message_bytes <= packet_record_bytes);
        std::copy_n(bytes.begin(), lock_message_bytes, packet.record.begin());
        if (world_.trace != nullptr) {
            world_.note("    lock message " + std::to_string(static_cast<unsigned>(message.kind)) + " from " +
                        std::to_string(message.from.value) + " to " + std::to_string(to.value));
        }
        world_.send(packet);
    }
    void wake(WaitSlot slot) override { world_.state.threads[slot.value].is_woken = 1; }

private:
    World &world_;
};

LockOutcome World::step_lock(unsigned node, unsigned lock_object, const LockEvent &event) {
    const LockContext context{.lock = LockId{lock_object},
                              .self = NodeId{static_cast<std::uint16_t>(node)},
                              .home = NodeId{setting_.layout.home_of[lock_object]},
                              .node_count = static_cast<std::uint16_t>(nodes_),
                              .records = state.records,
                              .mutation = setting_.lock_mutation};
    LockActions actions(*this);
    return step(state.locks[node][setting_.layout.lock_of[lock_object]], context, actions, event);
}

namespace {
bool is_over(LockOutcome outcome) { return outcome == LockOutcome::Acquired || outcome == LockOutcome::Released; }
} // namespace

void World::run_lock(unsigned thread) {
    const Operation &operation = operation_of(thread);
    const bool takes = operation.kind == OperationKind::Lock;
    const unsigned node = setting_.test.threads[thread].node;
    const LockOwner owner = lock_owner(Rank{static_cast<std::int32_t>(node)}, thread + 1);
    LockState &lock = state.locks[node][setting_.layout.lock_of[operation.object]];
    ThreadState &own = state.threads[thread];
    own.is_woken = 0;
    LockEvent event{takes ? LockEventKind::Lock : LockEventKind::Unlock, WaitSlot{thread}, owner, nullptr};
    if (own.phase == Phase::Ready) {
        if (takes ? lock_fast(lock, owner) : unlock_fast(lock, owner)) { return finish_operation(thread, 0); }
    } else {
        event.kind = takes ? LockEventKind::Retry : LockEventKind::UnlockRetry;
    }
    const LockOutcome outcome = step_lock(node, operation.object, event);
    if (is_over(outcome)) { return finish_operation(thread, 0); }
    if (outcome != LockOutcome::Wait) { return fail("a lock that is used rightly refuses"); }
    own.phase = takes ? Phase::AwaitsLock : Phase::AwaitsUnlock;
}

void World::deliver_lock(const Packet &packet) {
    const auto message = decode_lock(std::span(packet.record).first(packet.bytes), static_cast<std::uint16_t>(nodes_));
    if (!message) { return fail("a lock message of ours is malformed"); }
    note("node " + std::to_string(packet.to) + " receives lock message " +
         std::to_string(static_cast<unsigned>(message->kind)));
    const LockEvent event{LockEventKind::Message, WaitSlot{0}, LockOwner{0}, &*message};
    step_lock(packet.to, static_cast<unsigned>(message->lock.value), event);
}

// ---- Atomics ----

namespace {
AtomicOperation atomic_operation(OperationKind kind) {
    switch (kind) {
    case OperationKind::Store:
        return AtomicOperation::Store;
    case OperationKind::Exchange:
        return AtomicOperation::Exchange;
    case OperationKind::FetchAdd:
        return AtomicOperation::FetchAdd;
    case OperationKind::Load:
    case OperationKind::Lock:
    case OperationKind::Unlock:
    case OperationKind::Fence:
    case OperationKind::Barrier:
        break;
    }
    return AtomicOperation::Load;
}
} // namespace

/// At the home at once; from elsewhere by a request and its answer, at which the operation is done.
void World::run_atomic(unsigned thread) {
    const unsigned home = setting_.layout.home_of[operation_of(thread).object];
    if (home == setting_.test.threads[thread].node) { return finish_operation(thread, apply_atomic(thread)); }
    state.threads[thread].phase = Phase::AwaitsAtomic;
    Packet request{};
    request.to = static_cast<std::uint8_t>(home);
    request.kind = PacketKind::AtomicRequest;
    request.bytes = 1;
    request.record[0] = static_cast<std::byte>(thread);
    send(request);
}

/// The value before.
std::uint8_t World::apply_atomic(unsigned thread) {
    const Operation &operation = operation_of(thread);
    std::uint64_t &value = state.atomics[operation.object];
    const std::uint64_t before = value;
    value = apply(atomic_operation(operation.kind), 1, before, operation.value, 0);
    return static_cast<std::uint8_t>(before);
}

} // namespace dsm::litmus
