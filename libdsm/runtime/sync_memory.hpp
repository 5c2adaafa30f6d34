// What synchronisation keeps in the node's shared region beside the table of objects: the seats of waiting threads and
// the pools.
#pragma once

#include "libdsm/runtime/sync_table.hpp"
#include "libdsm/runtime/wait_slots.hpp"
#include "libdsm/sync/home_call.hpp"
#include "libdsm/sync/home_queue.hpp"

#include <atomic>
#include <cstdint>

namespace dsm::rt {

constexpr std::uint32_t seats_max = 65536;
constexpr std::uint32_t condition_records_max = 1U << 20;
constexpr std::uint32_t barrier_records_max = 1U << 20;
constexpr std::uint32_t home_records_max = 1U << 20;
constexpr std::uint32_t atomic_waiters_max = 1U << 20;

/// How a thread of the node is woken; its WaitRecord has the same number. A thread keeps its seat until it ends.
struct SyncSeat {
    std::atomic<std::uint32_t> woken;
    std::uint32_t bit;
    Rank rank;
    std::uint32_t next_free; ///< seat + 1
};

/// The barrier of all ranks at this node.
struct AllBarrier {
    FutexMutex lock;
    WaitList waiters;
    std::uint32_t arrived;
    sync::TreeBarrierState tree;
    std::atomic<std::uint32_t> opened; ///< grows when the ranks of the node may go
};

/// Zeroed memory is a valid start.
struct SyncMemory {
    AllBarrier all;
    FutexMutex seats_lock;
    std::uint32_t free_seat;    ///< seat + 1
    std::uint32_t unused_seats; ///< seats from here on were never taken
    sync::PoolHead condition_pool;
    sync::PoolHead barrier_pool;
    sync::PoolHead atomic_pool;
    sync::PoolHead home_pool;
    SyncSeat seats[seats_max];
    sync::WaitRecord records[seats_max];
    sync::ConditionRecord conditions[condition_records_max];
    sync::BarrierRecord barriers[barrier_records_max];
    sync::AtomicWaiter atomic_waiters[atomic_waiters_max];
    sync::HomeCall home_calls[seats_max]; ///< by seat, as records
    sync::HomeRecord home_records[home_records_max];
};

} // namespace dsm::rt
