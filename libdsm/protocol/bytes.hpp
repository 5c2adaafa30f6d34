// Integers in little-endian bytes, for the records of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::protocol {

inline void put(std::span<std::byte> out, std::size_t at, std::uint64_t value, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < bytes; ++i) { out[at + i] = static_cast<std::byte>((value >> (8 * i)) & 0xff); }
}

inline std::uint64_t get(std::span<const std::byte> bytes, std::size_t at, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) { value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i); }
    return value;
}

inline std::uint16_t get_u16(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(get(bytes, at, 2));
}

} // namespace dsm::protocol
