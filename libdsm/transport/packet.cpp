// Framing of records inside packets.
#include "libdsm/transport/packet.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>

namespace dsm::transport {

void Packet::append(std::span<const std::byte> head, std::span<const std::byte> body) noexcept {
    const std::size_t record_bytes = head.size() + body.size();
    const std::uint64_t frame = record_bytes;
    std::byte *place = data() + bytes;
    std::memcpy(place, &frame, sizeof frame);
    place += frame_head_bytes;
    if (!head.empty()) { std::memcpy(place, head.data(), head.size()); }
    if (!body.empty()) { std::memcpy(place + head.size(), body.data(), body.size()); }
    bytes += static_cast<std::uint32_t>(framed_bytes(record_bytes));
}

std::size_t hand_over(Rank from, std::span<const std::byte> packet, RecordHandler &handler) {
    std::size_t records = 0;
    while (!packet.empty()) {
        DSM_CHECK(packet.size() >= frame_head_bytes, "packet: whole frames", from.value);
        std::uint64_t record_bytes = 0;
        std::memcpy(&record_bytes, packet.data(), sizeof record_bytes);
        DSM_CHECK(record_bytes <= packet.size() - frame_head_bytes, "packet: record inside its packet", from.value);
        const std::size_t framed = framed_bytes(record_bytes);
        DSM_CHECK(framed <= packet.size(), "packet: whole frames", from.value);
        handler.on_record(from, packet.subspan(frame_head_bytes, record_bytes));
        packet = packet.subspan(framed);
        ++records;
    }
    return records;
}

void PacketQueue::push(Packet *packet) noexcept {
    packet->next = nullptr;
    if (last_ == nullptr) {
        first_ = packet;
    } else {
        last_->next = packet;
    }
    last_ = packet;
    ++size_;
}

Packet *PacketQueue::pop() noexcept {
    Packet *packet = first_;
    if (packet == nullptr) { return nullptr; }
    first_ = packet->next;
    if (first_ == nullptr) { last_ = nullptr; }
    packet->next = nullptr;
    --size_;
    return packet;
}

} // namespace dsm::transport
