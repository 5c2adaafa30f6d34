// The list of what is not urgent.
#include "libdsm/runtime/urgency.hpp"

#include "libdsm/runtime/carried_record.hpp"
#include "libdsm/runtime/release_records.hpp"
#include "libdsm/sync/barrier.hpp"

#include <cstring>

namespace dsm::rt {

using transport::Urgency;

namespace {

bool begins_with(std::span<const std::byte> bytes, unsigned value) noexcept {
    return !bytes.empty() && std::to_integer<unsigned>(bytes.front()) == value;
}

/// Of no use before the receiver's own ranks have come; the last of them waits then, or goes on and looks.
bool is_arrival(std::span<const std::byte> message) noexcept {
    return begins_with(message, static_cast<unsigned>(sync::BarrierMessageKind::TreeArrive));
}

/// A hint, for a notice that is to come.
bool is_update(std::span<const std::byte> head) noexcept {
    return head.size() > sizeof(ReleaseRecordHead) &&
           begins_with(head.subspan(sizeof(ReleaseRecordHead)),
                       static_cast<unsigned>(protocol::ReleaseMessageKind::Update));
}

/// Notices are as urgent as the record that they travel with; without one they only acknowledge, or more follows.
Urgency urgency_of_carried(std::span<const std::byte> bytes) noexcept {
    CarriedHead head{};
    if (bytes.size() < sizeof head) { return Urgency::Wakes; }
    std::memcpy(&head, bytes.data(), sizeof head);
    const std::size_t inner_at = sizeof head + head.part_bytes;
    return inner_at < bytes.size() ? urgency_of(bytes.subspan(inner_at)) : Urgency::Waits;
}

} // namespace

Urgency urgency_of(std::span<const std::byte> head) noexcept {
    if (head.empty()) { return Urgency::Wakes; }
    const auto service = static_cast<Service>(head.front());
    if (service == Service::Carried) { return urgency_of_carried(head); }
    const bool is_patient = (service == Service::Sync && is_arrival(head.subspan(1))) ||
                            (service == Service::ReleasePage && is_update(head));
    return is_patient ? Urgency::Waits : Urgency::Wakes;
}

} // namespace dsm::rt
