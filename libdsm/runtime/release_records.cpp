// Checked decoding of records about release pages.
#include "libdsm/runtime/release_records.hpp"

#include "libdsm/protocol/release/notice_wire.hpp"
#include "libdsm/protocol/release/page_compare.hpp"
#include "libdsm/protocol/release/release_wire.hpp"

#include <cstring>
#include <utility>

namespace dsm::rt {
namespace {

constexpr std::size_t time_entry_bytes = sizeof(protocol::Interval);

} // namespace

std::optional<ReleaseRecord> decode_release_record(std::span<const std::byte> bytes, std::uint64_t page_count,
                                                   unsigned node_count) noexcept {
    ReleaseRecord record{};
    ReleaseRecordHead &head = record.head;
    if (bytes.size() < sizeof head) { return std::nullopt; }
    std::memcpy(&head, bytes.data(), sizeof head);
    const auto behind = bytes.subspan(sizeof head);
    if (head.wire_bytes > behind.size()) { return std::nullopt; }
    const auto message = protocol::decode_release_message(behind.first(head.wire_bytes), node_count);
    if (!message || message->page.value >= page_count) { return std::nullopt; }
    const bool is_of_release = head.origin == PageOrigin::ReleaseZeros || head.origin == PageOrigin::ReleaseFirstTouch;
    if (!is_of_release || head.generation == 0 || head.home.value >= node_count) { return std::nullopt; }
    record.attributes = {head.generation, head.home, page_shift, head.origin};
    record.message = *message;
    record.part = behind.subspan(head.wire_bytes);
    if (message->kind == protocol::ReleaseMessageKind::Flush && record.part.size() == node_count * time_entry_bytes) {
        record.time = std::exchange(record.part, {});
    }
    const bool is_here = head.place == BytesPlace::Record;
    const bool has_bytes = is_here && message->contents == protocol::Contents::Bytes;
    const bool has_lines = is_here && message->contents == protocol::Contents::Lines;
    const bool is_part = !record.part.empty() && head.part_offset + record.part.size() <= page_bytes;
    const bool has_all_lines =
        record.part.size() == protocol::bytes_of_lines(message->lines) && head.part_offset == 0 && head.is_packed == 0;
    const bool has_nothing = record.part.empty() && head.is_packed == 0;
    const bool fits = has_lines ? has_all_lines : has_bytes ? is_part || head.is_packed != 0 : has_nothing;
    if (!fits || head.place > BytesPlace::SenderTwin || head.is_packed > 1) { return std::nullopt; }
    const bool is_update = message->kind == protocol::ReleaseMessageKind::Update;
    const bool is_whole = head.is_packed != 0 || record.part.size() == page_bytes;
    if (is_update ? has_bytes && !is_whole : head.place == BytesPlace::SenderTwin) { return std::nullopt; }
    if (is_update && head.place == BytesPlace::Frame) { return std::nullopt; }
    return record;
}

} // namespace dsm::rt
