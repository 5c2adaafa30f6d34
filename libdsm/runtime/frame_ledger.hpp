// Which pages of a node have frames, in a ring that the clock of eviction walks. In node-shared memory.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/base/ids.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::rt {

/// Header of the ledger; `entries` follow it, one per block that has a frame. Zeroed memory is an empty ledger.
/// Invariant F1: a block stands in the ledger exactly once while it has a frame (its `ledger_place` is not 0).
class FrameLedger {
public:
    struct Entry {
        std::uint64_t block;
    };
    static std::size_t region_bytes(std::size_t pages) { return sizeof(FrameLedger) + (pages + 1) * sizeof(Entry); }

    std::uint64_t frames() const { return frames_.load(std::memory_order_relaxed); }

    /// `place` is the block's ledger_place; it is written under the ledger's lock alone.
    void add(PageId block, std::uint32_t pages, std::atomic<std::uint32_t> &place) {
        if (place.load(std::memory_order_relaxed) != 0) { return; }
        lock_.lock();
        if (place.load(std::memory_order_relaxed) == 0) {
            entries()[++count_] = {block.value};
            place.store(count_, std::memory_order_relaxed);
            frames_.fetch_add(pages, std::memory_order_relaxed);
        }
        lock_.unlock();
    }
    /// `place_of(PageId)` gives the ledger_place of the block that moves into the gap.
    template <class PlaceOf> void remove(std::uint32_t pages, std::atomic<std::uint32_t> &place, PlaceOf place_of) {
        lock_.lock();
        const std::uint32_t gap = place.load(std::memory_order_relaxed);
        if (gap != 0) {
            entries()[gap] = entries()[count_];
            place_of(PageId{entries()[gap].block}).store(gap, std::memory_order_relaxed);
            place.store(0, std::memory_order_relaxed);
            --count_;
            frames_.fetch_sub(pages, std::memory_order_relaxed);
        }
        lock_.unlock();
    }
    /// The next block under the clock's hand; false when there are none.
    bool advance(PageId &block) {
        lock_.lock();
        const bool any = count_ > 0;
        if (any) {
            hand_ = hand_ >= count_ ? 1 : hand_ + 1;
            block = PageId{entries()[hand_].block};
        }
        lock_.unlock();
        return any;
    }

private:
    Entry *entries() { return reinterpret_cast<Entry *>(this + 1); }
    FutexMutex lock_;
    std::uint32_t count_;
    std::uint32_t hand_;
    std::atomic<std::uint64_t> frames_;
};

} // namespace dsm::rt
