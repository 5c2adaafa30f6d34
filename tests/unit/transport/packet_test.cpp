// Framing, the pool and the outbox, without any transport.
#include "libdsm/transport/outbox.hpp"
#include "libdsm/transport/packet.hpp"
#include "libdsm/transport/packet_pool.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace dsm::transport {
namespace {

struct Collected final : RecordHandler {
    std::vector<std::string> records;
    void on_record(Rank, std::span<const std::byte> record) override {
        records.emplace_back(reinterpret_cast<const char *>(record.data()), record.size());
    }
};

std::span<const std::byte> bytes(const std::string &text) { return std::as_bytes(std::span(text)); }

TEST(Packet, FramesComeBackAsTheyWent) {
    PacketPool pool(512);
    Packet *packet = pool.take(Rank{3});
    packet->append(bytes("head"), bytes("body"));
    packet->append({}, {});
    packet->append({}, bytes("12345678"));
    EXPECT_EQ(packet->bytes, framed_bytes(8) + framed_bytes(0) + framed_bytes(8));
    Collected collected;
    EXPECT_EQ(hand_over(Rank{3}, packet->contents(), collected), 3U);
    EXPECT_EQ(collected.records, (std::vector<std::string>{"headbody", "", "12345678"}));
    pool.give_back(packet);
}

TEST(Packet, LongestRecordFillsAPacket) {
    for (std::size_t packet_bytes : {64, 100, 512, 3968, 65408}) {
        const std::size_t longest = record_bytes_max_of(packet_bytes);
        EXPECT_LE(framed_bytes(longest), packet_bytes);
        EXPECT_GT(framed_bytes(longest + 8), packet_bytes);
    }
}

TEST(Packet, BrokenFramingEndsTheJob) {
    std::vector<std::byte> packet(24);
    const std::uint64_t record_bytes = 17; // one more than there is
    std::memcpy(packet.data(), &record_bytes, sizeof record_bytes);
    Collected collected;
    EXPECT_DEATH(hand_over(Rank{0}, packet, collected), "record inside its packet");
    const std::uint64_t huge = ~std::uint64_t{0};
    std::memcpy(packet.data(), &huge, sizeof huge);
    EXPECT_DEATH(hand_over(Rank{0}, packet, collected), "record inside its packet");
    packet.resize(4);
    EXPECT_DEATH(hand_over(Rank{0}, packet, collected), "whole frames");
}

TEST(PacketPool, GrowsAndGivesTheSamePacketsAgain) {
    PacketPool pool(100);
    std::set<Packet *> taken;
    for (int i = 0; i < 1000; ++i) {
        Packet *packet = pool.take(Rank{i});
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(packet->data()) % 64, 0U);
        std::memset(packet->data(), i, pool.packet_bytes());
        EXPECT_TRUE(taken.insert(packet).second);
    }
    for (Packet *packet : taken) { pool.give_back(packet); }
    for (int i = 0; i < 1000; ++i) { EXPECT_TRUE(taken.contains(pool.take(Rank{0}))); }
}

TEST(PacketQueue, IsFirstInFirstOut) {
    PacketPool pool(64);
    PacketQueue queue;
    EXPECT_EQ(queue.pop(), nullptr);
    Packet *a = pool.take(Rank{0});
    Packet *b = pool.take(Rank{1});
    queue.push(a);
    queue.push(b);
    EXPECT_EQ(queue.size(), 2U);
    EXPECT_EQ(queue.pop(), a);
    queue.push(a);
    EXPECT_EQ(queue.pop(), b);
    EXPECT_EQ(queue.pop(), a);
    EXPECT_TRUE(queue.empty());
}

TEST(Outbox, PutsRecordsForOneRankTogether) {
    PacketPool pool(256);
    Outbox outbox(3, pool);
    for (int round = 0; round < 10; ++round) {
        outbox.append(Rank{1}, 256, bytes("to one"), {});
        outbox.append(Rank{2}, 256, bytes("to two"), {});
    }
    Packet *first = outbox.take();
    Packet *second = outbox.take();
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(first->to, Rank{1});
    EXPECT_EQ(second->to, Rank{2});
    EXPECT_EQ(first->bytes, 10 * framed_bytes(6));
    EXPECT_EQ(outbox.take(), nullptr);
}

TEST(Outbox, BeginsANewPacketWhenOneIsFullOrTaken) {
    PacketPool pool(64);
    Outbox outbox(1, pool);
    outbox.append(Rank{0}, 64, bytes(std::string(40, 'a')), {}); // 48 bytes framed
    outbox.append(Rank{0}, 64, bytes(std::string(40, 'b')), {});
    Packet *first = outbox.take();
    outbox.append(Rank{0}, 64, bytes("c"), {}); // beside b: that packet is still being filled
    outbox.append(Rank{0}, 64, bytes("d"), {});
    Packet *second = outbox.take();
    Packet *third = outbox.take();
    ASSERT_NE(third, nullptr);
    EXPECT_EQ(first->bytes, framed_bytes(40));
    EXPECT_EQ(second->bytes, framed_bytes(40) + framed_bytes(1));
    EXPECT_EQ(third->bytes, framed_bytes(1));
    EXPECT_TRUE(outbox.empty());
}

} // namespace
} // namespace dsm::transport
