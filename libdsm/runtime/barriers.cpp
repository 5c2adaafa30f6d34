// Threads at barriers: those of a number of threads, and the one of all ranks.
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/sync_executor.hpp"
#include "libdsm/runtime/synchronisation.hpp"

#include <cerrno>
#include <mutex>

namespace dsm::rt {
namespace {

constexpr int serial_thread = -1; ///< DSM_BARRIER_SERIAL_THREAD

} // namespace

sync::CountedBarrierContext Synchronisation::barrier_context(LockId barrier) {
    return {.barrier = barrier,
            .self = self_node(),
            .home = home_of(barrier),
            .records = records(),
            .pool = {memory_.barrier_pool, {memory_.barriers, barrier_records_max}}};
}

sync::BarrierOutcome Synchronisation::step_barrier(LockId barrier, const sync::BarrierEvent &event) {
    SyncEntry &entry = table_.lock(SyncKind::Barrier, barrier);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    SyncExecutor effects(*this, barrier);
    return sync::step(entry.states.barrier, barrier_context(barrier), effects, event);
}

sync::BarrierOutcome Synchronisation::wait_at_barrier(LockId barrier, sync::WaitSlot slot,
                                                      sync::BarrierOutcome outcome) {
    while (outcome == sync::BarrierOutcome::Wait) {
        await_wake({"barrier", barrier.value}, slot);
        outcome = step_barrier(barrier, {sync::BarrierEventKind::Look, slot, {}, 0, nullptr});
    }
    engine_.kick();
    acquired(node_);
    return outcome;
}

int Synchronisation::barrier_wait(LockId barrier, unsigned count) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    const auto first = step_barrier(barrier, {sync::BarrierEventKind::Arrive, seat.slot, {}, count, nullptr});
    const auto outcome = wait_at_barrier(barrier, seat.slot, first);
    if (outcome == sync::BarrierOutcome::Serial) { return serial_thread; }
    if (outcome == sync::BarrierOutcome::BadCount) { return EINVAL; }
    return outcome == sync::BarrierOutcome::NoSpace ? ENOMEM : 0;
}

int Synchronisation::barrier_destroy(LockId barrier) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    const Rank self = node_.topology->self();
    const auto first = step_barrier(barrier, {sync::BarrierEventKind::Query, seat.slot, self, 0, nullptr});
    return wait_at_barrier(barrier, seat.slot, first) == sync::BarrierOutcome::QueryBusy ? EBUSY : 0;
}

int Synchronisation::barrier_all() {
    AllBarrier &all = memory_.all;
    Waiter waiter(*node_.wait_slots, engine_, node_.topology->self());
    SyncExecutor effects(*this, all_ranks);
    all.lock.lock();
    const std::uint32_t before = all.opened.load(std::memory_order_relaxed);
    if (++all.arrived == node_.topology->ranks_of(self_node()).size()) {
        all.arrived = 0;
        if (node_.releases != nullptr) { node_.releases->on_barrier_arrival(); }
        sync::tree_arrive(all.tree, {.self = self_node(), .node_count = node_.topology->node_count()}, effects);
    }
    const bool open = all.opened.load(std::memory_order_relaxed) != before;
    if (!open) { waiter.add_to(all.waiters); }
    all.lock.unlock();
    // Who waits sends at once, and is known to wait before the answers come.
    if (open) {
        engine_.kick();
    } else {
        waiter.wait({"barrier", all_ranks.value});
    }
    acquired(node_);
    return node_.topology->self().value == 0 ? serial_thread : 0;
}

} // namespace dsm::rt
