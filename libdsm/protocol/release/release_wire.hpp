// Messages about release pages as bytes: one fixed little-endian record, then what the kind has besides: an encoded set
// of nodes (Home), or a diff (Flush). The bytes of a Data or Home are the carrier's matter.
//
//   0 kind   1 flags: contents (2 bits), may_put, is_whole   2 from   4 origin   6 sends   8 epoch (4)
//   12 number (4)   16 page (8)   24 lock (8)   32 reason   33 nodes or diff, to the end
#pragma once

#include "libdsm/protocol/release/release_page.hpp"

#include <optional>

namespace dsm::protocol {

constexpr std::size_t release_record_bytes = 33;
constexpr std::size_t encoded_release_message_bytes_max = release_record_bytes + encoded_nodes_bytes_max;

/// Returns the bytes used of `out`, which has room for the record and for the message's nodes or diff.
std::size_t encode(const ReleaseMessage &message, std::span<std::byte> out) noexcept;

/// What the bytes say, with `nodes` or `diff` pointing into them; nothing if they are malformed, name a node >=
/// node_count or say something that no message of the kind says. A diff is checked by who applies it.
std::optional<ReleaseMessage> decode_release_message(std::span<const std::byte> bytes, unsigned node_count) noexcept;

} // namespace dsm::protocol
