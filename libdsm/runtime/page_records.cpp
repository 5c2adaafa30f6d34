// Checked decoding of page and piece records.
#include "libdsm/runtime/page_records.hpp"

#include "libdsm/protocol/page_wire.hpp"

#include <bit>
#include <cstring>

namespace dsm::rt {
namespace {

constexpr auto block_shift_max = static_cast<unsigned>(std::countr_zero(block_bytes_max));

/// Whether a block of that size begins at the page and ends in the segment.
bool is_block(std::uint64_t page, unsigned block_shift, std::uint64_t page_count) {
    if (block_shift < page_shift || block_shift > block_shift_max) { return false; }
    const std::uint64_t pages = std::uint64_t{1} << (block_shift - page_shift);
    return page % pages == 0 && page < page_count && pages <= page_count - page;
}

} // namespace

std::optional<PageRecord> decode_page_record(std::span<const std::byte> record, std::uint64_t page_count,
                                             unsigned node_count) noexcept {
    PageRecord page{};
    PageRecordHead &head = page.head;
    if (record.size() < sizeof head) { return std::nullopt; }
    std::memcpy(&head, record.data(), sizeof head);
    const auto behind = record.subspan(sizeof head);
    if (head.wire_bytes > behind.size()) { return std::nullopt; }
    const auto message = protocol::decode_page_message(behind.first(head.wire_bytes), node_count);
    if (!message || !is_block(message->page.value, head.block_shift, page_count)) { return std::nullopt; }
    if (head.generation == 0 || head.home.value >= node_count || head.origin > PageOrigin::File) {
        return std::nullopt;
    }
    page.attributes = {head.generation, head.home, head.block_shift, head.origin};
    page.message = *message;
    page.before_tail = record.first(sizeof head + head.wire_bytes);
    page.tail = behind.subspan(head.wire_bytes);
    const bool has_tail = message->contents == protocol::Contents::Bytes && head.in_place == 0;
    const bool fits =
        has_tail ? head.tail_offset + page.tail.size() == bytes_of_block(page.attributes) : page.tail.empty();
    if (!fits || head.in_place > 1) { return std::nullopt; }
    return page;
}

std::optional<PieceRecord> decode_piece_record(std::span<const std::byte> record, std::uint64_t page_count) noexcept {
    PieceRecord piece{};
    PieceRecordHead &head = piece.head;
    if (record.size() < sizeof head) { return std::nullopt; }
    std::memcpy(&head, record.data(), sizeof head);
    piece.bytes = record.subspan(sizeof head);
    if (head.generation == 0 || !is_block(head.page, head.block_shift, page_count)) { return std::nullopt; }
    if (head.offset + piece.bytes.size() > std::size_t{1} << head.block_shift) { return std::nullopt; }
    return piece;
}

} // namespace dsm::rt
