// The queue of those who wait for an atomic to change.
#include "libdsm/sync/atomic_value.hpp"

namespace dsm::sync {

bool add_waiter(AtomicState &state, AtomicWaiterPool pool, Rank rank, WaitSlot slot) noexcept {
    for (std::uint32_t link = state.first; link != 0; link = pool.at(link).next) {
        if (pool.at(link).rank == rank && pool.at(link).slot == slot) { return true; }
    }
    const std::uint32_t fresh = pool.take();
    if (fresh == 0) { return false; }
    pool.at(fresh) = {rank, slot, 0};
    if (state.first == 0) {
        state.first = fresh;
    } else {
        pool.at(state.last).next = fresh;
    }
    state.last = fresh;
    return true;
}

void remove_waiter(AtomicState &state, AtomicWaiterPool pool, Rank rank, WaitSlot slot) noexcept {
    std::uint32_t before = 0;
    for (std::uint32_t link = state.first; link != 0; before = link, link = pool.at(link).next) {
        if (pool.at(link).rank != rank || pool.at(link).slot != slot) { continue; }
        const std::uint32_t after = pool.at(link).next;
        (before == 0 ? state.first : pool.at(before).next) = after;
        if (state.last == link) { state.last = before; }
        pool.give_back(link);
        return;
    }
}

bool take_waiter(AtomicState &state, AtomicWaiterPool pool, AtomicWaiter &out) noexcept {
    if (state.first == 0) { return false; }
    out = pool.at(state.first);
    remove_waiter(state, pool, out.rank, out.slot);
    return true;
}

} // namespace dsm::sync
