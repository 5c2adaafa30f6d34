// One thread's stock of small blocks in front of the node's heap, so that most allocations and frees take no lock:
// blocks of a class are fetched and given back in batches. After the thread caches of tcmalloc (Ghemawat and Menage
// 2005), with one difference: a held block says so outside itself (its live bit), never in its own bytes.
//
// Belongs to one thread; counts() may be called by others. Holds at most cache_bytes_max, and per class at most
// shelf_capacity() blocks. Takes no memory while it works.
#pragma once

#include "libdsm/memory/heap.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::memory {

constexpr std::size_t cache_bytes_max = std::size_t{1} << 20;
constexpr std::size_t shelf_bytes_max = std::size_t{64} << 10;
constexpr std::size_t shelf_blocks_min = 4;
constexpr std::size_t shelf_blocks_max = 64;

/// The most blocks of a class that a thread keeps; half of it is a batch.
constexpr std::size_t shelf_capacity(std::size_t class_index) {
    const std::size_t blocks = shelf_bytes_max / class_bytes(class_index);
    return blocks < shelf_blocks_min ? shelf_blocks_min : blocks > shelf_blocks_max ? shelf_blocks_max : blocks;
}

struct CacheCounts {
    std::uint64_t allocations = 0;
    std::uint64_t frees = 0;
};

class HeapCache {
public:
    explicit HeapCache(NodeHeap &heap);
    HeapCache(const HeapCache &) = delete;
    HeapCache &operator=(const HeapCache &) = delete;

    /// A live block of the class: Ok, or NeedChunk when neither the shelf nor the heap has one.
    HeapBlock allocate(SizeClass size_class) {
        Shelf &shelf = shelves_[size_class.value];
        if (shelf.count == 0 && !refill(shelf, size_class)) { return {HeapStatus::NeedChunk, 0, 0}; }
        const SegmentOffset offset = places_[shelf.first + --shelf.count];
        const std::size_t bytes = shape_of(size_class).block_bytes;
        held_bytes_ -= bytes;
        heap_.hand_out(offset);
        add_one(allocations_);
        return {HeapStatus::Ok, offset, bytes};
    }
    /// Frees a live block of the node, small ones onto the shelf. What is no live block changes nothing.
    HeapFree free_block(SegmentOffset offset) {
        const HeapRetired block = heap_.retire(offset);
        if (block.status != HeapStatus::Ok) { return {block.status, false}; }
        if (!block.small) {
            const HeapFree freed = heap_.free_block(offset);
            if (freed.status == HeapStatus::Ok) { add_one(frees_); }
            return freed;
        }
        Shelf &shelf = shelves_[block.size_class.value];
        const std::size_t bytes = shape_of(block.size_class).block_bytes;
        bool release_pending = false;
        if (shelf.count == shelf.capacity) { release_pending = thin_out(shelf, block.size_class); }
        if (held_bytes_ + bytes > cache_bytes_max) { release_pending = give_back_all(); }
        places_[shelf.first + shelf.count++] = offset;
        held_bytes_ += bytes;
        add_one(frees_);
        return {HeapStatus::Ok, release_pending};
    }
    /// Puts everything back. True if the heap has chunks for take_released_chunk().
    bool give_back_all();

    std::size_t held_bytes() const { return held_bytes_; }
    CacheCounts counts() const {
        return {allocations_.load(std::memory_order_relaxed), frees_.load(std::memory_order_relaxed)};
    }

private:
    /// The held blocks of a class: places_[first] to places_[first + count - 1], the last one put away goes out first.
    struct Shelf {
        std::uint16_t first;
        std::uint16_t count;
        std::uint16_t capacity;
    };
    static constexpr std::size_t place_count = [] {
        std::size_t places = 0;
        for (std::size_t index = 0; index < size_class_count; ++index) { places += shelf_capacity(index); }
        return places;
    }();
    /// Only this thread writes, so no locked addition is needed.
    static void add_one(std::atomic<std::uint64_t> &count) {
        count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    bool refill(Shelf &shelf, SizeClass size_class);
    bool thin_out(Shelf &shelf, SizeClass size_class);
    bool give_back(Shelf &shelf, SizeClass size_class, std::size_t count);

    NodeHeap &heap_;
    std::size_t held_bytes_ = 0;
    std::atomic<std::uint64_t> allocations_{0};
    std::atomic<std::uint64_t> frees_{0};
    std::array<Shelf, size_class_count> shelves_{};
    std::array<SegmentOffset, place_count> places_{};
};

} // namespace dsm::memory
