// Messages of home objects as bytes: little-endian, one fixed size, the kind first.
#pragma once

#include "libdsm/sync/home_message.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace dsm::sync {

constexpr std::size_t home_message_bytes = 52;

void encode(const HomeMessage &message, std::span<std::byte, home_message_bytes> out) noexcept;
/// Reads a message from bytes that may be anything: nothing unless the length is exact and every field is in range.
std::optional<HomeMessage> decode_home(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept;

} // namespace dsm::sync
