// The records of the Page and Piece services: what stands in front of a protocol message, and parts of a block's bytes.
#pragma once

#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/wire.hpp"

#include <cstdint>

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

} // namespace dsm::rt
