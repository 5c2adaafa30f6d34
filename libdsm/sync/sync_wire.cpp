// Messages to bytes and back.
#include "libdsm/sync/sync_wire.hpp"

#include "libdsm/sync/sync_bytes.hpp"

namespace dsm::sync {

namespace {

template <class Kind> constexpr std::uint8_t number(Kind kind) noexcept { return static_cast<std::uint8_t>(kind); }

bool has_form(std::span<const std::byte> bytes, SyncFamily family, std::size_t size) noexcept {
    return bytes.size() == size && family_of(bytes) == family;
}

} // namespace

SyncFamily family_of(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) { return SyncFamily::None; }
    const auto kind = static_cast<std::uint8_t>(bytes[0]);
    const auto within = [kind](std::uint8_t first, std::uint8_t last) { return first <= kind && kind <= last; };
    if (within(number(LockMessageKind::Request), number(LockMessageKind::TryLater))) { return SyncFamily::Lock; }
    if (within(number(ConditionMessageKind::Enqueue), number(ConditionMessageKind::QueryReply))) {
        return SyncFamily::Condition;
    }
    if (within(number(BarrierMessageKind::TreeArrive), number(BarrierMessageKind::QueryReply))) {
        return SyncFamily::Barrier;
    }
    return SyncFamily::None;
}

std::size_t encode(const LockMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept {
    ByteWriter writer(out);
    writer.put(number(message.kind));
    writer.put(message.from.value);
    writer.put(message.origin.value);
    writer.put(message.sends);
    writer.put(message.lock.value);
    writer.put(static_cast<std::uint8_t>(message.told));
    writer.put(message.number);
    return writer.used();
}

std::optional<LockMessage> decode_lock(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept {
    if (!has_form(bytes, SyncFamily::Lock, lock_message_bytes)) { return std::nullopt; }
    ByteReader reader(bytes, node_count);
    LockMessage message{};
    message.kind = static_cast<LockMessageKind>(reader.take<std::uint8_t>());
    message.from = reader.take_node();
    message.origin = reader.take_node();
    message.sends = reader.take<std::uint16_t>();
    message.lock = LockId{reader.take<std::uint64_t>()};
    message.told = reader.take_flag();
    message.number = reader.take<std::uint16_t>();
    if (!reader.good()) { return std::nullopt; }
    return message;
}

std::size_t encode(const ConditionMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept {
    ByteWriter writer(out);
    writer.put(number(message.kind));
    writer.put(static_cast<std::uint8_t>(message.busy));
    writer.put(message.from.value);
    writer.put(message.condition.value);
    writer.put(message.waiter.node.value);
    writer.put(static_cast<std::uint32_t>(message.waiter.rank.value));
    writer.put(message.waiter.slot.value);
    writer.put(message.waiter.sequence);
    return writer.used();
}

std::optional<ConditionMessage> decode_condition(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept {
    if (!has_form(bytes, SyncFamily::Condition, condition_message_bytes)) { return std::nullopt; }
    ByteReader reader(bytes, node_count);
    ConditionMessage message{};
    message.kind = static_cast<ConditionMessageKind>(reader.take<std::uint8_t>());
    message.busy = reader.take_flag();
    message.from = reader.take_node();
    message.condition = LockId{reader.take<std::uint64_t>()};
    message.waiter.node = reader.take_node();
    message.waiter.rank = Rank{static_cast<std::int32_t>(reader.take<std::uint32_t>())};
    message.waiter.slot = WaitSlot{reader.take<std::uint32_t>()};
    message.waiter.sequence = reader.take<std::uint32_t>();
    if (!reader.good()) { return std::nullopt; }
    return message;
}

std::size_t encode(const BarrierMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept {
    ByteWriter writer(out);
    writer.put(number(message.kind));
    writer.put(static_cast<std::uint8_t>(message.result));
    writer.put(static_cast<std::uint8_t>(message.busy));
    writer.put(message.from.value);
    writer.put(static_cast<std::uint32_t>(message.rank.value));
    writer.put(message.slot.value);
    writer.put(message.generation);
    writer.put(message.first_ticket);
    writer.put(message.arrivals);
    writer.put(message.count);
    writer.put(message.barrier.value);
    return writer.used();
}

std::optional<BarrierMessage> decode_barrier(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept {
    if (!has_form(bytes, SyncFamily::Barrier, barrier_message_bytes)) { return std::nullopt; }
    ByteReader reader(bytes, node_count);
    BarrierMessage message{};
    message.kind = static_cast<BarrierMessageKind>(reader.take<std::uint8_t>());
    const auto result = reader.take<std::uint8_t>();
    message.result = static_cast<BarrierResult>(result);
    message.busy = reader.take_flag();
    message.from = reader.take_node();
    message.rank = Rank{static_cast<std::int32_t>(reader.take<std::uint32_t>())};
    message.slot = WaitSlot{reader.take<std::uint32_t>()};
    message.generation = reader.take<std::uint32_t>();
    message.first_ticket = reader.take<std::uint32_t>();
    message.arrivals = reader.take<std::uint32_t>();
    message.count = reader.take<std::uint32_t>();
    message.barrier = LockId{reader.take<std::uint64_t>()};
    // A count of nothing is no arrival: the home would wait for nobody.
    const bool counts = message.kind == BarrierMessageKind::CountedArrive;
    const bool sane = !counts || (message.count != 0 && message.arrivals != 0);
    if (!reader.good() || !sane || result > static_cast<std::uint8_t>(BarrierResult::NoSpace)) { return std::nullopt; }
    return message;
}

} // namespace dsm::sync
