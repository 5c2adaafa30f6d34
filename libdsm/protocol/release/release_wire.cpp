// Encoding and checked decoding of messages about release pages.
#include "libdsm/protocol/release/release_wire.hpp"

#include "libdsm/protocol/bytes.hpp"

#include <algorithm>

namespace dsm::protocol {
namespace {

constexpr unsigned contents_mask = 3;
constexpr unsigned flag_may_put = 1U << 2;
constexpr unsigned flag_is_last = 1U << 3;
constexpr unsigned flags_known = contents_mask | flag_may_put | flag_is_last;

/// Whether the fields are such as a node of ours sends.
bool is_plausible(const ReleaseMessage &message, unsigned node_count) {
    if (message.from.value >= node_count || message.origin.value >= node_count) { return false; }
    const bool has_contents = message.contents != Contents::None;
    const bool is_request = message.kind == ReleaseMessageKind::Fetch || message.kind == ReleaseMessageKind::Flush;
    const bool is_move = message.kind == ReleaseMessageKind::Home;
    if ((message.is_last || message.part != 0) && message.kind != ReleaseMessageKind::Flush) { return false; }
    if (is_move != (message.reason != HomeReason::None)) { return false; }
    const bool is_update = message.kind == ReleaseMessageKind::Update;
    const bool is_flush = message.kind == ReleaseMessageKind::Flush;
    if (message.serial != 0 && is_move) { return false; }
    if (!is_request && message.sends != 0) { return false; }
    if (message.contents == Contents::Lines && is_move) { return false; }
    if (message.back != 0 && !is_update) { return false; }
    const bool has_put = message.kind == ReleaseMessageKind::Fetch || message.kind == ReleaseMessageKind::Data;
    if ((message.may_put && !has_put) || (message.number != 0 && !is_flush && !is_update)) { return false; }
    if (message.lock != 0 && !is_flush && !is_move) { return false; }
    switch (message.kind) {
    case ReleaseMessageKind::Fetch:
    case ReleaseMessageKind::FlushAck:
        return !has_contents && message.diff.empty();
    case ReleaseMessageKind::Data:
    case ReleaseMessageKind::Home:
        return has_contents && message.diff.empty();
    case ReleaseMessageKind::Update:
        return message.contents >= Contents::Bytes && message.diff.empty();
    case ReleaseMessageKind::Flush:
        return !has_contents && (!message.diff.empty() || (message.is_last && message.part == 0));
    }
    return false;
}

} // namespace

std::size_t encode(const ReleaseMessage &message, std::span<std::byte> out) noexcept {
    const bool is_lines = message.contents == Contents::Lines;
    const unsigned flags = static_cast<unsigned>(message.contents) | (message.may_put ? flag_may_put : 0) |
                           (message.is_last ? flag_is_last : 0);
    put(out, 0, static_cast<unsigned>(message.kind), 1);
    put(out, 1, flags, 1);
    put(out, 2, message.from.value, 2);
    put(out, 4, message.origin.value, 2);
    put(out, 6, is_lines ? message.back : message.sends, 2);
    put(out, 8, message.epoch, 4);
    put(out, 12, message.serial, 4);
    put(out, 16, message.page.value, 8);
    put(out, 24, is_lines ? message.lines : message.lock, 8);
    put(out, 32, static_cast<unsigned>(message.reason), 1);
    put(out, 33, message.part, 1);
    put(out, 34, message.number, 8);
    std::copy(message.diff.begin(), message.diff.end(), out.begin() + release_record_bytes);
    return release_record_bytes + message.diff.size();
}

std::optional<ReleaseMessage> decode_release_message(std::span<const std::byte> bytes, unsigned node_count) noexcept {
    if (bytes.size() < release_record_bytes) { return std::nullopt; }
    const auto flags = static_cast<unsigned>(get(bytes, 1, 1));
    const auto reason = static_cast<unsigned>(get(bytes, 32, 1));
    if ((flags & ~flags_known) != 0) { return std::nullopt; }
    if (reason > static_cast<unsigned>(HomeReason::Lock)) { return std::nullopt; }
    ReleaseMessage message{};
    message.kind = static_cast<ReleaseMessageKind>(get(bytes, 0, 1)); // Checked by is_plausible().
    message.contents = static_cast<Contents>(flags & contents_mask);
    message.may_put = (flags & flag_may_put) != 0;
    message.is_last = (flags & flag_is_last) != 0;
    message.from = NodeId{get_u16(bytes, 2)};
    message.origin = NodeId{get_u16(bytes, 4)};
    const bool is_lines = message.contents == Contents::Lines;
    (is_lines ? message.back : message.sends) = get_u16(bytes, 6);
    message.epoch = static_cast<HomeEpoch>(get(bytes, 8, 4));
    message.serial = static_cast<std::uint32_t>(get(bytes, 12, 4));
    message.page = PageId{get(bytes, 16, 8)};
    (is_lines ? message.lines : message.lock) = get(bytes, 24, 8);
    message.reason = static_cast<HomeReason>(reason);
    message.part = static_cast<std::uint8_t>(get(bytes, 33, 1));
    message.number = get(bytes, 34, 8);
    message.diff = bytes.subspan(release_record_bytes);
    if (!is_plausible(message, node_count)) { return std::nullopt; }
    return message;
}

} // namespace dsm::protocol
