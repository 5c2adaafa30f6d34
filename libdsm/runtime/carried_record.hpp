// The record of the Carried service: a part of an envelope of write notices, and with the last part the record that the
// envelope travels with.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/protocol/release/notice_wire.hpp"
#include "libdsm/runtime/wire.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace dsm::rt {

/// Followed by the part, then by the record.
struct CarriedHead {
    Service service;
    std::uint8_t reserved;
    std::uint16_t part_bytes;
};

/// Taken apart; the spans point into it.
struct CarriedRecord {
    protocol::EnvelopePart part;
    std::span<const std::byte> inner; ///< of the last part alone; empty: the envelope only acknowledges
};

inline std::optional<CarriedRecord> decode_carried(std::span<const std::byte> bytes, unsigned node_count,
                                                   std::uint64_t page_count) noexcept {
    CarriedHead head{};
    if (bytes.size() < sizeof head) { return std::nullopt; }
    std::memcpy(&head, bytes.data(), sizeof head);
    const auto behind = bytes.subspan(sizeof head);
    if (head.part_bytes > behind.size()) { return std::nullopt; }
    const auto part = protocol::decode_envelope_part(behind.first(head.part_bytes), node_count, page_count);
    const auto inner = behind.subspan(head.part_bytes);
    if (!part || (!part->head.is_last && !inner.empty())) { return std::nullopt; }
    return CarriedRecord{*part, inner};
}

} // namespace dsm::rt
