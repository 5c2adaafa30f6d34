// Messages to bytes and back.
#include "libdsm/sync/sync_wire.hpp"

namespace dsm::sync {

namespace {

/// Appends integers, least significant byte first.
class Writer {
public:
    explicit Writer(std::span<std::byte, sync_message_bytes_max> out) noexcept : out_(out) {}
    template <class Integer> void put(Integer value) noexcept {
        for (std::size_t i = 0; i < sizeof(Integer); ++i) {
            out_[used_++] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
        }
    }
    std::size_t used() const noexcept { return used_; }

private:
    std::span<std::byte, sync_message_bytes_max> out_;
    std::size_t used_ = 0;
};

/// Takes integers; the length was checked before. Remembers whether anything was out of range.
class Reader {
public:
    Reader(std::span<const std::byte> in, std::uint16_t node_count) noexcept : in_(in), node_count_(node_count) {}
    template <class Integer> Integer take() noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i) {
            value |= static_cast<std::uint64_t>(in_[read_++]) << (8 * i);
        }
        return static_cast<Integer>(value);
    }
    NodeId take_node() noexcept {
        const NodeId node{take<std::uint16_t>()};
        good_ = good_ && node.value < node_count_;
        return node;
    }
    bool take_flag() noexcept {
        const auto flag = take<std::uint8_t>();
        good_ = good_ && flag <= 1;
        return flag == 1;
    }
    bool good() const noexcept { return good_; }

private:
    std::span<const std::byte> in_;
    std::uint16_t node_count_;
    std::size_t read_ = 0;
    bool good_ = true;
};

template <class Kind> constexpr std::uint8_t number(Kind kind) noexcept { return static_cast<std::uint8_t>(kind); }

bool has_form(std::span<const std::byte> bytes, SyncFamily family, std::size_t size) noexcept {
    return bytes.size() == size && family_of(bytes) == family;
}

} // namespace

SyncFamily family_of(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) { return SyncFamily::None; }
    const auto kind = static_cast<std::uint8_t>(bytes[0]);
    const auto within = [kind](std::uint8_t first, std::uint8_t last) { return first <= kind && kind <= last; };
    if (within(number(LockMessageKind::Request), number(LockMessageKind::ReturnAck))) { return SyncFamily::Lock; }
    if (within(number(ConditionMessageKind::Enqueue), number(ConditionMessageKind::QueryReply))) {
        return SyncFamily::Condition;
    }
    if (within(number(BarrierMessageKind::TreeArrive), number(BarrierMessageKind::QueryReply))) {
        return SyncFamily::Barrier;
    }
    return SyncFamily::None;
}

std::size_t encode(const LockMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept {
    Writer writer(out);
    writer.put(number(message.kind));
    writer.put(message.from.value);
    writer.put(message.origin.value);
    writer.put(message.sends);
    writer.put(message.lock.value);
    return writer.used();
}

std::optional<LockMessage> decode_lock(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept {
    if (!has_form(bytes, SyncFamily::Lock, lock_message_bytes)) { return std::nullopt; }
    Reader reader(bytes, node_count);
    LockMessage message{};
    message.kind = static_cast<LockMessageKind>(reader.take<std::uint8_t>());
    message.from = reader.take_node();
    message.origin = reader.take_node();
    message.sends = reader.take<std::uint16_t>();
    message.lock = LockId{reader.take<std::uint64_t>()};
    if (!reader.good()) { return std::nullopt; }
    return message;
}

std::size_t encode(const ConditionMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept {
    Writer writer(out);
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
    Reader reader(bytes, node_count);
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
    Writer writer(out);
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
    Reader reader(bytes, node_count);
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
