// Encoding and checked decoding of page messages.
#include "libdsm/protocol/page_wire.hpp"

#include "libdsm/protocol/bytes.hpp"

#include <algorithm>

namespace dsm::protocol {
namespace {

constexpr unsigned contents_mask = 3;
constexpr unsigned flag_own_only = 1U << 2;
constexpr unsigned flag_have_copy = 1U << 3;
constexpr unsigned flag_discard = 1U << 4;
constexpr unsigned flag_climbs = 1U << 5;
constexpr unsigned flags_known = contents_mask | flag_own_only | flag_have_copy | flag_discard | flag_climbs;

/// Whether the fields are such as a node of ours sends.
bool is_plausible(const PageMessage &message, unsigned node_count) {
    const auto is_node = [&](NodeId node) { return node.value < node_count; };
    if (!is_node(message.from) || !is_node(message.origin) || !is_node(message.owner)) { return false; }
    if (NodeBits nodes; !nodes.decode(message.nodes, node_count)) { return false; }
    const bool has_nodes = !message.nodes.empty();
    const bool has_contents = message.contents != Contents::None;
    const bool has_wishes = message.own_only || message.have_copy || message.discard;
    const bool may_climb = message.kind == PageMessageKind::ReadRequest || message.kind == PageMessageKind::Invalidate;
    if (message.climbs && !may_climb) { return false; }
    switch (message.kind) {
    case PageMessageKind::ReadReply:
        return has_contents && !has_nodes && !has_wishes;
    case PageMessageKind::WriteRequest:
        return !has_contents && !has_nodes && !(message.own_only && message.discard);
    case PageMessageKind::Grant:
        return !message.have_copy && !message.discard;
    case PageMessageKind::Invalidate:
        return !has_contents && !has_wishes;
    case PageMessageKind::InvalidateAck:
        return !has_contents && !has_nodes && !has_wishes && message.count > 0;
    case PageMessageKind::ReadRequest:
    case PageMessageKind::Redo:
    case PageMessageKind::TakeBack:
        return !has_contents && !has_nodes && !has_wishes;
    }
    return false;
}

} // namespace

std::size_t encode(const PageMessage &message, std::span<std::byte> out) noexcept {
    const unsigned flags = static_cast<unsigned>(message.contents) | (message.own_only ? flag_own_only : 0) |
                           (message.have_copy ? flag_have_copy : 0) | (message.discard ? flag_discard : 0) |
                           (message.climbs ? flag_climbs : 0);
    put(out, 0, static_cast<unsigned>(message.kind), 1);
    put(out, 1, flags, 1);
    put(out, 2, message.from.value, 2);
    put(out, 4, message.origin.value, 2);
    put(out, 6, message.owner.value, 2);
    put(out, 8, message.sends, 2);
    put(out, 10, message.count, 2);
    put(out, 12, message.version.value, 4);
    put(out, 16, message.page.value, 8);
    std::copy(message.nodes.begin(), message.nodes.end(), out.begin() + page_record_bytes);
    return page_record_bytes + message.nodes.size();
}

std::optional<PageMessage> decode_page_message(std::span<const std::byte> bytes, unsigned node_count) noexcept {
    if (bytes.size() < page_record_bytes || bytes.size() > encoded_page_message_bytes_max) { return std::nullopt; }
    const auto kind = static_cast<unsigned>(get(bytes, 0, 1));
    const auto flags = static_cast<unsigned>(get(bytes, 1, 1));
    if ((flags & ~flags_known) != 0 || (flags & contents_mask) > static_cast<unsigned>(Contents::Bytes)) {
        return std::nullopt;
    }
    PageMessage message{};
    message.kind = static_cast<PageMessageKind>(kind); // Checked by is_plausible().
    message.contents = static_cast<Contents>(flags & contents_mask);
    message.own_only = (flags & flag_own_only) != 0;
    message.have_copy = (flags & flag_have_copy) != 0;
    message.discard = (flags & flag_discard) != 0;
    message.climbs = (flags & flag_climbs) != 0;
    message.from = NodeId{get_u16(bytes, 2)};
    message.origin = NodeId{get_u16(bytes, 4)};
    message.owner = NodeId{get_u16(bytes, 6)};
    message.sends = get_u16(bytes, 8);
    message.count = get_u16(bytes, 10);
    message.version = Version{static_cast<std::uint32_t>(get(bytes, 12, 4))};
    message.page = PageId{get(bytes, 16, 8)};
    message.nodes = bytes.subspan(page_record_bytes);
    if (!is_plausible(message, node_count)) { return std::nullopt; }
    return message;
}

} // namespace dsm::protocol
