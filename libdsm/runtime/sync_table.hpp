// The node's table of synchronisation objects: a hash table from an object's address to its state, in memory that the
// node's ranks share. An entry comes into being at first use; looking one up takes no lock.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"
#include "libdsm/base/hash.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/runtime/sync_states.hpp"
#include "libdsm/runtime/wait_slots.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::rt {

struct alignas(128) SyncEntry {
    std::atomic<std::uint64_t> key; ///< the object's number plus one, and its kind in the upper bits; 0: unused
    FutexMutex lock;                ///< guards everything below
    WaitList waiters;
    SyncStates states;
};

/// What an object is used as: one address may be only one of them at a time, but they never share an entry.
enum class SyncKind : std::uint8_t { Mutex = 1, Condition = 2, Barrier = 3 };

class SyncTable {
public:
    static constexpr unsigned entries_bits = 21;
    static constexpr std::size_t entries_max = std::size_t{1} << entries_bits;
    explicit SyncTable(std::byte *region) : entries_(reinterpret_cast<SyncEntry *>(region)) {}
    static std::size_t region_bytes() { return entries_max * sizeof(SyncEntry); }

    SyncEntry &find(SyncKind kind, LockId id) {
        const std::uint64_t key = (static_cast<std::uint64_t>(kind) << 60U) | (id.value + 1);
        for (std::size_t at = hash(key), tries = 0; tries < entries_max; ++tries, at = (at + 1) % entries_max) {
            SyncEntry &entry = entries_[at];
            std::uint64_t found = entry.key.load(std::memory_order_acquire);
            if (found == key) { return entry; }
            if (found == 0 && entry.key.compare_exchange_strong(found, key, std::memory_order_acq_rel)) {
                return entry;
            }
            if (found == key) { return entry; }
        }
        DSM_CHECK(false, "Y1 fewer than two million synchronisation objects are in use", id.value);
        return entries_[0];
    }

private:
    static std::size_t hash(std::uint64_t key) { return spread(key, entries_bits); }
    SyncEntry *entries_;
};

} // namespace dsm::rt
