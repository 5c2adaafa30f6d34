// Messages survive the way through bytes, and bytes that are no message are refused.
#include "libdsm/sync/sync_wire.hpp"

#include <gtest/gtest.h>

#include <array>

using namespace dsm;
using namespace dsm::sync;

namespace {

using Bytes = std::array<std::byte, sync_message_bytes_max>;

TEST(SyncWire, LockMessage) {
    Bytes bytes{};
    const LockMessage message{LockMessageKind::TryRequest, NodeId{3}, NodeId{258}, 513,
                              LockId{0x1122334455667788},  true,      0x99aa};
    const std::span<const std::byte> coded(bytes.data(), encode(message, bytes));
    EXPECT_EQ(coded.size(), lock_message_bytes);
    EXPECT_EQ(family_of(coded), SyncFamily::Lock);
    const auto back = decode_lock(coded, 300);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, message.kind);
    EXPECT_EQ(back->from, message.from);
    EXPECT_EQ(back->origin, message.origin);
    EXPECT_EQ(back->sends, message.sends);
    EXPECT_EQ(back->lock, message.lock);
    EXPECT_EQ(back->told, message.told);
    EXPECT_EQ(back->number, message.number);
    EXPECT_FALSE(decode_lock(coded, 258));        // no such node
    bytes[lock_message_bytes - 3] = std::byte{2}; // neither true nor false
    EXPECT_FALSE(decode_lock(coded, 300));
}

TEST(SyncWire, TryLaterIsTheLastLockMessage) {
    Bytes bytes{};
    const LockMessage message{LockMessageKind::TryLater, NodeId{1}, NodeId{2}, 0, LockId{8}};
    const std::span<const std::byte> coded(bytes.data(), encode(message, bytes));
    EXPECT_EQ(bytes[0], std::byte{10});
    EXPECT_EQ(family_of(coded), SyncFamily::Lock);
    const auto back = decode_lock(coded, 3);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, LockMessageKind::TryLater);
    EXPECT_EQ(back->lock, message.lock);
}

TEST(SyncWire, ConditionMessage) {
    Bytes bytes{};
    const ConditionMessage message{ConditionMessageKind::QueryReply,
                                   true,
                                   NodeId{1},
                                   LockId{40},
                                   {NodeId{2}, Rank{70000}, WaitSlot{9}, 0xfffffffe}};
    const std::span<const std::byte> coded(bytes.data(), encode(message, bytes));
    EXPECT_EQ(coded.size(), condition_message_bytes);
    EXPECT_EQ(family_of(coded), SyncFamily::Condition);
    const auto back = decode_condition(coded, 3);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, message.kind);
    EXPECT_EQ(back->busy, message.busy);
    EXPECT_EQ(back->condition, message.condition);
    EXPECT_EQ(back->waiter, message.waiter);
    bytes[1] = std::byte{2}; // neither true nor false
    EXPECT_FALSE(decode_condition(coded, 3));
}

TEST(SyncWire, BarrierMessage) {
    Bytes bytes{};
    const BarrierMessage message{.kind = BarrierMessageKind::CountedArrive,
                                 .result = BarrierResult::NoSpace,
                                 .busy = true,
                                 .from = NodeId{5},
                                 .rank = Rank{6},
                                 .slot = WaitSlot{7},
                                 .generation = 8,
                                 .first_ticket = 9,
                                 .arrivals = 10,
                                 .count = 11,
                                 .barrier = LockId{12}};
    const std::span<const std::byte> coded(bytes.data(), encode(message, bytes));
    EXPECT_EQ(coded.size(), barrier_message_bytes);
    EXPECT_EQ(family_of(coded), SyncFamily::Barrier);
    const auto back = decode_barrier(coded, 6);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->result, message.result);
    EXPECT_EQ(back->busy, message.busy);
    EXPECT_EQ(back->rank, message.rank);
    EXPECT_EQ(back->slot, message.slot);
    EXPECT_EQ(back->generation, message.generation);
    EXPECT_EQ(back->first_ticket, message.first_ticket);
    EXPECT_EQ(back->arrivals, message.arrivals);
    EXPECT_EQ(back->count, message.count);
    EXPECT_EQ(back->barrier, message.barrier);
    bytes[1] = std::byte{4}; // no such result
    EXPECT_FALSE(decode_barrier(coded, 6));
}

TEST(SyncWire, AnArrivalOfNobodyIsRefused) {
    Bytes bytes{};
    BarrierMessage message{};
    message.kind = BarrierMessageKind::CountedArrive;
    message.count = 1;
    EXPECT_FALSE(decode_barrier({bytes.data(), encode(message, bytes)}, 1));
}

TEST(SyncWire, OfAllFirstBytesAndLengthsOnlyTheRightOnesAreRead) {
    for (unsigned kind = 0; kind < 256; ++kind) {
        Bytes bytes{};
        bytes[0] = static_cast<std::byte>(kind);
        for (std::size_t length = 0; length <= bytes.size(); ++length) {
            const std::span<const std::byte> coded(bytes.data(), length);
            EXPECT_EQ(decode_lock(coded, 1).has_value(), length == lock_message_bytes && 1 <= kind && kind <= 10);
            EXPECT_EQ(decode_condition(coded, 1).has_value(),
                      length == condition_message_bytes && 16 <= kind && kind <= 26);
            const bool arrival_of_nobody = kind == 34;
            EXPECT_EQ(decode_barrier(coded, 1).has_value(),
                      length == barrier_message_bytes && 32 <= kind && kind <= 37 && !arrival_of_nobody);
        }
    }
}

} // namespace
