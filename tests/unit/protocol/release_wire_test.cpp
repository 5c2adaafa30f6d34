// Messages about release pages as bytes: there and back, and foreign bytes.
#include "libdsm/protocol/release/release_wire.hpp"
#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace dsm::protocol {
namespace {

ReleaseMessage example(ReleaseMessageKind kind) {
    static const std::array<std::byte, 4> diff{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    ReleaseMessage message{};
    message.kind = kind;
    message.from = NodeId{12};
    message.origin = NodeId{300};
    message.epoch = 0x12345678;
    message.page = PageId{0x123456789abc};
    switch (kind) {
    case ReleaseMessageKind::Fetch:
        message.may_put = true;
        message.sends = 3;
        message.serial = 0x89abcdef;
        break;
    case ReleaseMessageKind::Data:
        message.may_put = true;
        message.contents = Contents::Bytes;
        message.serial = 0xfedcba98;
        break;
    case ReleaseMessageKind::Update:
        message.contents = Contents::Bytes;
        message.serial = 7;
        message.number = 0x123456789abc;
        break;
    case ReleaseMessageKind::Flush:
        message.is_last = true;
        message.number = 0x87654321;
        message.lock = 0xabcdef0123456789;
        message.diff = diff;
        break;
    case ReleaseMessageKind::FlushAck:
        break;
    case ReleaseMessageKind::Home:
        message.contents = Contents::Zero;
        message.reason = HomeReason::Lock;
        message.lock = 17;
        break;
    }
    return message;
}

constexpr ReleaseMessageKind kinds[] = {ReleaseMessageKind::Fetch, ReleaseMessageKind::Data,
                                        ReleaseMessageKind::Flush, ReleaseMessageKind::FlushAck,
                                        ReleaseMessageKind::Home,  ReleaseMessageKind::Update};

std::optional<ReleaseMessage> again(const ReleaseMessage &message, unsigned node_count = 1'000) {
    static std::array<std::byte, release_record_bytes + 4> bytes;
    return decode_release_message(std::span(bytes).first(encode(message, bytes)), node_count);
}

TEST(ReleaseWire, ThereAndBack) {
    for (const ReleaseMessageKind kind : kinds) {
        const ReleaseMessage message = example(kind);
        const auto decoded = again(message);
        ASSERT_TRUE(decoded.has_value()) << name_of(kind);
        EXPECT_EQ(decoded->kind, kind);
        EXPECT_EQ(decoded->contents, message.contents);
        EXPECT_EQ(decoded->reason, message.reason);
        EXPECT_EQ(decoded->may_put, message.may_put);
        EXPECT_EQ(decoded->is_last, message.is_last);
        EXPECT_EQ(decoded->from, message.from);
        EXPECT_EQ(decoded->origin, message.origin);
        EXPECT_EQ(decoded->sends, message.sends);
        EXPECT_EQ(decoded->epoch, message.epoch);
        EXPECT_EQ(decoded->serial, message.serial);
        EXPECT_EQ(decoded->number, message.number);
        EXPECT_EQ(decoded->lock, message.lock);
        EXPECT_EQ(decoded->page, message.page);
        EXPECT_TRUE(std::equal(message.diff.begin(), message.diff.end(), decoded->diff.begin(), decoded->diff.end()));
        EXPECT_FALSE(again(message, 300).has_value()) << "node 300 of 300";
    }
}

TEST(ReleaseWire, LinesThereAndBack) {
    for (const ReleaseMessageKind kind : {ReleaseMessageKind::Data, ReleaseMessageKind::Update}) {
        ReleaseMessage message = example(kind);
        message.contents = Contents::Lines;
        message.lines = 0x8000000000000001;
        message.back = kind == ReleaseMessageKind::Update ? 0xfedc : 0;
        const auto decoded = again(message);
        ASSERT_TRUE(decoded.has_value()) << name_of(kind);
        EXPECT_EQ(decoded->contents, Contents::Lines);
        EXPECT_EQ(decoded->lines, message.lines);
        EXPECT_EQ(decoded->back, message.back);
        EXPECT_EQ(decoded->serial, message.serial);
        EXPECT_EQ(decoded->lock, 0U);
        EXPECT_EQ(decoded->sends, 0U);
    }
}

TEST(ReleaseWire, ShortBytesAreRefused) {
    std::array<std::byte, release_record_bytes + 4> bytes;
    for (const ReleaseMessageKind kind : kinds) {
        encode(example(kind), bytes);
        EXPECT_FALSE(decode_release_message(std::span(bytes).first(release_record_bytes - 1), 1'000).has_value());
    }
}

TEST(ReleaseWire, WhatNoMessageOfTheKindSaysIsRefused) {
    for (const ReleaseMessageKind kind : kinds) {
        const ReleaseMessage good = example(kind);
        const bool is_flush = kind == ReleaseMessageKind::Flush;
        const bool is_home = kind == ReleaseMessageKind::Home;
        const bool is_data = kind == ReleaseMessageKind::Data;
        const bool is_fetch = kind == ReleaseMessageKind::Fetch;
        const bool is_update = kind == ReleaseMessageKind::Update;
        ReleaseMessage bad = good;
        bad.is_last = true;
        EXPECT_EQ(again(bad).has_value(), is_flush) << name_of(kind);
        bad = good;
        bad.may_put = true;
        EXPECT_EQ(again(bad).has_value(), is_fetch || is_data) << name_of(kind);
        bad = good;
        bad.reason = HomeReason::Flush;
        EXPECT_EQ(again(bad).has_value(), is_home) << name_of(kind);
        bad = good;
        bad.sends = 1;
        EXPECT_EQ(again(bad).has_value(), is_fetch || is_flush) << name_of(kind);
        bad = good;
        bad.number = 1;
        EXPECT_EQ(again(bad).has_value(), is_flush || is_update) << name_of(kind);
        bad = good;
        bad.serial = 1;
        EXPECT_EQ(again(bad).has_value(), !is_home) << name_of(kind);
        bad = good;
        bad.lock = 1;
        EXPECT_EQ(again(bad).has_value(), is_flush || is_home) << name_of(kind);
        bad = good;
        bad.contents = Contents::None;
        EXPECT_EQ(again(bad).has_value(), !is_home && !is_data && !is_update) << name_of(kind);
        bad = good;
        bad.contents = Contents::Bytes;
        EXPECT_EQ(again(bad).has_value(), is_home || is_data || is_update) << name_of(kind);
        bad = good;
        bad.contents = Contents::Lines;
        bad.lock = 0;
        bad.sends = 0;
        EXPECT_EQ(again(bad).has_value(), is_data || is_update) << name_of(kind);
        bad.back = 1;
        EXPECT_EQ(again(bad).has_value(), is_update) << name_of(kind);
        bad = good;
        bad.diff = {};
        bad.part = 1;
        EXPECT_FALSE(again(bad).has_value()) << name_of(kind);
    }
}

TEST(ReleaseWire, AClaimIsTheOneFlushWithoutADiff) {
    ReleaseMessage claim = example(ReleaseMessageKind::Flush);
    claim.diff = {};
    claim.is_last = true;
    EXPECT_TRUE(again(claim).has_value());
    claim.is_last = false;
    EXPECT_FALSE(again(claim).has_value());
}

TEST(ReleaseWire, ForeignBytesAreRefusedOrPlausible) {
    protocol_test::Random random(1);
    for (unsigned i = 0; i < 200'000; ++i) {
        std::vector<std::byte> bytes(random.below(60));
        for (std::byte &byte : bytes) { byte = std::byte{static_cast<std::uint8_t>(random.next())}; }
        if (!bytes.empty()) { bytes[0] = std::byte{static_cast<std::uint8_t>(random.below(8))}; }
        const auto decoded = decode_release_message(bytes, 50'000);
        if (!decoded) { continue; }
        EXPECT_LT(decoded->from.value, 50'000);
        EXPECT_LT(decoded->origin.value, 50'000);
        EXPECT_STRNE(name_of(decoded->kind), "?");
    }
}

} // namespace
} // namespace dsm::protocol
