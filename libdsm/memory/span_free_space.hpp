// Which chunks of the segment are free: a binary tree over the chunks in which each node knows the free run at its left
// end, at its right end, and its longest. First fit by address, taking and giving back, all in O(log chunks);
// neighbours need no merging since runs are never stored. Zeroed memory is "all free", and what is never used is never
// touched.
#pragma once

#include "libdsm/memory/span_record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace dsm::memory {

class SpanFreeSpace {
public:
    SpanFreeSpace(std::byte *region, std::uint32_t chunk_count);
    static std::size_t region_bytes(std::uint32_t chunk_count);
    /// Once, on zeroed memory: takes what the tree has beyond chunk_count.
    void format();

    /// The lowest run of count free chunks whose first is a multiple of alignment (a power of two).
    std::optional<ChunkId> find(std::uint32_t count, std::uint32_t alignment) const;
    void take(ChunkId first, std::uint32_t count) { set(first, count, true); }
    void give_back(ChunkId first, std::uint32_t count) { set(first, count, false); }
    std::uint32_t longest_run() const;

private:
    /// Used chunks seen from the left end's free run, and so on: counted as what is missing to "all free", so that zero
    /// is a free node.
    struct Node {
        std::uint32_t missing_left;
        std::uint32_t missing_right;
        std::uint32_t missing_longest;
    };
    struct Place {
        std::size_t index;   ///< 1 is the root; the children of i are 2i and 2i + 1
        std::uint32_t first; ///< first chunk below it
        std::uint32_t size;  ///< chunks below it
        Place left() const { return {2 * index, first, size / 2}; }
        Place right() const { return {2 * index + 1, first + size / 2, size / 2}; }
    };
    struct Search {
        std::uint32_t count;
        std::uint32_t alignment;
    };
    Place root() const { return {1, 0, leaves_}; }
    bool uniform(Place place) const;
    void set(ChunkId first, std::uint32_t count, bool used);
    void set_below(Place place, std::uint32_t begin, std::uint32_t end, bool used);
    void fill(Place place, bool used);
    void combine(Place place);
    std::optional<ChunkId> find_below(Place place, Search search) const;

    Node *nodes_;
    std::uint32_t chunk_count_;
    std::uint32_t leaves_; ///< chunk_count rounded up to a power of two
};

} // namespace dsm::memory
