// Threads that take mutexes and give them back.
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/sync_executor.hpp"
#include "libdsm/runtime/synchronisation.hpp"

#include <cerrno>
#include <mutex>

namespace dsm::rt {

sync::LockContext Synchronisation::lock_context(LockId lock) {
    return {.lock = lock,
            .self = self_node(),
            .home = home_of(lock),
            .node_count = node_.topology->node_count(),
            .records = records()};
}

sync::LockState &Synchronisation::lock_state(LockId lock) { return table_.find(SyncKind::Mutex, lock).states.lock; }

sync::LockOutcome Synchronisation::step_lock(LockId lock, const sync::LockEvent &event) {
    SyncEntry &entry = table_.lock(SyncKind::Mutex, lock);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    SyncExecutor effects(*this, lock);
    return sync::step(entry.states.lock, lock_context(lock), effects, event);
}

/// Steps a machine that answers at once or after some messages: `again` is the event of a thread that was woken.
sync::LockOutcome Synchronisation::finish_lock(LockId lock, const Seat &seat, sync::LockEventKind first,
                                               sync::LockEventKind again) {
    auto outcome = step_lock(lock, {first, seat.slot, seat.owner, nullptr});
    while (outcome == sync::LockOutcome::Wait) {
        await_wake({"lock", lock.value}, seat.slot);
        outcome = step_lock(lock, {again, seat.slot, seat.owner, nullptr});
    }
    engine_.kick();
    return outcome;
}

int Synchronisation::mutex_lock(LockId lock, const Deadline &deadline) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    sync::LockState &state = lock_state(lock);
    if (sync::lock_fast(state, seat.owner)) {
        acquired_lock(lock);
        return 0;
    }
    if (sync::holds_lock(state, seat.owner)) { return EDEADLK; }
    if (!deadline.is_valid() || deadline.has_passed()) {
        // No time to wait in. But what is free is taken, and the time is looked at only where it matters.
        if (mutex_trylock(lock) == 0) { return 0; }
        return deadline.is_valid() ? ETIMEDOUT : EINVAL;
    }
    const auto first = deadline.is_limited() ? sync::LockEventKind::TimedLock : sync::LockEventKind::Lock;
    auto outcome = step_lock(lock, {first, seat.slot, seat.owner, nullptr});
    while (outcome == sync::LockOutcome::Wait) {
        const bool in_time = await_wake({"lock", lock.value}, seat.slot, deadline);
        const auto event = in_time ? sync::LockEventKind::Retry : sync::LockEventKind::Abandon;
        outcome = step_lock(lock, {event, seat.slot, seat.owner, nullptr});
    }
    engine_.kick();
    if (outcome == sync::LockOutcome::TimedOut) { return ETIMEDOUT; }
    acquired_lock(lock);
    return 0;
}

int Synchronisation::mutex_trylock(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    sync::LockState &state = lock_state(lock);
    const bool is_mine_at_once = sync::lock_fast(state, seat.owner);
    if (!is_mine_at_once) {
        if (sync::holds_lock(state, seat.owner)) { return EDEADLK; }
        const auto outcome = finish_lock(lock, seat, sync::LockEventKind::Try, sync::LockEventKind::TryRetry);
        if (outcome != sync::LockOutcome::Acquired) { return EBUSY; }
    }
    acquired_lock(lock);
    return 0;
}

int Synchronisation::mutex_relock(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    const auto outcome = step_lock(lock, {sync::LockEventKind::Relock, seat.slot, seat.owner, nullptr});
    return outcome == sync::LockOutcome::TooDeep ? EAGAIN : 0;
}

int Synchronisation::wait_in_vain(LockId lock, const Deadline &deadline) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (!deadline.is_valid()) { return EINVAL; }
    await({"lock", lock.value}, seat.slot, deadline, [] { return false; });
    return ETIMEDOUT;
}

sync::LockOutcome Synchronisation::unlock_once(LockId lock) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    if (sync::unlock_fast(lock_state(lock), seat.owner)) {
        released_lock(lock);
        return sync::LockOutcome::Released;
    }
    // Waits only for the lender of a borrowed token to have it back.
    const auto outcome = finish_lock(lock, seat, sync::LockEventKind::Unlock, sync::LockEventKind::UnlockRetry);
    if (outcome == sync::LockOutcome::Released) { released_lock(lock); }
    return outcome;
}

int Synchronisation::mutex_unlock(LockId lock) { return unlock_once(lock) == sync::LockOutcome::NotOwner ? EPERM : 0; }

std::uint32_t Synchronisation::release_wholly(LockId lock) {
    std::uint32_t relocks = 0;
    while (unlock_once(lock) == sync::LockOutcome::StillHeld) { ++relocks; }
    return relocks;
}

void Synchronisation::take_as_often(LockId lock, std::uint32_t relocks) {
    mutex_lock(lock);
    for (; relocks != 0; --relocks) { mutex_relock(lock); }
}

/// A token that is elsewhere is borrowed for a moment: so the answer holds for all nodes.
int Synchronisation::mutex_destroy(LockId lock) {
    {
        SyncEntry &entry = table_.lock(SyncKind::Mutex, lock);
        const std::lock_guard held(entry.lock, std::adopt_lock);
        if (sync::lock_in_use(entry.states.lock)) { return EBUSY; }
    }
    const int code = mutex_trylock(lock);
    return code != 0 ? EBUSY : mutex_unlock(lock);
}

} // namespace dsm::rt
