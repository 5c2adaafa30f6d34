// What an atomic operation does to a value: a pure function, the same at every home. And the state of an atomic at its
// home: the value, and who waits for it to change.
//
// Values have 1, 2, 4 or 8 bytes and travel in 64 bits, zeros above. Arithmetic wraps, as on unsigned integers; signed
// ones agree with it bit for bit.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/sync/record_pool.hpp"
#include "libdsm/sync/wait_record.hpp"

#include <cstddef>
#include <cstdint>

namespace dsm::sync {

/// Wire numbers; those of dsm_atomic_operation_t.
enum class AtomicOperation : std::uint8_t {
    Load = 0,
    Store = 1,
    Exchange = 2,
    CompareExchange = 3,
    FetchAdd = 4,
    FetchSub = 5,
    FetchAnd = 6,
    FetchOr = 7,
    FetchXor = 8,
};
constexpr unsigned atomic_operation_count = 9;

constexpr bool is_atomic_size(std::size_t bytes) noexcept {
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}
/// The part of 64 bits that a value of so many bytes may use.
constexpr std::uint64_t atomic_mask(std::size_t bytes) noexcept { return ~std::uint64_t{0} >> (64 - 8 * bytes); }

/// The value after the operation on `old`: `old` itself when a comparison fails, and for a load.
constexpr std::uint64_t apply(AtomicOperation operation, std::size_t bytes, std::uint64_t old, std::uint64_t operand,
                              std::uint64_t expected) noexcept {
    const std::uint64_t mask = atomic_mask(bytes);
    switch (operation) {
    case AtomicOperation::Load:
        return old;
    case AtomicOperation::Store:
    case AtomicOperation::Exchange:
        return operand & mask;
    case AtomicOperation::CompareExchange:
        return old == (expected & mask) ? operand & mask : old;
    case AtomicOperation::FetchAdd:
        return (old + operand) & mask;
    case AtomicOperation::FetchSub:
        return (old - operand) & mask;
    case AtomicOperation::FetchAnd:
        return old & operand & mask;
    case AtomicOperation::FetchOr:
        return (old | operand) & mask;
    case AtomicOperation::FetchXor:
        return (old ^ operand) & mask;
    }
    return old;
}

/// A thread of any node that waits for an atomic to change; from a pool of the home's node.
struct AtomicWaiter {
    Rank rank;
    WaitSlot slot; ///< its seat at its node
    std::uint32_t next;
    friend bool operator==(const AtomicWaiter &, const AtomicWaiter &) = default;
};
using AtomicWaiterPool = RecordPool<AtomicWaiter>;

/// At the home alone. Zeroed memory is an atomic of value 0 that nobody waits for.
struct AtomicState {
    std::uint64_t value; ///< through std::atomic_ref alone, with or without the entry's lock
    // Guarded by the entry's lock. Invariant: a thread stands in it only between its wait's call and its return.
    std::uint32_t first; ///< links into the pool, in the order of their coming; 0 when nobody waits
    std::uint32_t last;
};

/// Appends a waiter unless it stands there already (it was woken for nothing and asks again). False: no room.
bool add_waiter(AtomicState &state, AtomicWaiterPool pool, Rank rank, WaitSlot slot) noexcept;
/// Takes the waiter out, if it is there.
void remove_waiter(AtomicState &state, AtomicWaiterPool pool, Rank rank, WaitSlot slot) noexcept;
/// Takes the longest waiting one out; false when nobody waits.
bool take_waiter(AtomicState &state, AtomicWaiterPool pool, AtomicWaiter &out) noexcept;

} // namespace dsm::sync
