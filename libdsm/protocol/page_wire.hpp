// Page messages as bytes: one fixed little-endian record, then the encoded nodes. The one place that reads and writes
// them, and the one to fuzz.
//
//   0 kind   1 flags: contents (2 bits), own_only, have_copy, discard, climbs   2 from   4 origin   6 owner   8 sends
//   10 count   12 version (4)   16 page (8)   24 nodes, to the end
#pragma once

#include "libdsm/protocol/node_set.hpp"
#include "libdsm/protocol/page_protocol.hpp"

#include <optional>

namespace dsm::protocol {

constexpr std::size_t page_record_bytes = 24;
constexpr std::size_t encoded_page_message_bytes_max = page_record_bytes + encoded_nodes_bytes_max;

/// Returns the bytes used of `out`, which has page_record_bytes + message.nodes.size() at least.
std::size_t encode(const PageMessage &message, std::span<std::byte> out) noexcept;

/// What the bytes say, with `nodes` pointing into them; nothing if they are malformed, name a node >= node_count or
/// say something that no message of the kind says.
std::optional<PageMessage> decode_page_message(std::span<const std::byte> bytes, unsigned node_count) noexcept;

} // namespace dsm::protocol
