// The release protocol, scene by scene: who sends what, how many messages each kind of use costs, and the interleavings
// that were wrong once.
#include "tests/simulation/release/release_world.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace dsm::release_test {
namespace {

using protocol::ReleaseMutation;

/// Pages of home 0, whose messages arrive in the order they were sent unless the test says otherwise.
class ReleaseScenario : public testing::Test {
protected:
    void start(unsigned nodes, unsigned pages = 1) {
        options.nodes = nodes;
        options.pages = pages;
        options.homes.assign(pages, 0);
        world = std::make_unique<ReleaseWorld>(options, pool);
        world->on_send = [this](Packet &packet) { packet.not_before = ++sent; };
    }
    /// The oldest message for which `is_wanted` says yes.
    template <class IsWanted> bool deliver(IsWanted is_wanted) {
        std::size_t oldest = world->network.size();
        for (std::size_t i = 0; i < world->network.size(); ++i) {
            const Packet &packet = world->network[i];
            if (!is_wanted(packet)) { continue; }
            const bool is_older =
                oldest == world->network.size() || packet.not_before < world->network[oldest].not_before;
            if (is_older) { oldest = i; }
        }
        if (oldest == world->network.size()) { return false; }
        world->deliver(oldest);
        return true;
    }
    bool deliver_to(unsigned node) {
        return deliver([node](const Packet &packet) { return packet.to == node; });
    }
    void take_in(unsigned node) {
        while (!world->nodes[node].intakes.empty() && world->may_take_in(node, world->nodes[node].intakes[0])) {
            world->take_in(node, 0);
        }
    }
    void close(unsigned node) {
        while (world->is_making_diffs(node)) { world->close_next(node); }
    }
    void deliver_all() {
        for (bool goes_on = true; goes_on;) {
            goes_on = deliver([](const Packet &) { return true; });
            for (unsigned node = 0; node < options.nodes; ++node) {
                close(node);
                take_in(node);
            }
        }
    }
    void want(unsigned node, Access wanted, std::uint64_t lock = 0, unsigned page = 0) {
        world->fault(node, page, {.access = wanted, .lock = lock});
    }
    void get(unsigned node, Access wanted, std::uint64_t lock = 0, unsigned page = 0) {
        for (unsigned tries = 0; world->access(node, page) < wanted; ++tries) {
            ASSERT_LT(tries, 3U);
            want(node, wanted, lock, page);
            deliver_all();
        }
    }
    void read(unsigned node, unsigned byte = 0) {
        get(node, Access::Read);
        world->read(node, 0, byte);
    }
    void write(unsigned node, unsigned byte, unsigned value, std::uint64_t lock = 0) {
        get(node, Access::Write, lock);
        world->write(node, 0, byte, static_cast<std::uint8_t>(value));
    }
    void release(unsigned node) {
        const auto ticket = world->release(node);
        close(node);
        deliver_all();
        EXPECT_TRUE(world->is_due(node, ticket));
    }
    /// A synchronisation, with everything that belongs to it.
    void pass(unsigned from, unsigned to, std::uint64_t lock = 0) {
        release(from);
        world->send(from, to, {}, lock);
        deliver_all();
        EXPECT_EQ(world->nodes[to].updates, 0U);
    }
    /// Messages about pages since the last call.
    std::uint64_t cost() {
        const auto &by_kind = world->counts.messages;
        const std::uint64_t now = std::accumulate(by_kind.begin(), by_kind.end(), std::uint64_t{0});
        return now - std::exchange(counted, now);
    }
    bool is(unsigned node, ReleaseFlag flag) { return has(world->at(node, 0).state, flag); }
    /// Node 1 becomes the home of a page that is bound to lock 1, which it writes.
    void bind_to_node_1() {
        for (const unsigned value : {1, 2}) {
            write(1, 0, value, 1);
            release(1);
        }
        ASSERT_TRUE(is(1, ReleaseFlag::Home));
        ASSERT_TRUE(is(1, ReleaseFlag::Bound));
    }
    void TearDown() override {
        if (world && !fails) { EXPECT_EQ(world->failure(), ""); }
    }

    alignas(64) std::array<std::byte, protocol::SetPool::bytes_for(4)> memory{};
    protocol::SetPool pool{memory.data(), memory.size()};
    WorldOptions options;
    std::unique_ptr<ReleaseWorld> world;
    std::uint64_t sent = 0;
    std::uint64_t counted = 0;
    bool fails = false; ///< a planted bug is to be seen
};

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
