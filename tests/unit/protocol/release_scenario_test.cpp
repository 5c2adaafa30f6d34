// The release protocol, scene by scene: who sends what, how many messages each kind of use costs, and the interleavings
// that were wrong once.
#include "tests/unit/protocol/release_scenario.hpp"

namespace dsm::release_test {
namespace {

using protocol::ReleaseMutation;

TEST_F(ReleaseScenario, TheHomeUsesItsPageWithoutAMessageOrANotice) {
    start(2);
    read(0);
    write(0, 0, 7);
    release(0);
    EXPECT_EQ(cost(), 0U);
    EXPECT_TRUE(world->log[0].empty()) << "nobody has a copy";
}

TEST_F(ReleaseScenario, AReadMissCostsTwo) {
    start(2);
    read(1);
    EXPECT_EQ(cost(), 2U);
    EXPECT_EQ(world->access(1, 0), Access::Read);
}

TEST_F(ReleaseScenario, AWriteCostsTwoAtTheReleaseAndOneNotice) {
    start(2);
    read(1);
    cost();
    write(1, 0, 7);
    EXPECT_EQ(cost(), 0U);
    release(1);
    EXPECT_EQ(cost(), 2U);
    ASSERT_EQ(world->log[1].size(), 1U);
    EXPECT_EQ(world->log[1][0], 1U);
    read(0);
    EXPECT_EQ(cost(), 0U);
}

TEST_F(ReleaseScenario, WhatIsWrittenWithoutChangeIsNotSent) {
    start(2);
    write(1, 0, 7);
    release(1);
    cost();
    write(1, 0, 7);
    release(1);
    EXPECT_EQ(cost(), 0U);
}

TEST_F(ReleaseScenario, TheHomesWriteCostsAReaderTwoAfterItsAcquire) {
    start(2);
    write(0, 0, 7);
    read(1);
    cost();
    write(0, 0, 8);
    pass(0, 1);
    EXPECT_EQ(cost(), 0U);
    EXPECT_EQ(world->access(1, 0), Access::None);
    read(1);
    EXPECT_EQ(cost(), 2U);
}

TEST_F(ReleaseScenario, TheHomeWritesFreelyAfterItsNoticeUntilSomebodyFetches) {
    start(2);
    read(1);
    write(0, 0, 8);
    release(0);
    ASSERT_EQ(world->log[0].size(), 1U);
    EXPECT_EQ(world->access(0, 0), Access::Write);
    write(0, 0, 9);
    release(0);
    EXPECT_EQ(world->log[0].size(), 1U) << "nothing was listed";
    pass(0, 1);
    read(1);
    EXPECT_EQ(world->access(0, 0), Access::Read);
}

TEST_F(ReleaseScenario, NeighboursWriteOnePageAtTheSameTime) {
    options.limits.move_streak = 0;
    start(3);
    write(1, 0, 7);
    write(2, 1, 8);
    pass(1, 2);
    pass(2, 1);
    read(1, 1);
    read(2, 0);
    read(0, 0);
    read(0, 1);
}

TEST_F(ReleaseScenario, AnEvictedCopyCostsAFetch) {
    start(2);
    read(1);
    EXPECT_TRUE(world->evict(1, 0));
    EXPECT_EQ(world->access(1, 0), Access::None);
    cost();
    read(1);
    EXPECT_EQ(cost(), 2U);
    write(1, 0, 7);
    EXPECT_FALSE(world->evict(1, 0)) << "it is written here";
}

TEST_F(ReleaseScenario, TheFirstThatTouchesAPageGetsItsHome) {
    options.first_touch = true;
    start(3);
    read(1);
    EXPECT_EQ(cost(), 2U);
    EXPECT_TRUE(is(1, ReleaseFlag::Home));
    write(1, 0, 7);
    EXPECT_EQ(cost(), 0U);
    read(2);
    EXPECT_EQ(cost(), 3U) << "passed on once";
}

TEST_F(ReleaseScenario, TheHomeMovesToTheOnlyWriter) {
    start(2);
    write(1, 0, 7);
    release(1);
    cost();
    write(1, 0, 8);
    release(1);
    EXPECT_EQ(cost(), 2U) << "the Home is the acknowledgement";
    EXPECT_TRUE(is(1, ReleaseFlag::Home));
    EXPECT_FALSE(is(0, ReleaseFlag::Home));
    world->check_quiet(true);
}

TEST_F(ReleaseScenario, TheHomeOfAPageThatItMayWriteTooMovesLater) {
    options.limits.shared_streak = 2;
    start(2);
    write(0, 0, 1); // Unseen: nobody has a copy.
    for (const unsigned value : {7, 8, 9, 10}) {
        EXPECT_TRUE(is(0, ReleaseFlag::Home)) << value;
        write(1, 1, value);
        release(1);
    }
    EXPECT_TRUE(is(1, ReleaseFlag::Home));
}

TEST_F(ReleaseScenario, AHomeThatIsNotMappedLeavesNoCopyBehind) { // dsm_simulate_release seed 10
    start(2);
    for (const unsigned value : {7, 8}) {
        write(1, 0, value);
        release(1);
    }
    EXPECT_FALSE(is(0, ReleaseFlag::Valid));
    pass(1, 0);
    read(0);
}

TEST_F(ReleaseScenario, AWarmHandOverOfABoundPageCostsOneMessage) {
    options.limits.move_streak = 0;
    options.limits.bind_streak = 1;
    start(3);
    bind_to_node_1();
    pass(1, 2, 1);
    for (std::uint8_t value = 10; value < 14; ++value) {
        const unsigned node = value % 2 == 0 ? 2 : 1;
        cost();
        write(node, 0, value, 1);
        pass(node, 3 - node, 1);
        EXPECT_EQ(cost(), 1U);
    }
}

TEST_F(ReleaseScenario, AFrequentReadersCopyIsFetchedAnewAtTheAcquire) {
    options.limits.refresh_misses = 1;
    start(2);
    write(0, 0, 7);
    for (const unsigned value : {8, 9, 10}) {
        read(1);
        write(0, 0, value);
        pass(0, 1);
    }
    EXPECT_EQ(world->access(1, 0), Access::Read);
    world->read(1, 0, 0);
    EXPECT_GE(world->counts.updates, 1U);
}

TEST_F(ReleaseScenario, AFlushKillsTheFetchUnderWay) {
    options.limits = {.hot_faults = 1, .refresh_misses = 0, .trial_every = 9, .move_streak = 0};
    start(2);
    write(0, 1, 3);
    write(1, 0, 7);
    write(0, 1, 4);
    release(0);
    world->send(0, 1, {});
    deliver_to(1);
    take_in(1); // The copy is fetched anew ...
    EXPECT_TRUE(is(1, ReleaseFlag::Fetching));
    deliver_to(0);
    world->release(1); // ... and the Data, which lacks what was written here, is under way.
    close(1);
    EXPECT_TRUE(is(1, ReleaseFlag::Killed));
    deliver_all();
    read(1, 0);
    read(1, 1);
}

TEST_F(ReleaseScenario, WhatIsServedAndWrittenBackIsNoticed) { // dsm_simulate_release seed 92
    options.limits.hot_faults = 1;
    start(3);
    write(0, 0, 7);
    read(1);
    write(0, 0, 8); // A twin, since there is a reader.
    ASSERT_TRUE(is(0, ReleaseFlag::Twin));
    get(2, Access::Read);
    write(0, 0, 7);
    pass(0, 2);
    read(2);
    EXPECT_EQ(world->log[0].size(), 1U);
}

TEST_F(ReleaseScenario, AFlushThatComesHomeIsInTheImage) { // dsm_simulate_release seed 8377
    options.limits.move_streak = 0;
    options.limits.bind_streak = 1;
    start(3);
    write(2, 1, 5);
    bind_to_node_1();
    const auto ticket = world->release(2);
    close(2); // The Flush goes to node 0 ...
    world->release(1);
    close(1);
    world->send(1, 2, {}, 1);
    deliver_to(2); // ... while the home comes here, and waits.
    take_in(2);
    deliver_to(2);
    EXPECT_FALSE(is(2, ReleaseFlag::Home));
    deliver_all();
    EXPECT_TRUE(is(2, ReleaseFlag::Home));
    EXPECT_TRUE(world->is_due(2, ticket));
    read(2, 0);
    read(2, 1);
    EXPECT_EQ(world->counts.returned, 1U);
    EXPECT_EQ(world->nodes[2].delivered.size(), 1U);
    world->check_quiet(true);
}

/// Bytes that are put late meet a home that has come with a lock.
class LatePut : public ReleaseScenario {
protected:
    void play() {
        options.limits.move_streak = 0;
        options.limits.bind_streak = 1;
        start(3);
        write(0, 1, 1);
        world->chooses_put = [] { return true; };
        want(2, Access::Read);
        deliver_to(0);
        ASSERT_EQ(world->network.size(), 1U);
        const auto is_late = [](const Packet &packet) { return packet.put != Put::No; };
        const auto is_other = [&](const Packet &packet) { return !is_late(packet); };
        for (const unsigned value : {1, 2}) {
            world->chooses_put = nullptr;
            want(1, Access::Write, 1);
            while (deliver(is_other)) {}
            want(1, Access::Write, 1);
            world->write(1, 0, 0, static_cast<std::uint8_t>(value));
            world->release(1);
            close(1);
            while (deliver(is_other)) {}
        }
        world->release(1);
        close(1);
        world->send(1, 2, {}, 1);
        while (deliver(is_other)) { take_in(2); }
        if (world->access(2, 0) == Access::Write) { world->write(2, 0, 0, 3); }
        deliver_all();
        get(2, Access::Read);
        world->read(2, 0, 0);
    }
};

TEST_F(LatePut, TheHomeWaitsForTheFetch) {
    play();
    EXPECT_TRUE(is(2, ReleaseFlag::Home));
}

TEST_F(LatePut, ElseItIsOverwritten) {
    options.mutation = ReleaseMutation::HomeDuringFetch;
    fails = true;
    play();
    EXPECT_NE(world->failure(), "");
}

/// A home comes with a lock to a node where another thread writes the page.
class EarlyHome : public ReleaseScenario {
protected:
    void play() {
        options.limits.move_streak = 0;
        options.limits.bind_streak = 1;
        start(4);
        read(3, 1);
        bind_to_node_1();
        write(1, 0, 3, 1);
        release(1); // The readers are in no copyset any more.
        world->send(1, 2, {}, 1);
        deliver_to(2);
        deliver_to(2); // The Home, if it need not wait for the notices.
        if (world->access(2, 0) != Access::Write) { take_in(2); }
        deliver([](const Packet &packet) { return !packet.is_sync; });
        ASSERT_EQ(world->access(2, 0), Access::Write);
        world->write(2, 0, 1, 9);
        world->release(2);
        world->send(2, 3, {});
        deliver_to(3);
        take_in(3);
        get(3, Access::Read);
        world->read(3, 0, 1);
        deliver_all();
    }
};

TEST_F(EarlyHome, IsUsedAfterTheNoticesOfItsToken) { play(); }

TEST_F(EarlyHome, ElseWhatIsWrittenThereIsMissed) {
    options.homes_before_notices = true;
    fails = true;
    play();
    EXPECT_NE(world->failure(), "");
}

} // namespace
} // namespace dsm::release_test
