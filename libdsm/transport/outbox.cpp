// Filling packets.
#include "libdsm/transport/outbox.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::transport {

Packet &Outbox::append(Rank to, std::size_t packet_bytes, std::span<const std::byte> head,
                       std::span<const std::byte> body) {
    DSM_CHECK(to.value >= 0 && static_cast<std::size_t>(to.value) < filling_.size(), "send: an existing rank",
              to.value);
    const std::size_t framed = framed_bytes(head.size() + body.size());
    DSM_CHECK(framed <= packet_bytes, "send: record within record_bytes_max", head.size() + body.size());
    Packet *&packet = filling_[static_cast<std::size_t>(to.value)];
    if (packet == nullptr || packet->bytes + framed > packet_bytes) {
        packet = pool_.take(to);
        waiting_.push(packet);
    }
    packet->append(head, body);
    return *packet;
}

Packet *Outbox::take() noexcept {
    Packet *packet = waiting_.pop();
    if (packet == nullptr) { return nullptr; }
    Packet *&filling = filling_[static_cast<std::size_t>(packet->to.value)];
    if (filling == packet) { filling = nullptr; }
    return packet;
}

} // namespace dsm::transport
