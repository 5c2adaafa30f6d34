// The outbox: what goes in comes out, once, in the order of one thread; slots come back.
#include "libdsm/runtime/outbox.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace dsm::rt {
namespace {

std::vector<std::byte> bytes_of(std::size_t count, unsigned seed) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) { bytes[i] = static_cast<std::byte>(i * 31 + seed); }
    return bytes;
}

std::vector<std::byte> copy(const std::byte *bytes, std::size_t count) { return {bytes, bytes + count}; }

TEST(Outbox, BytesAreCopied) {
    const auto outbox = std::make_unique<Outbox>();
    EXPECT_TRUE(outbox->empty());
    std::vector<std::byte> head = bytes_of(20, 1);
    std::vector<std::byte> body = bytes_of(page_bytes, 2);
    outbox->push(Rank{3}, head, body);
    outbox->push(Rank{4}, head, {});
    std::fill(head.begin(), head.end(), std::byte{0});
    EXPECT_FALSE(outbox->empty());
    std::vector<OutboxItem> items;
    const std::size_t count = outbox->consume_all([&](const OutboxItem &item) {
        items.push_back(item);
        EXPECT_EQ(copy(item.bytes, item.head_bytes), bytes_of(20, 1));
        if (item.body_bytes != 0) { EXPECT_EQ(copy(item.bytes + item.head_bytes, item.body_bytes), body); }
    });
    ASSERT_EQ(count, 2U);
    EXPECT_EQ(items[0].to, Rank{3});
    EXPECT_EQ(items[1].to, Rank{4});
    EXPECT_EQ(items[1].body_bytes, 0U);
    EXPECT_TRUE(outbox->empty());
}

/// The numbers that the records of a test carry as their bytes.
std::span<const std::byte> number_bytes(const std::uint64_t &number) {
    return std::as_bytes(std::span<const std::uint64_t, 1>(&number, 1));
}

std::uint64_t number_in(const OutboxItem &item) {
    std::uint64_t number = 0;
    EXPECT_EQ(std::size_t{item.head_bytes} + item.body_bytes, sizeof number);
    std::memcpy(&number, item.bytes, sizeof number);
    return number;
}

TEST(OutboxDeathTest, ARecordLongerThanASlotIsABrokenInvariant) {
    const auto outbox = std::make_unique<Outbox>();
    const std::vector<std::byte> head = bytes_of(64, 5);
    const std::vector<std::byte> longest = bytes_of(sizeof(OutboxItem::bytes) - head.size(), 6);
    outbox->push(Rank{0}, head, longest);
    const std::vector<std::byte> longer = bytes_of(longest.size() + 1, 6);
    EXPECT_EXIT(outbox->push(Rank{0}, head, longer), testing::ExitedWithCode(exit_broken_invariant),
                "broken invariant: E10");
}

TEST(Outbox, AllSlotsCanBeTakenAndComeBack) {
    const auto outbox = std::make_unique<Outbox>();
    for (int round = 0; round < 2; ++round) {
        for (std::uint64_t i = 0; i < outbox_slots; ++i) { outbox->push(Rank{0}, number_bytes(i), {}); }
        std::uint64_t expected = 0;
        EXPECT_EQ(outbox->consume_all([&](const OutboxItem &item) { EXPECT_EQ(number_in(item), expected++); }),
                  outbox_slots);
    }
}

TEST(OutboxDeathTest, OneTooManyIsABrokenInvariant) {
    const auto outbox = std::make_unique<Outbox>();
    for (std::uint64_t i = 0; i < outbox_slots; ++i) { outbox->push(Rank{0}, number_bytes(i), {}); }
    EXPECT_EXIT(outbox->push(Rank{0}, number_bytes(0), {}), testing::ExitedWithCode(exit_broken_invariant),
                "broken invariant: E1");
}

TEST(Outbox, WhatAConsumerPushesIsConsumedToo) {
    const auto outbox = std::make_unique<Outbox>();
    outbox->push(Rank{0}, number_bytes(3), {});
    std::vector<std::uint64_t> seen;
    outbox->consume_all([&](const OutboxItem &item) {
        seen.push_back(number_in(item));
        if (seen.back() > 0) { outbox->push(Rank{0}, number_bytes(seen.back() - 1), {}); }
    });
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{3, 2, 1, 0}));
}

TEST(Outbox, ManyThreadsPushWhileOneConsumes) {
    const auto outbox = std::make_unique<Outbox>();
    constexpr std::int32_t threads = 3;
    constexpr std::uint64_t each = 1000; // in all fewer than slots: a full outbox would be an error of the test
    std::vector<std::thread> pushers;
    for (std::int32_t thread = 0; thread < threads; ++thread) {
        pushers.emplace_back([&outbox, thread] {
            for (std::uint64_t i = 0; i < each; ++i) {
                const auto bytes = bytes_of(100 + i % 50, static_cast<unsigned>(i) + static_cast<unsigned>(thread));
                outbox->push(Rank{thread}, std::span(bytes).first(40), std::span(bytes).subspan(40));
            }
        });
    }
    std::vector<std::uint64_t> next(threads, 0);
    while (std::accumulate(next.begin(), next.end(), std::uint64_t{0}) < threads * each) {
        outbox->consume_all([&](const OutboxItem &item) {
            const auto i = next[static_cast<std::size_t>(item.to.value)]++;
            EXPECT_EQ(copy(item.bytes, std::size_t{item.head_bytes} + item.body_bytes),
                      bytes_of(100 + i % 50, static_cast<unsigned>(i) + static_cast<unsigned>(item.to.value)));
        });
    }
    for (std::thread &pusher : pushers) { pusher.join(); }
    EXPECT_TRUE(outbox->empty());
}

} // namespace
} // namespace dsm::rt
