// The log of write notices, call by call: what is sent, what is news, what is cut, and what it costs.
#include "tests/unit/protocol/notice_world.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <gtest/gtest.h>
#include <tuple>

namespace dsm::protocol {
namespace {

using protocol_test::adopt;
using protocol_test::encode_for;
using protocol_test::OwnLog;
using protocol_test::Parts;
using protocol_test::publish;
using protocol_test::Random;

constexpr std::size_t record_bytes = 4'000;
constexpr NodeId n0{0}, n1{1}, n2{2};

struct Notice {
    unsigned writer;
    Interval interval;
    std::uint64_t first;
    unsigned count;
    friend auto operator<=>(const Notice &, const Notice &) = default;
};

std::vector<Notice> notices_in(const Parts &parts) {
    std::vector<Notice> notices;
    for (const auto &bytes : parts) {
        const auto part = decode_envelope_part(bytes, nodes_max, noticed_pages_max);
        EXPECT_TRUE(part.has_value());
        if (!part) { return {}; }
        part->for_each([&](const NoticeRun &run) {
            notices.push_back({run.writer.value, run.interval, run.first.value, run.count});
        });
    }
    return notices;
}

TEST(NoticeLog, EmptyLogKnowsNothing) {
    OwnLog log(0, 3, 16);
    EXPECT_FALSE(log->has_news_for(n1));
    EXPECT_FALSE(log->owes_ack(n1));
    EXPECT_EQ(log->known(n0), 0U);
    const Parts parts = encode_for(*log, n1, record_bytes);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].size(), envelope_head_bytes);
    EXPECT_TRUE(notices_in(parts).empty());
}

TEST(NoticeLog, EmptyPublicationMakesNoInterval) {
    OwnLog log(0, 3, 16);
    publish(*log, {});
    EXPECT_EQ(log->known(n0), 0U);
    EXPECT_FALSE(log->has_news_for(n1));
    log->begin_publish();
    log->add(PageId{7});
    EXPECT_EQ(log->end_publish(), 1U);
    log->begin_publish();
    EXPECT_EQ(log->end_publish(), 1U);
}

TEST(NoticeLog, OneNoticeCostsLessThan48Bytes) {
    OwnLog log(0, 3, 16);
    log->begin_publish();
    log->add(PageId{noticed_pages_max - 1});
    log->end_publish();
    const Parts parts = encode_for(*log, n1, record_bytes);
    EXPECT_LE(parts[0].size(), 48U);
    EXPECT_EQ(notices_in(parts), (std::vector<Notice>{{0, 1, noticed_pages_max - 1, 1}}));
}

TEST(NoticeLog, PagesInARowAreOneRun) {
    OwnLog log(0, 3, 16);
    publish(*log, {10, 11, 12, 9, 8, 10, 40, 39, 41});
    EXPECT_EQ(notices_in(encode_for(*log, n1, record_bytes)), (std::vector<Notice>{{0, 1, 8, 5}, {0, 1, 39, 3}}));
    log->begin_publish();
    log->add(PageId{512}, 512);
    log->add(PageId{0}, 512);
    log->end_publish();
    publish(*log, {1'024});
    EXPECT_EQ(notices_in(encode_for(*log, n1, record_bytes)),
              (std::vector<Notice>{{0, 1, 8, 5}, {0, 1, 39, 3}, {0, 2, 0, 1'024}, {0, 3, 1'024, 1}}))
        << "intervals stay apart";
    EXPECT_EQ(log->statistics().entries, 4U);
}

TEST(NoticeLog, WhatIsConfirmedIsNotSentAgain) {
    OwnLog a(0, 2, 16), b(1, 2, 16);
    publish(*a, {1});
    EXPECT_TRUE(a->has_news_for(n1));
    ASSERT_TRUE(adopt(*b, encode_for(*a, n1, record_bytes), 2));
    EXPECT_EQ(b->known(n0), 1U);
    EXPECT_TRUE(a->has_news_for(n1)) << "not confirmed yet";
    EXPECT_FALSE(b->has_news_for(n0)) << "it came from there";
    publish(*b, {2});
    ASSERT_TRUE(adopt(*a, encode_for(*b, n0, record_bytes), 2));
    EXPECT_FALSE(a->has_news_for(n1));
    EXPECT_TRUE(notices_in(encode_for(*a, n1, record_bytes)).empty());
}

TEST(NoticeLog, EnvelopesOvertakeEachOther) {
    OwnLog a(0, 2, 16), b(1, 2, 16);
    publish(*a, {1});
    const Parts first = encode_for(*a, n1, record_bytes);
    publish(*a, {2});
    const Parts second = encode_for(*a, n1, record_bytes);
    EXPECT_EQ(notices_in(second), (std::vector<Notice>{{0, 1, 1, 1}, {0, 2, 2, 1}}));
    ASSERT_TRUE(adopt(*b, second, 2));
    EXPECT_EQ(b->known(n0), 2U);
    EXPECT_FALSE(b->is_news(n0, 1));
    ASSERT_TRUE(adopt(*b, first, 2));
    EXPECT_EQ(b->known(n0), 2U);
    EXPECT_EQ(b->statistics().redundant, 1U);
    EXPECT_EQ(b->statistics().entries, 2U);
}

TEST(NoticeLog, ThirdNodesLearnWhatHappenedBefore) {
    OwnLog a(0, 3, 16), b(1, 3, 16), c(2, 3, 16);
    publish(*a, {1, 5});
    ASSERT_TRUE(adopt(*b, encode_for(*a, n1, record_bytes), 3));
    publish(*b, {2});
    const Parts parts = encode_for(*b, n2, record_bytes);
    EXPECT_EQ(notices_in(parts), (std::vector<Notice>{{0, 1, 1, 1}, {0, 1, 5, 1}, {1, 1, 2, 1}}));
    ASSERT_TRUE(adopt(*c, parts, 3));
    EXPECT_EQ(c->known(n0), 1U);
    EXPECT_EQ(c->known(n1), 1U);
    EXPECT_EQ(notices_in(encode_for(*c, n0, record_bytes)), (std::vector<Notice>{{1, 1, 2, 1}})) << "not its own";
}

TEST(NoticeLog, OwesAnAckAfterManyEntries) {
    OwnLog a(0, 2, 256), b(1, 2, 256);
    for (unsigned page = 0; page < 130; page += 2) { publish(*a, {page}); }
    ASSERT_TRUE(adopt(*b, encode_for(*a, n1, record_bytes), 2));
    EXPECT_TRUE(b->owes_ack(n0));
    ASSERT_TRUE(adopt(*a, encode_for(*b, n0, record_bytes), 2));
    EXPECT_FALSE(b->owes_ack(n0));
    EXPECT_FALSE(a->owes_ack(n1)) << "an acknowledgement asks for none";
    EXPECT_FALSE(a->has_news_for(n1));
}

TEST(NoticeLog, LongEnvelopesComeInParts) {
    OwnLog a(0, 2, 4'096), b(1, 2, 4'096);
    Random random(1);
    std::vector<Notice> expected;
    for (unsigned interval = 1; interval <= 3; ++interval) {
        std::vector<unsigned> pages(1'000);
        for (unsigned &page : pages) {
            page = random.below(1U << 30);
            expected.push_back({0, interval, page, 1});
        }
        publish(*a, pages);
    }
    const Parts parts = encode_for(*a, n1, 500);
    EXPECT_GT(parts.size(), 10U);
    EXPECT_EQ(notices_in(parts), expected);
    ASSERT_TRUE(adopt(*b, parts, 2));
    EXPECT_EQ(b->known(n0), 3U);
    EXPECT_EQ(b->statistics().adopted, 3'000U);
}

TEST(NoticeLog, ABarrierCutsWhatStoodAtTheOneBefore) {
    OwnLog a(0, 2, 16), b(1, 2, 16);
    for (unsigned round = 1; round <= 3; ++round) {
        publish(*a, {round});
        a->on_barrier_arrive();
        b->on_barrier_arrive();
        ASSERT_TRUE(adopt(*a, encode_for(*b, n0, record_bytes), 2));
        publish(*a, {100 + round}); // By a thread that is not at the barrier.
        ASSERT_TRUE(adopt(*b, encode_for(*a, n1, record_bytes), 2));
        a->on_barrier_depart();
        b->on_barrier_depart();
        EXPECT_EQ(a->statistics().entries, round == 1 ? 2U : 3U);
    }
    EXPECT_EQ(notices_in(encode_for(*a, n1, record_bytes)).back(), (Notice{0, 6, 103, 1}));
}

TEST(NoticeLog, CompactionKeepsTheLatestNoticeOfAPage) {
    OwnLog a(0, 3, 16), b(1, 3, 16);
    for (unsigned round = 0; round < 100; ++round) { publish(*a, {1, 3, 5}); }
    EXPECT_GT(a->statistics().compactions, 0U);
    EXPECT_EQ(a->statistics().collapses, 0U);
    const Parts parts = encode_for(*a, n1, record_bytes);
    EXPECT_EQ(notices_in(parts).back(), (Notice{0, 100, 5, 1}));
    ASSERT_TRUE(adopt(*b, parts, 3));
    EXPECT_EQ(b->known(n0), 100U);
}

TEST(NoticeLog, AFullLogIsForgottenAndStoodForByItsTime) {
    OwnLog a(0, 4, 4), b(1, 4, 4), c(2, 4, 16);
    for (unsigned page = 0; page < 10; page += 2) { publish(*a, {page}); }
    EXPECT_EQ(a->statistics().collapses, 1U);
    publish(*a, {50});
    const Parts parts = encode_for(*a, n1, record_bytes);
    EXPECT_EQ(notices_in(parts), (std::vector<Notice>{{0, 5, 0, 0}, {0, 6, 50, 1}}));
    ASSERT_TRUE(adopt(*b, parts, 4));
    EXPECT_EQ(b->known(n0), 6U);
    EXPECT_EQ(b->statistics().taken_over, 1U);
    EXPECT_TRUE(b->owes_ack(n0)) << "at once, since a vector time is long";
    publish(*b, {60});
    const Parts passed_on = encode_for(*b, n2, record_bytes);
    EXPECT_EQ(notices_in(passed_on), (std::vector<Notice>{{0, 5, 0, 0}, {0, 6, 50, 1}, {1, 1, 60, 1}}));
    ASSERT_TRUE(adopt(*c, passed_on, 4));
    EXPECT_EQ(c->known(n0), 6U);
    // Who knows all of it drops nothing and takes nothing over.
    ASSERT_TRUE(adopt(*c, encode_for(*a, n2, record_bytes), 4));
    EXPECT_EQ(c->statistics().taken_over, 1U);
    // And the first has it back without a time of its own.
    ASSERT_TRUE(adopt(*a, encode_for(*b, n0, record_bytes), 4));
    EXPECT_EQ(a->statistics().taken_over, 0U);
    EXPECT_EQ(a->known(n1), 1U);
    EXPECT_FALSE(a->has_news_for(n1));
}

TEST(NoticeLog, AnIntervalLargerThanTheRingIsForgotten) {
    OwnLog a(0, 2, 8), b(1, 2, 8);
    publish(*a, {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20});
    EXPECT_EQ(a->known(n0), 1U);
    EXPECT_EQ(notices_in(encode_for(*a, n1, record_bytes)), (std::vector<Notice>{{0, 1, 0, 0}}));
    ASSERT_TRUE(adopt(*b, encode_for(*a, n1, record_bytes), 2));
    EXPECT_EQ(b->known(n0), 1U);
    EXPECT_FALSE(b->has_news_for(n0));
}

TEST(NoticeLog, ProcessesOfANodeShareIt) {
    OwnLog a(0, 2, 16);
    NoticeLog other(a.region(), n0, 2, 16);
    publish(*a, {1});
    publish(other, {2});
    EXPECT_EQ(a->known(n0), 2U);
    EXPECT_EQ(notices_in(encode_for(other, n1, record_bytes)), (std::vector<Notice>{{0, 1, 1, 1}, {0, 2, 2, 1}}));
}

TEST(NoticeLog, ForeignHeadsAreRefused) {
    OwnLog a(0, 2, 16);
    EnvelopeHead head{};
    head.is_last = true;
    head.from = n0;
    EXPECT_FALSE(a->begin_adopt(head)) << "of itself";
    head.from = n1;
    head.ack = 1;
    EXPECT_FALSE(a->begin_adopt(head)) << "has what is not there";
    head.ack = 0;
    EXPECT_TRUE(a->begin_adopt(head));
}

TEST(NoticeLogDeathTest, HalfAnEnvelopeIsNotAdopted) {
    OwnLog a(0, 2, 64), b(1, 2, 64);
    std::vector<unsigned> pages(40);
    for (unsigned i = 0; i < pages.size(); ++i) { pages[i] = 1'000 * (i * 7 % 40); }
    publish(*a, pages);
    Parts parts = encode_for(*a, n1, 80);
    ASSERT_GT(parts.size(), 1U);
    EXPECT_DEATH(adopt(*b, {parts[1]}, 2), "N2");
    parts.pop_back();
    EXPECT_DEATH(adopt(*b, parts, 2), "N2");
}

/// Pages of the region that are touched: of a large job's idle log, and of one that has spoken with a few nodes.
TEST(NoticeLog, AnIdleLogOfManyNodesTouchesLittle) {
    constexpr unsigned many_nodes = 10'240;
    const std::size_t bytes = NoticeLog::region_bytes(many_nodes);
    EXPECT_LT(bytes, std::size_t{6} << 20);
    OwnLog a(5, many_nodes, notice_entries_default);
    EXPECT_FALSE(a->has_news_for(NodeId{9'000}));
    publish(*a, {1, 2, 3});
    encode_for(*a, NodeId{9'000}, record_bytes);
    std::size_t touched = 0;
    for (std::size_t at = 0; at + page_bytes <= bytes; at += page_bytes) {
        touched += std::any_of(a.region() + at, a.region() + at + page_bytes,
                               [](std::byte byte) { return byte != std::byte{0}; })
                       ? 1
                       : 0;
    }
    EXPECT_LE(touched, 4U);
}

TEST(NoticeWire, ForeignBytesAreRefusedOrInRange) {
    Random random(3);
    OwnLog log(1, 6, 64);
    publish(*log, {3, 4, 5, 1, 12, 50});
    publish(*log, {7});
    const std::vector<std::byte> good = encode_for(*log, n0, record_bytes)[0];
    for (std::size_t length = 0; length < good.size(); ++length) {
        if (length == envelope_head_bytes) { continue; } // A part without groups.
        const auto part = decode_envelope_part(std::span(good).first(length), 6, 60);
        EXPECT_TRUE(!part || length == good.size() - notice_group_bytes - 2) << length << ": all but the last group";
    }
    EXPECT_FALSE(decode_envelope_part(good, 1, 60)) << "node 1 of 1";
    EXPECT_FALSE(decode_envelope_part(good, 6, 50)) << "page 50 of 50";
    unsigned accepted = 0;
    for (unsigned i = 0; i < 200'000; ++i) {
        std::vector<std::byte> bytes = good;
        for (unsigned change = random.between(1, 3); change > 0; --change) {
            bytes[random.below(static_cast<unsigned>(bytes.size()))] = static_cast<std::byte>(random.below(256));
        }
        const auto part = decode_envelope_part(bytes, 6, 60);
        if (!part) { continue; }
        ++accepted;
        part->for_each([](const NoticeRun &run) {
            ASSERT_LT(run.writer.value, 6);
            ASSERT_GT(run.interval, 0U);
            ASSERT_LE(run.first.value + run.count, 60U);
        });
    }
    EXPECT_GT(accepted, 1'000U);
}

TEST(NoticeWire, LongRunsAndFarPages) {
    std::vector<std::byte> bytes(200);
    PartWriter writer(bytes);
    const std::vector<NoticeRun> runs{{n2, 9, PageId{0}, 0},
                                      {n1, interval_max, PageId{noticed_pages_max - run_pages_max}, run_pages_max},
                                      {n1, interval_max, PageId{0}, 2},
                                      {n1, interval_max, PageId{2}, 1},
                                      {n1, interval_max, PageId{noticed_pages_max - 1}, 1}};
    for (const NoticeRun &run : runs) { ASSERT_TRUE(writer.add(run)); }
    EnvelopeHead head{true, n1, 7, 0xfffffffe, std::uint64_t{1} << 60, 0xffffffff, std::uint64_t{1} << 61};
    bytes.resize(writer.finish(head));
    const auto part = decode_envelope_part(bytes, 3, noticed_pages_max);
    ASSERT_TRUE(part.has_value());
    EXPECT_EQ(part->head, head);
    const std::vector<Notice> expected{{2, 9, 0, 0},
                                       {1, interval_max, noticed_pages_max - run_pages_max, run_pages_max},
                                       {1, interval_max, 0, 2},
                                       {1, interval_max, 2, 1},
                                       {1, interval_max, noticed_pages_max - 1, 1}};
    EXPECT_EQ(notices_in({bytes}), expected);
}

/// Printed, not judged.
TEST(NoticeLog, Cost) {
    using Clock = std::chrono::steady_clock;
    constexpr unsigned pages_per_interval = 1'000, rounds = 200;
    OwnLog a(0, 2, notice_entries_default), b(1, 2, notice_entries_default);
    Random random(2);
    double publish_ns = 0, encode_ns = 0, adopt_ns = 0;
    std::size_t sent = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        std::vector<unsigned> pages(pages_per_interval);
        for (unsigned &page : pages) { page = random.below(1U << 20); }
        const auto begin = Clock::now();
        publish(*a, pages);
        const auto published = Clock::now();
        const Parts parts = encode_for(*a, n1, record_bytes);
        const auto encoded = Clock::now();
        ASSERT_TRUE(adopt(*b, parts, 2));
        const auto adopted = Clock::now();
        ASSERT_TRUE(adopt(*a, encode_for(*b, n0, record_bytes), 2));
        publish_ns += std::chrono::duration<double, std::nano>(published - begin).count();
        encode_ns += std::chrono::duration<double, std::nano>(encoded - published).count();
        adopt_ns += std::chrono::duration<double, std::nano>(adopted - encoded).count();
        for (const auto &part : parts) { sent += part.size(); }
    }
    constexpr double notices = double{pages_per_interval} * rounds;
    std::printf(
        "per notice of %u scattered pages: publish %.1f ns, encode %.1f ns, decode and adopt %.1f ns, %.2f bytes\n",
        pages_per_interval, publish_ns / notices, encode_ns / notices, adopt_ns / notices,
        static_cast<double>(sent) / notices);
}

} // namespace
} // namespace dsm::protocol
