// Which lines have changed since a page was sent, and what a home makes of it: messages of changed lines alone.
#include "libdsm/protocol/release/page_versions.hpp"
#include "tests/unit/protocol/release_scenario.hpp"

namespace dsm::release_test {
namespace {

using protocol::Contents;
using protocol::LinesSince;
using protocol::PageVersions;

TEST(PageVersions, WhoHasTheLastSendingLacksWhatChangedSince) {
    PageVersions versions{};
    protocol::begin_versions(versions, 3);
    EXPECT_EQ(protocol::changed_since(versions, 3).lines, 0U);
    protocol::note_lines(versions, 0b101);
    EXPECT_EQ(protocol::changed_since(versions, 3).lines, 0b101U);
    EXPECT_EQ(protocol::changed_since(versions, 2).since, 0U) << "nobody knows what changed before";
}

TEST(PageVersions, OlderCopiesLackAllThatCameAfterThem) {
    PageVersions versions{};
    protocol::begin_versions(versions, 1);
    for (std::uint32_t serial = 2; serial <= PageVersions::depth; ++serial) {
        protocol::note_lines(versions, std::uint64_t{1} << serial);
        protocol::note_sending(versions, serial);
    }
    EXPECT_EQ(protocol::changed_since(versions, 5).lines, 0U);
    EXPECT_EQ(protocol::changed_since(versions, 4).lines, 0b100000U);
    EXPECT_EQ(protocol::changed_since(versions, 1).lines, 0b111100U);
    protocol::note_lines(versions, 1);
    protocol::note_sending(versions, 9);
    EXPECT_EQ(protocol::changed_since(versions, 1).since, 0U) << "forgotten";
    EXPECT_EQ(protocol::changed_since(versions, 2).lines, 0b111001U);
    EXPECT_EQ(protocol::changed_since(versions, 7).lines, 1U) << "sent unchanged as 6, 7 and 8";
}

TEST(PageVersions, SendingWhatHasNotChangedForgetsNothing) {
    PageVersions versions{};
    protocol::begin_versions(versions, 1);
    protocol::note_lines(versions, 2);
    protocol::note_sending(versions, 2);
    for (std::uint32_t serial = 3; serial < 30; ++serial) { protocol::note_sending(versions, serial); }
    EXPECT_EQ(protocol::changed_since(versions, 1).lines, 2U);
    EXPECT_EQ(protocol::changed_since(versions, 29).lines, 0U);
}

TEST(PageVersions, SerialsMayPassZero) {
    PageVersions versions{};
    protocol::begin_versions(versions, UINT32_MAX - 1);
    protocol::note_lines(versions, 4);
    protocol::note_sending(versions, 2);
    EXPECT_EQ(protocol::changed_since(versions, UINT32_MAX).lines, 4U);
    EXPECT_EQ(protocol::changed_since(versions, 5).lines, 0U);
}

TEST(PageVersions, ForMostCopiesIsTheOldestThatIsLittle) {
    PageVersions versions{};
    protocol::begin_versions(versions, 1);
    protocol::note_lines(versions, 0b1110000);
    protocol::note_sending(versions, 2);
    protocol::note_lines(versions, 0b0010001);
    protocol::note_sending(versions, 3);
    protocol::note_lines(versions, 0b1);
    EXPECT_EQ(protocol::for_most_copies(versions, 4).since, 1U);
    EXPECT_EQ(protocol::for_most_copies(versions, 4).lines, 0b1110001U);
    EXPECT_EQ(protocol::for_most_copies(versions, 2).since, 2U);
    EXPECT_EQ(protocol::for_most_copies(versions, 1).since, 3U);
    protocol::note_lines(versions, 0b1100);
    EXPECT_EQ(protocol::for_most_copies(versions, 1).since, 0U);
}

/// Node 0 is the home of a page of four lines, of a byte each. Notices are answered by Fetches.
class ChangedLines : public ReleaseScenario {
protected:
    void SetUp() override {
        options.page_bytes = 4;
        options.limits.lines_max = 2;
        options.limits.hot_faults = 1;
        options.limits.refresh_misses = 0;
        options.limits.move_streak = 0;
        options.limits.bind_streak = 0;
    }
    void start(unsigned nodes) {
        ReleaseScenario::start(nodes);
        for (unsigned node = 1; node < nodes; ++node) { get(node, Access::Read); }
    }
    /// Of the answers, how many came as lines since the last call.
    std::uint64_t lines() { return world->counts.lines_used - std::exchange(lines_counted, world->counts.lines_used); }
    void pass_on(unsigned from, unsigned to) {
        pass(from, to);
        for (unsigned byte = 0; byte < 4; ++byte) { world->read(to, 0, byte); }
    }
    std::uint64_t lines_counted = 0;
};

TEST_F(ChangedLines, WhatAnotherNodeHasFlushedComesAlone) {
    start(3);
    write(2, 1, 7);
    pass_on(2, 1);
    EXPECT_EQ(lines(), 1U);
    write(2, 3, 8);
    write(2, 0, 9);
    pass_on(2, 1);
    EXPECT_EQ(lines(), 1U);
}

TEST_F(ChangedLines, ManyComeAsThePage) {
    start(3);
    for (unsigned byte = 0; byte < 3; ++byte) { write(2, byte, 7); }
    pass_on(2, 1);
    EXPECT_EQ(lines(), 0U);
}

TEST_F(ChangedLines, ACopyAFewVersionsOldIsSentWhatItLacks) {
    start(4);
    for (unsigned value = 1; value < 5; ++value) {
        write(3, 0, value);
        pass_on(3, 2); // Node 1 is not told.
    }
    lines();
    world->send(2, 1, {});
    deliver_all();
    read(1);
    EXPECT_EQ(lines(), 1U);
}

TEST_F(ChangedLines, AWriterIsSentWhatOthersWrote) {
    start(3);
    write(1, 0, 5);
    write(2, 1, 6);
    pass(2, 1); // Beside what node 1 has written itself.
    EXPECT_EQ(lines(), 1U);
    world->read(1, 0, 0);
    world->read(1, 0, 1);
    pass(1, 2);
    world->read(2, 0, 0);
}

TEST_F(ChangedLines, AHomeThatWritesUnseenSendsThePage) {
    start(2);
    write(0, 0, 5);
    pass_on(0, 1); // The twin has gone, and the home writes on.
    EXPECT_EQ(lines(), 0U);
}

TEST_F(ChangedLines, AHomeThatComparesSendsLinesUnasked) {
    options.limits.push_streak = 1;
    start(2);
    for (unsigned value = 1; value < 8; ++value) {
        write(0, 2, value);
        pass_on(0, 1);
    }
    EXPECT_GE(lines(), 5U);
}

TEST_F(ChangedLines, ANewHomeSendsThePage) {
    options.limits.move_streak = 1;
    start(3);
    write(2, 1, 7);
    pass_on(2, 1);
    EXPECT_TRUE(is(2, ReleaseFlag::Home));
    EXPECT_EQ(lines(), 0U);
}

} // namespace
} // namespace dsm::release_test
