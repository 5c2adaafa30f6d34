// Homes that send what they have written unasked: when they do, what it costs, and when it is not used.
#include "tests/unit/protocol/release_scenario.hpp"

namespace dsm::release_test {
namespace {

using protocol::ReleaseMutation;

/// Node 0 writes in every interval, node 1 reads after it.
class ReleaseUpdates : public ReleaseScenario {
protected:
    void start(unsigned nodes) {
        options.limits.hot_faults = 1;
        options.limits.push_streak = 2;
        options.limits.move_streak = 0;
        options.limits.bind_streak = 0;
        ReleaseScenario::start(nodes, options.pages);
    }
    void round() {
        write(0, 0, ++value);
        pass(0, 1);
        read(1);
    }
    /// Until the page is sent unasked.
    void settle() {
        for (int i = 0; i < 5; ++i) { round(); }
        ASSERT_GT(world->counts.updates_used, 0U);
        fetches_when_settled = world->counts.messages[static_cast<unsigned>(ReleaseMessageKind::Fetch)];
        cost();
    }
    /// Node 0 has sent an Update, which is on its way.
    void send_update() {
        write(0, 0, ++value);
        world->release(0);
        close(0);
        ASSERT_EQ(world->network.size(), 1U);
    }
    /// An Update is late: its notice has come before it, and what was written since has come too.
    Packet late_update() {
        send_update();
        Packet late = world->network.front();
        world->network.clear();
        release(0);
        world->send(0, 1, {});
        deliver_all();
        write(0, 0, ++value);
        pass(0, 1);
        read(1);
        return late;
    }
    unsigned value = 0;
    std::uint64_t fetches_when_settled = 0;
};

TEST_F(ReleaseUpdates, CostOneMessageAndNoFault) {
    start(2);
    settle();
    const std::uint64_t asked = world->counts.updates;
    for (int i = 0; i < 5; ++i) {
        round();
        EXPECT_EQ(cost(), 1U);
        EXPECT_EQ(world->access(1, 0), Access::Read);
    }
    EXPECT_EQ(world->counts.updates, asked) << "nobody waited for a Fetch";
}

/// The home's interval ends first; the other's Flush, with which an Update is of no use, comes before it is published.
TEST_F(ReleaseUpdates, AreOfUseToWhoWritesThePageAtTheSameTime) {
    start(2);
    settle();
    for (int i = 0; i < 4; ++i) {
        write(0, 0, ++value);
        write(1, 1, ++value);
        cost();
        world->counts.updates_dropped = world->counts.updates_used = 0;
        world->release(0);
        world->close_next(0);
        ASSERT_TRUE(world->is_closing(0));
        world->release(1);
        close(1);
        while (deliver([](const Packet &) { return true; })) {}
        close(0);
        deliver_all();
        EXPECT_EQ(cost(), 3U) << "Flush, FlushAck, Update";
        EXPECT_EQ(world->counts.updates_used, 1U);
        EXPECT_EQ(world->counts.updates_dropped, 0U);
        pass(0, 1);
        EXPECT_EQ(cost(), 0U);
        read(1);
        pass(1, 0);
        world->read(0, 0, 1);
    }
}

TEST_F(ReleaseUpdates, AreNotSentOfWhatIsNotWritten) {
    start(2);
    settle();
    pass(0, 1);
    EXPECT_EQ(cost(), 0U);
}

TEST_F(ReleaseUpdates, AreNotSentWhereWritesAreFarApart) {
    options.limits.push_gap_max = 1;
    options.pages = 2;
    start(2);
    for (int i = 0; i < 8; ++i) {
        round();
        get(1, Access::Read, 0, 1); // And an interval that writes the other page.
        get(0, Access::Write, 0, 1);
        world->write(0, 1, 0, static_cast<std::uint8_t>(++value));
        pass(0, 1);
    }
    EXPECT_EQ(world->counts.messages[static_cast<unsigned>(ReleaseMessageKind::Update)], 0U);
}

TEST_F(ReleaseUpdates, NowAndThenANoticeGoesWithoutOne) {
    options.limits.push_trial = 4;
    start(2);
    settle();
    for (int i = 0; i < 8; ++i) { round(); }
    EXPECT_GT(cost(), 8U) << "some rounds have fetched";
    write(0, 0, ++value); // And nobody reads any more.
    for (int i = 0; i < 8; ++i) {
        release(0);
        get(0, Access::Write);
        world->write(0, 0, 0, static_cast<std::uint8_t>(++value));
    }
    cost();
    release(0);
    EXPECT_EQ(cost(), 0U);
}

TEST_F(ReleaseUpdates, ALateOneIsNotUsedOverWhatWasFetchedMeanwhile) {
    start(3);
    settle();
    world->network.push_back(late_update());
    deliver_all();
    read(1);
}

TEST_F(ReleaseUpdates, ALateOneUsedWouldBringBackWhatWas) {
    start(3);
    settle();
    const Packet late = late_update();
    world->plant(ReleaseMutation::UpdateGoesBack);
    fails = true;
    world->network.push_back(late);
    deliver_all();
    read(1);
    EXPECT_NE(world->failure(), "");
}

TEST_F(ReleaseUpdates, OneIsMergedWhereTheReaderWrites) {
    start(2);
    settle();
    write(1, 1, 77);
    const std::uint64_t used = world->counts.updates_used;
    send_update();
    deliver_all();
    EXPECT_EQ(world->counts.updates_used, used + 1);
    read(1, 1);
    pass(0, 1);
    read(1);
    read(1, 1);
}

TEST_F(ReleaseUpdates, OneIsNotUsedWhileTheReadersWritesAreOnTheirWay) {
    start(2);
    settle();
    write(1, 1, 77);
    const std::uint64_t used = world->counts.updates_used;
    send_update();
    world->release(1);
    close(1);
    deliver_to(1); // The Update.
    EXPECT_EQ(world->counts.updates_used, used);
    deliver_all(); // The Flush, and behind its acknowledgement another Update.
    EXPECT_EQ(world->counts.updates_used, used + 1);
    pass(0, 1);
    read(1);
    read(1, 1);
}

TEST_F(ReleaseUpdates, TwoWritersOfAPageNeedNoFetch) {
    start(2);
    settle();
    for (int i = 0; i < 6; ++i) {
        write(0, 0, ++value);
        write(1, 1, ++value);
        release(0);
        release(1);
        world->send(0, 1, {});
        world->send(1, 0, {});
        deliver_all();
        read(1, 0);
        read(0, 1);
    }
    EXPECT_EQ(world->counts.messages[static_cast<unsigned>(ReleaseMessageKind::Fetch)], fetches_when_settled);
}

TEST_F(ReleaseUpdates, ANoticeOfAnotherWriterStillTakesTheCopy) {
    start(3);
    settle();
    write(2, 1, 55);
    pass(2, 1);
    read(1, 1);
    read(1);
}

TEST_F(ReleaseUpdates, WhoCannotBeReachedFetches) {
    start(2);
    settle();
    world->chooses_push = [] { return Put::Due; };
    round();
    EXPECT_EQ(cost(), 2U);
}

TEST_F(ReleaseUpdates, BytesMayBeTakenFromTheHomesTwin) {
    start(2);
    world->chooses_push = [] { return Put::Pull; };
    settle();
    send_update();
    write(0, 0, ++value); // Not released: in the frame, not in the twin.
    const std::uint64_t used = world->counts.updates_used;
    deliver_all();
    EXPECT_EQ(world->counts.updates_used, used + 1);
    EXPECT_EQ(world->at(1, 0).frame[0], value - 1);
    pass(0, 1);
    read(1);
}

} // namespace
} // namespace dsm::release_test
