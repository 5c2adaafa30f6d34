// Taking and giving back seats.
#include "libdsm/runtime/seat.hpp"

#include "libdsm/memory/fault_signals.hpp"

#include <atomic>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

/// Where seats are given back to; nullptr before the first is taken and after the end.
std::atomic<SyncMemory *> current_memory{nullptr};

void give_back(SyncMemory &memory, sync::WaitSlot slot) {
    memory.seats_lock.lock();
    memory.seats[slot.value].next_free = memory.free_seat;
    memory.free_seat = slot.value + 1;
    memory.seats_lock.unlock();
}

sync::WaitSlot take(SyncMemory &memory) {
    memory.seats_lock.lock();
    std::uint32_t seat = memory.free_seat;
    if (seat != 0) {
        memory.free_seat = memory.seats[seat - 1].next_free;
    } else {
        DSM_CHECK(memory.unused_seats < seats_max, "E5 fewer than 65,535 threads of a node synchronise", 0);
        seat = ++memory.unused_seats;
    }
    memory.seats_lock.unlock();
    return sync::WaitSlot{seat - 1};
}

struct ThreadSeat {
    Seat seat{};
    SyncMemory *memory = nullptr;
    ~ThreadSeat() {
        if (memory != nullptr && memory == current_memory.load()) { give_back(*memory, seat.slot); }
    }
};

} // namespace

const Seat &seat_of_this_thread(SyncMemory &memory, Rank self, Engine &engine) {
    static thread_local ThreadSeat mine;
    if (mine.memory != &memory) {
        current_memory.store(&memory);
        mine.memory = &memory;
        mine.seat.slot = take(memory);
        mine.seat.owner = sync::lock_owner(self, static_cast<std::uint32_t>(::syscall(SYS_gettid)));
        memory.seats[mine.seat.slot.value].bit = engine.next_bit();
        memory.seats[mine.seat.slot.value].rank = self;
        memory::unblock_fault_signals(); // A thread that blocks them dies at its first fault.
    }
    return mine.seat;
}

void forget_seats() { current_memory.store(nullptr); }

} // namespace dsm::rt
