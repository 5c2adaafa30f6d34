// Where a thread waits: one record per thread, in an array that the ranks of a node share. A thread waits for one thing
// at a time, so one record serves locks, barriers and conditions alike. Zeroed memory is an idle record.
#pragma once

#include "libdsm/base/ids.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace dsm::sync {

/// The index of a thread's WaitRecord in its node's array.
using WaitSlot = StrongId<struct WaitSlotTag, std::uint32_t>;

/// Who holds a lock: a thread of the job, in 48 bits; never 0. Made by lock_owner().
using LockOwner = StrongId<struct LockOwnerTag, std::uint64_t>;

constexpr unsigned lock_owner_thread_bits = 24; ///< Linux numbers threads with 22
constexpr std::uint64_t lock_owner_mask = (std::uint64_t{1} << 48) - 1;

/// The owner for a thread of a rank; `thread` is unique inside the rank and below 2^24 (a Linux thread id will do).
constexpr LockOwner lock_owner(Rank rank, std::uint32_t thread) noexcept {
    const auto rank_part = static_cast<std::uint64_t>(rank.value) + 1;
    return LockOwner{((rank_part << lock_owner_thread_bits) | (thread & ((1U << lock_owner_thread_bits) - 1))) &
                     lock_owner_mask};
}

/// What a thread does at a counted barrier; also how it learns the end of it.
enum class BarrierWait : std::uint8_t {
    Idle,
    Waiting,
    Released,
    Serial,
    BadCount,
    NoSpace,
    Querying,
    QueryIdle,
    QueryBusy
};

struct WaitRecord {
    LockOwner owner;      ///< the waiting thread, while it waits for a lock
    std::uint32_t next;   ///< slot + 1 of the next in the same queue; 0 at the end. Guarded by the entry's lock
    std::uint32_t ticket; ///< counted barrier: this node's number of the arrival
    bool queued;          ///< stands in a queue of a lock
    BarrierWait barrier;
    bool asked;    ///< while it tries: a TryRequest that was sent after it came is under way
    bool is_timed; ///< while it waits for a lock: it may give up
    std::uint32_t reserved_too;
    std::uint64_t condition_word; ///< sequence << 8 | ConditionPhase; changed by compare-and-swap alone (condition.hpp)
};

/// A queue of records, linked by index; zeroed memory is an empty one.
class WaitQueue {
public:
    bool empty() const noexcept { return head_ == 0; }
    WaitSlot front() const noexcept { return WaitSlot{head_ - 1}; }
    void push(std::span<WaitRecord> records, WaitSlot slot) noexcept;
    /// Takes a slot out wherever it stands; false when it is not in the queue.
    bool remove(std::span<WaitRecord> records, WaitSlot slot) noexcept;
    /// The slot after `slot` in the queue, as slot + 1; 0 at the end. For walking: first() to begin with.
    std::uint32_t first() const noexcept { return head_; }

private:
    std::uint32_t head_;
    std::uint32_t tail_;
};

} // namespace dsm::sync
