// Page messages as bytes: there and back, and foreign bytes.
#include "libdsm/protocol/page_wire.hpp"
#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace dsm::protocol {
namespace {

TEST(PageWire, ThereAndBack) {
    const std::array<std::byte, 5> nodes{std::byte{0}, std::byte{1}, std::byte{0}, std::byte{7}, std::byte{0}};
    PageMessage message{};
    message.kind = PageMessageKind::Grant;
    message.contents = Contents::Bytes;
    message.own_only = true;
    message.from = NodeId{12};
    message.origin = NodeId{300};
    message.version = Version{0x12345678};
    message.page = PageId{0x123456789abc};
    message.nodes = nodes;
    std::array<std::byte, encoded_page_message_bytes_max> bytes;
    const std::size_t used = encode(message, bytes);
    EXPECT_EQ(used, page_record_bytes + nodes.size());
    const auto decoded = decode_page_message(std::span(bytes).first(used), 1'000);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->kind, message.kind);
    EXPECT_EQ(decoded->contents, message.contents);
    EXPECT_TRUE(decoded->own_only);
    EXPECT_FALSE(decoded->have_copy);
    EXPECT_FALSE(decoded->discard);
    EXPECT_EQ(decoded->from, message.from);
    EXPECT_EQ(decoded->origin, message.origin);
    EXPECT_EQ(decoded->version, message.version);
    EXPECT_EQ(decoded->page, message.page);
    EXPECT_TRUE(std::equal(nodes.begin(), nodes.end(), decoded->nodes.begin(), decoded->nodes.end()));
    EXPECT_FALSE(decode_page_message(std::span(bytes).first(used), 300).has_value()) << "node 300 of 300";
    EXPECT_FALSE(decode_page_message(std::span(bytes).first(used - 1), 1'000).has_value());
    EXPECT_FALSE(decode_page_message(std::span(bytes).first(10), 1'000).has_value());
}

TEST(PageWire, WhatClimbsIsAReadOrAnInvalidation) {
    for (unsigned kind = 1; kind <= static_cast<unsigned>(PageMessageKind::TakeBack); ++kind) {
        PageMessage message{};
        message.kind = static_cast<PageMessageKind>(kind);
        message.contents = message.kind == PageMessageKind::ReadReply ? Contents::Zero : Contents::None;
        message.count = 1;
        std::array<std::byte, encoded_page_message_bytes_max> bytes;
        for (const bool climbs : {false, true}) {
            message.climbs = climbs;
            const auto decoded = decode_page_message(std::span(bytes).first(encode(message, bytes)), 10);
            const bool may_climb =
                message.kind == PageMessageKind::ReadRequest || message.kind == PageMessageKind::Invalidate;
            EXPECT_EQ(decoded.has_value(), !climbs || may_climb) << kind;
            if (decoded) { EXPECT_EQ(decoded->climbs, climbs) << kind; }
        }
    }
}

TEST(PageWire, ForeignBytesAreRefusedOrPlausible) {
    protocol_test::Random random(3);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 200'000; ++i) {
        std::vector<std::byte> bytes(20 + random.below(12));
        for (std::byte &byte : bytes) { byte = static_cast<std::byte>(random.below(random.one_in(3) ? 256 : 9)); }
        const auto message = decode_page_message(bytes, 4'000);
        if (!message) { continue; }
        ++accepted;
        ASSERT_LT(message->from.value, 4'000);
        ASSERT_LT(message->origin.value, 4'000);
        std::array<std::byte, encoded_page_message_bytes_max> again;
        ASSERT_EQ(encode(*message, again), bytes.size());
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), again.begin()));
    }
    EXPECT_GT(accepted, 100U);
}

} // namespace
} // namespace dsm::protocol
