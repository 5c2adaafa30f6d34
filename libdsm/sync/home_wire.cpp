// Messages of home objects to bytes and back.
#include "libdsm/sync/home_wire.hpp"

#include "libdsm/sync/sync_bytes.hpp"

namespace dsm::sync {

namespace {

template <class Enum> constexpr std::uint8_t number(Enum value) noexcept { return static_cast<std::uint8_t>(value); }

template <class Enum> constexpr bool within(Enum value, Enum first, Enum last) noexcept {
    return number(first) <= number(value) && number(value) <= number(last);
}

/// The operations of an object's kind; Query is common to those that are destroyed.
bool suits(HomeObjectKind object, HomeOperation operation) noexcept {
    switch (object) {
    case HomeObjectKind::Rwlock:
        return operation == HomeOperation::Query || within(operation, HomeOperation::Read, HomeOperation::Unlock);
    case HomeObjectKind::Semaphore:
        return operation == HomeOperation::Query ||
               within(operation, HomeOperation::TakeUnit, HomeOperation::ReadValue);
    case HomeObjectKind::Latch:
        return within(operation, HomeOperation::CountDown, HomeOperation::ArriveAndWait);
    case HomeObjectKind::Once:
        return within(operation, HomeOperation::Begin, HomeOperation::Fail);
    }
    return false;
}

bool is_sane(const HomeMessage &message) noexcept {
    const bool kinds = within(message.kind, HomeMessageKind::Request, HomeMessageKind::CancelLate) &&
                       within(message.object, HomeObjectKind::Rwlock, HomeObjectKind::Once) &&
                       within(message.manner, HomeManner::Block, HomeManner::Timed) &&
                       within(message.result, HomeResult::Granted, HomeResult::Run);
    return kinds && (message.kind != HomeMessageKind::Request || suits(message.object, message.operation));
}

} // namespace

void encode(const HomeMessage &message, std::span<std::byte, home_message_bytes> out) noexcept {
    ByteWriter writer(out);
    writer.put(number(message.kind));
    writer.put(number(message.object));
    writer.put(number(message.operation));
    writer.put(number(message.manner));
    writer.put(number(message.result));
    writer.put(static_cast<std::uint8_t>(message.reads));
    writer.put(message.id.value);
    writer.put(message.waiter.node.value);
    writer.put(static_cast<std::uint32_t>(message.waiter.rank.value));
    writer.put(message.waiter.slot.value);
    writer.put(message.waiter.sequence);
    writer.put(message.owner.value);
    writer.put(message.incarnation);
    writer.put(message.initial);
    writer.put(message.number);
}

std::optional<HomeMessage> decode_home(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept {
    if (bytes.size() != home_message_bytes) { return std::nullopt; }
    ByteReader reader(bytes, node_count);
    HomeMessage message{};
    message.kind = static_cast<HomeMessageKind>(reader.take<std::uint8_t>());
    message.object = static_cast<HomeObjectKind>(reader.take<std::uint8_t>());
    message.operation = static_cast<HomeOperation>(reader.take<std::uint8_t>());
    message.manner = static_cast<HomeManner>(reader.take<std::uint8_t>());
    message.result = static_cast<HomeResult>(reader.take<std::uint8_t>());
    message.reads = reader.take_flag();
    message.id = LockId{reader.take<std::uint64_t>()};
    message.waiter.node = reader.take_node();
    message.waiter.rank = Rank{static_cast<std::int32_t>(reader.take<std::uint32_t>())};
    message.waiter.slot = WaitSlot{reader.take<std::uint32_t>()};
    message.waiter.sequence = reader.take<std::uint32_t>();
    message.owner = LockOwner{reader.take<std::uint64_t>()};
    message.incarnation = reader.take<std::uint64_t>();
    message.initial = reader.take<std::uint32_t>();
    message.number = reader.take<std::uint32_t>();
    if (!reader.good() || !is_sane(message)) { return std::nullopt; }
    return message;
}

} // namespace dsm::sync
