// Size classes of small blocks: 16 to 128 bytes in steps of 16, then four to a doubling (12.5 to 25 % apart) to 32 KiB.
// Blocks of a class stand side by side in a slab, a run of pages; a block is aligned to the largest power of two that
// divides its size (at most a page).
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dsm::memory {

constexpr std::size_t block_granule_bytes = 16;
constexpr std::size_t small_bytes_max = 32768;
constexpr std::size_t linear_bytes_max = 128;
constexpr std::size_t linear_classes = linear_bytes_max / block_granule_bytes;
constexpr std::size_t classes_per_doubling = 4;
constexpr std::size_t size_class_count = linear_classes + 8 * classes_per_doubling;

/// A slab has at least this many pages, so that no two slabs begin in the same four pages.
constexpr std::size_t slab_pages_min = 4;
constexpr std::size_t slab_blocks_min = 8;

/// Index of a size class, 0 <= value < size_class_count.
using SizeClass = StrongId<struct SizeClassTag, std::uint8_t>;

struct SizeClassShape {
    std::uint32_t block_bytes;
    std::uint32_t slab_pages;
    std::uint32_t slab_blocks;
    std::uint64_t reciprocal; ///< (n * reciprocal) >> reciprocal_shift == n / block_bytes for n below a slab's bytes
};
constexpr unsigned reciprocal_shift = 40;

constexpr std::size_t class_bytes(std::size_t index) {
    if (index < linear_classes) { return (index + 1) * block_granule_bytes; }
    const std::size_t doubling = (index - linear_classes) / classes_per_doubling;
    const std::size_t step = (index - linear_classes) % classes_per_doubling + 1;
    const std::size_t base = linear_bytes_max << doubling;
    return base + step * base / classes_per_doubling;
}

/// The fewest pages that hold enough blocks and waste at most a sixteenth behind the last one.
constexpr SizeClassShape shape_of_size(std::size_t bytes) {
    std::size_t pages = slab_pages_min;
    while (pages * page_bytes / bytes < slab_blocks_min || pages * page_bytes % bytes > pages * page_bytes / 16) {
        ++pages;
    }
    return {static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(pages),
            static_cast<std::uint32_t>(pages * page_bytes / bytes),
            ((std::uint64_t{1} << reciprocal_shift) + bytes - 1) / bytes};
}

constexpr auto size_class_shapes = [] {
    std::array<SizeClassShape, size_class_count> shapes{};
    for (std::size_t index = 0; index < size_class_count; ++index) {
        shapes[index] = shape_of_size(class_bytes(index));
    }
    return shapes;
}();
static_assert(size_class_shapes.back().block_bytes == small_bytes_max);

constexpr const SizeClassShape &shape_of(SizeClass size_class) { return size_class_shapes[size_class.value]; }

/// The smallest class for bytes <= small_bytes_max; 0 bytes count as 1.
constexpr SizeClass size_class_of(std::size_t bytes) {
    if (bytes <= linear_bytes_max) {
        const std::size_t granules = (bytes + block_granule_bytes - 1) / block_granule_bytes;
        return {static_cast<std::uint8_t>(granules == 0 ? 0 : granules - 1)};
    }
    const std::size_t last = bytes - 1; // 128 <= last, so it has at least 8 bits
    const unsigned top_bit = static_cast<unsigned>(std::bit_width(last)) - 1;
    const std::size_t step = (last >> (top_bit - 2)) & (classes_per_doubling - 1);
    return {static_cast<std::uint8_t>(linear_classes + (top_bit - 7) * classes_per_doubling + step)};
}

} // namespace dsm::memory
