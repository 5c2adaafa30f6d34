// The records of the ReleasePage service: a head, a protocol message, and with it a part of the page's bytes.
#pragma once

#include "libdsm/protocol/release/release_page.hpp"
#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/wire.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace dsm::rt {

/// Where the bytes of a page are that comes with a message.
enum class BytesPlace : std::uint8_t {
    Record,     ///< behind the message
    Frame,      ///< put into the receiver's frame before
    SenderTwin, ///< Update: in the sender's twin, from where the receiver takes them
};

/// Followed by `wire_bytes` of an encoded ReleaseMessage, then by bytes of the page from `part_offset`. A page comes in
/// one part or several, in any order, each with the whole message; a page that is mostly zeros in one, packed. With
/// DSM_CHECK_RACES a Flush is followed by its origin's time: what it knows of each node's intervals, 8 bytes each.
struct ReleaseRecordHead {
    Service service;
    PageOrigin origin;
    BytesPlace place;       ///< of the page's bytes, where the message comes with any
    std::uint8_t is_packed; ///< the part is the whole page, as its diff from zeros
    std::uint32_t generation;
    NodeId home; ///< as the allocation says; the protocol's own hint is in its messages
    std::uint16_t wire_bytes;
    std::uint16_t part_offset;
    std::uint16_t reserved2;
};

/// Taken apart; the spans point into the record.
struct ReleaseRecord {
    ReleaseRecordHead head;
    PageAttributes attributes;
    protocol::ReleaseMessage message;
    std::span<const std::byte> part;
    std::span<const std::byte> time; ///< of a Flush, if it came with one
};

/// Nothing unless every field is in range.
std::optional<ReleaseRecord> decode_release_record(std::span<const std::byte> record, std::uint64_t page_count,
                                                   unsigned node_count) noexcept;

} // namespace dsm::rt
