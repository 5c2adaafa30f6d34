// The records of the Page and Piece services: what stands in front of a protocol message, and parts of a block's bytes.
#pragma once

#include "libdsm/protocol/page_protocol.hpp"
#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/wire.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace dsm::rt {

/// Followed by `wire_bytes` of an encoded PageMessage, then by the block's bytes from `tail_offset` to its end (if
/// tail_offset is less than the block's size; the bytes before it come in pieces or are in place already).
struct PageRecordHead {
    Service service;
    std::uint8_t block_shift;
    PageOrigin origin;
    std::uint8_t in_place; ///< the bytes were put into the frame before this record was sent
    std::uint32_t generation;
    NodeId home;
    std::uint16_t wire_bytes;
    std::uint32_t tail_offset;
};

/// Followed by bytes of the block from `offset`.
struct PieceRecordHead {
    Service service;
    std::uint8_t block_shift;
    std::uint16_t reserved;
    std::uint32_t generation;
    std::uint32_t offset;
    std::uint32_t reserved2;
    std::uint64_t page;
};

/// A record of the Page service taken apart; the spans point into it.
struct PageRecord {
    PageRecordHead head;
    PageAttributes attributes;
    protocol::PageMessage message;
    std::span<const std::byte> before_tail; ///< head and message
    std::span<const std::byte> tail;        ///< the block's bytes from head.tail_offset to its end, or nothing
};
struct PieceRecord {
    PieceRecordHead head;
    std::span<const std::byte> bytes; ///< lie in the block, from head.offset on
};

/// Nothing unless every field is in range: the page and its block in the segment, nodes in the job, bytes in the block.
std::optional<PageRecord> decode_page_record(std::span<const std::byte> record, std::uint64_t page_count,
                                             unsigned node_count) noexcept;
std::optional<PieceRecord> decode_piece_record(std::span<const std::byte> record, std::uint64_t page_count) noexcept;

} // namespace dsm::rt
