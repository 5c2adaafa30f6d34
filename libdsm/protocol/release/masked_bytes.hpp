// Those bytes of a line that a mask names (bit i for byte i): stored where other threads write the rest, put side by
// side, and put back. With AVX-512 a few instructions each, whatever the mask is.
#pragma once

#include "libdsm/protocol/release/page_compare.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace dsm::protocol {

/// Stores those bytes of a line that the mask names, and no others.
void store_masked(std::byte *to, const std::byte *line, std::uint64_t mask, Compare how) noexcept;
/// Copies them side by side to `to`: as many bytes as the mask has ones, and no more are written.
void pack_masked(std::byte *to, const std::byte *line, std::uint64_t mask, Compare how) noexcept;
/// The other way: from side by side into the line, where no other byte is stored. No more are read than the mask has
/// ones.
void unpack_masked(std::byte *line, const std::byte *from, std::uint64_t mask, Compare how) noexcept;

/// Copies exactly `length` bytes, at most a line: a call of memcpy costs more than most runs.
inline void copy_short(std::byte *to, const std::byte *from, std::size_t length) noexcept {
    if (length >= 8) {
        for (std::size_t at = 0; at < length - 8; at += 8) { __builtin_memcpy(to + at, from + at, 8); }
        __builtin_memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        __builtin_memcpy(to, from, 4);
        __builtin_memcpy(to + length - 4, from + length - 4, 4);
    } else {
        for (std::size_t at = 0; at < length; ++at) { to[at] = from[at]; }
    }
}

/// The ones of a mask. On x86-64 of 2003 std::popcount is a call; where vectors are used there is an instruction.
inline std::size_t count_ones(std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how != Compare::Words) {
        std::uint64_t count;
        asm("popcnt %1, %0" : "=r"(count) : "r"(mask) : "cc");
        return count;
    }
    mask -= mask >> 1 & 0x5555555555555555;
    mask = (mask & 0x3333333333333333) + (mask >> 2 & 0x3333333333333333);
    mask = (mask + (mask >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return mask * 0x0101010101010101 >> 56;
#else
    return static_cast<std::size_t>(std::popcount(mask));
#endif
}

/// How many bytes a mask names, in how many runs.
struct MaskShape {
    std::size_t bytes;
    std::size_t runs;
};
inline MaskShape shape_of(std::uint64_t mask, Compare how) noexcept {
    return {count_ones(mask, how), count_ones(mask & ~(mask << 1), how)};
}

/// Calls visit(first, length) for each run of ones in `mask`, in rising order.
template <class Visit> constexpr void for_each_run_of_ones(std::uint64_t mask, Visit visit) {
    while (mask != 0) {
        const auto first = static_cast<std::size_t>(std::countr_zero(mask));
        const auto length = static_cast<std::size_t>(std::countr_one(mask >> first));
        visit(first, length);
        mask = first + length == 64 ? 0 : mask & (~std::uint64_t{0} << (first + length));
    }
}

} // namespace dsm::protocol
