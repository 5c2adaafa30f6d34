// Messages about release pages as bytes: one fixed little-endian record, and the diff of a Flush. The bytes of a Data
// or Home are the carrier's matter.
//
//   0 kind   1 flags: contents (2 bits), may_put, is_last   2 from   4 origin   6 sends, of lines: back   8 epoch (4)
//   12 serial (4)   16 page (8)   24 lock, of lines: which (8)   32 reason   33 part   34 number (8)   42 diff, to the
//   end
#pragma once

#include "libdsm/protocol/release/release_page.hpp"

#include <optional>

namespace dsm::protocol {

constexpr std::size_t release_record_bytes = 42;

/// Returns the bytes used of `out`, which has room for the record and the message's diff.
std::size_t encode(const ReleaseMessage &message, std::span<std::byte> out) noexcept;

/// What the bytes say, with `diff` pointing into them; nothing if they are malformed, name a node >=
/// node_count or say something that no message of the kind says. A diff is checked by who applies it.
std::optional<ReleaseMessage> decode_release_message(std::span<const std::byte> bytes, unsigned node_count) noexcept;

} // namespace dsm::protocol
