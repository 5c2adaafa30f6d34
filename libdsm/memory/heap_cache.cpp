// The slow half of a thread's cache: batches in and out.
#include "libdsm/memory/heap_cache.hpp"

#include <algorithm>

namespace dsm::memory {

HeapCache::HeapCache(NodeHeap &heap) : heap_(heap) {
    std::size_t first = 0;
    for (std::size_t index = 0; index < size_class_count; ++index) {
        shelves_[index] = {static_cast<std::uint16_t>(first), 0, static_cast<std::uint16_t>(shelf_capacity(index))};
        first += shelf_capacity(index);
    }
}

/// Half a shelf, so that a thread that frees next finds room.
bool HeapCache::refill(Shelf &shelf, SizeClass size_class) {
    const std::size_t bytes = shape_of(size_class).block_bytes;
    const std::size_t wanted = std::clamp<std::size_t>((cache_bytes_max - held_bytes_) / bytes, 1, shelf.capacity / 2U);
    const std::size_t got = heap_.allocate_batch(size_class, {&places_[shelf.first], wanted});
    shelf.count = static_cast<std::uint16_t>(got);
    held_bytes_ += got * bytes;
    return got > 0;
}

/// Gives back the half that was put away first: the other half is likely still in the processor's cache.
bool HeapCache::thin_out(Shelf &shelf, SizeClass size_class) {
    return give_back(shelf, size_class, shelf.capacity / 2U);
}

bool HeapCache::give_back(Shelf &shelf, SizeClass size_class, std::size_t count) {
    SegmentOffset *blocks = &places_[shelf.first];
    const bool release_pending = heap_.give_back_batch(size_class, {blocks, count});
    std::copy(blocks + count, blocks + shelf.count, blocks);
    shelf.count = static_cast<std::uint16_t>(shelf.count - count);
    held_bytes_ -= count * shape_of(size_class).block_bytes;
    return release_pending;
}

bool HeapCache::give_back_all() {
    bool release_pending = false;
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        Shelf &shelf = shelves_[index];
        if (shelf.count > 0) { release_pending = give_back(shelf, {index}, shelf.count); }
    }
    return release_pending;
}

} // namespace dsm::memory
