// One way to spread numbers that stand side by side (pages, addresses): multiplication by the golden ratio, whose upper
// bits are then taken (Knuth, The Art of Computer Programming 3, 6.4: Fibonacci hashing).
#pragma once

#include <cstdint>

namespace dsm {

/// The upper `bits` bits of the mixed value, 1 <= bits <= 64: equal numbers give equal results on every node.
constexpr std::uint64_t spread(std::uint64_t value, unsigned bits) noexcept {
    return (value * 0x9e3779b97f4a7c15ULL) >> (64U - bits);
}

} // namespace dsm
