// Wait slots: a thread that waits for a page or a lock stands in a list that begins in that page's or lock's entry.
// Slots live in the node's shared memory, so that whichever rank of the node makes the page come wakes all who wait for
// it.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/runtime/engine.hpp"

#include <atomic>
#include <cstdint>

namespace dsm::rt {

/// The head of a list of waiting threads: 0 when empty, else the number of a slot. Guarded by the lock of its entry.
using WaitList = std::uint32_t;

struct WaitSlot {
    std::atomic<std::uint32_t> ready;
    std::uint32_t next; ///< in the list it stands in, or in the free list
    std::uint32_t bit;  ///< with which its rank's doorbell reaches it
    Rank rank;
};

constexpr std::uint32_t wait_slots_per_node = 65536;

/// The node's table of wait slots. Zeroed memory is a valid table.
struct WaitSlotTable {
    FutexMutex lock;
    std::uint32_t free;   ///< the first slot given back
    std::uint32_t unused; ///< slots above it have never been used
    WaitSlot slots[wait_slots_per_node];
};

/// One thread's stay in a slot. Usage, the entry's lock being held: add_to(list); after unlocking: wait().
class Waiter {
public:
    Waiter(WaitSlotTable &table, Engine &engine, Rank self) : table_(table), engine_(engine) {
        table_.lock.lock();
        number_ = table_.free;
        if (number_ != 0) {
            table_.free = table_.slots[number_].next;
        } else {
            DSM_CHECK(table_.unused + 1 < wait_slots_per_node, "E5 fewer than 65,535 threads of a node wait at once",
                      0);
            number_ = ++table_.unused;
        }
        table_.lock.unlock();
        slot().bit = engine_.next_bit();
        slot().rank = self;
    }
    ~Waiter() {
        table_.lock.lock();
        slot().next = table_.free;
        table_.free = number_;
        table_.lock.unlock();
    }
    Waiter(const Waiter &) = delete;
    Waiter &operator=(const Waiter &) = delete;

    void add_to(WaitList &list) {
        slot().ready.store(0, std::memory_order_relaxed);
        slot().next = list;
        list = number_;
    }
    /// Until somebody has called wake_all() on the list.
    void wait(const WaitSubject &subject) {
        engine_.wait(subject, slot().bit, [this] { return slot().ready.load(std::memory_order_acquire) != 0; });
    }

private:
    WaitSlot &slot() { return table_.slots[number_]; }
    WaitSlotTable &table_;
    Engine &engine_;
    std::uint32_t number_ = 0;
};

/// Wakes all threads in the list and empties it. The entry's lock is held.
inline void wake_all(WaitSlotTable &table, Engine &engine, WaitList &list) {
    std::uint32_t number = list;
    list = 0;
    while (number != 0) {
        WaitSlot &slot = table.slots[number];
        const std::uint32_t next = slot.next; // Its thread may reuse the slot as soon as it is ready.
        const std::uint32_t bit = slot.bit;
        const Rank rank = slot.rank;
        slot.ready.store(1, std::memory_order_release);
        engine.wake(rank, bit);
        number = next;
    }
}

} // namespace dsm::rt
