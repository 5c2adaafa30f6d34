// Locks that are taken more than once by their holder, and waits that end before the lock comes.
#include "tests/unit/sync/lock_nodes.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

TEST_F(LockNodes, WhoTimesOutStillAcceptsTheTokenAndKeepsIt) {
    timed_lock(1);
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::TimedOut);
    EXPECT_FALSE(lock_in_use(states[1]));
    deliver_all();
    EXPECT_EQ(states[1].phase, TokenPhase::Here);
    EXPECT_TRUE(lock_fast(states[1], owner(1, 0)));
}

TEST_F(LockNodes, WhoTimesOutStillAcceptsTheTokenAndPassesItOn) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver();
    lock(2);
    deliver_all(); // next: 0 -> 1 -> 2
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::TimedOut);
    unlock(0);
    deliver_all();
    EXPECT_EQ(retry(2), Outcome::Acquired);
    EXPECT_EQ(states[1].phase, TokenPhase::Absent);
}

TEST_F(LockNodes, WhoWasHandedTheLockWhileTimingOutHasIt) {
    timed_lock(1);
    deliver_all();
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::Acquired);
}

TEST_F(LockNodes, ALockFreedToASleeperThatTimesOutGoesToTheNext) {
    lock(0, 0);
    timed_lock(0, 1);
    lock(0, 2);
    unlock(0, 0);
    EXPECT_EQ(run(0, LockEventKind::Abandon, 1), Outcome::TimedOut);
    EXPECT_EQ(woken, (std::vector<unsigned>{1, 2}));
}

TEST_F(LockNodes, EveryoneWhoWaitedGivesUpAndTheTokenStillServesTheNextNode) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1, 0);
    timed_lock(1, 1);
    deliver_all();
    lock(2);
    deliver_all();
    EXPECT_EQ(run(1, LockEventKind::Abandon, 0), Outcome::TimedOut);
    EXPECT_EQ(run(1, LockEventKind::Abandon, 1), Outcome::TimedOut);
    unlock(0);
    deliver_all();
    EXPECT_EQ(retry(2), Outcome::Acquired);
}

TEST_F(LockNodes, WhoGaveUpMayWaitAgainBehindTheSameRequest) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver_all();
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::TimedOut);
    EXPECT_EQ(lock(1), Outcome::Wait);
    EXPECT_TRUE(sent.empty()); // one request is enough
    unlock(0);
    deliver_all();
    EXPECT_EQ(retry(1), Outcome::Acquired);
}

// A try after everybody has given up: it is refused only by who holds the lock or waits for it (L11, L13).

TEST_F(LockNodes, WhoMayGiveUpIsToldWhoKeepsItsRequest) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(deliver().message.kind, Kind::Kept);
    EXPECT_EQ(states[1].ahead, NodeId{0});
    lock(2); // without a limit, and first at its node: somebody waits until the token comes
    deliver_all();
    EXPECT_EQ(states[2].ahead, no_node);
}

TEST_F(LockNodes, ATimedLockOfAFreeTokenCostsTwoMessages) {
    timed_lock(1);
    EXPECT_EQ(deliver().message.kind, Kind::Request);
    EXPECT_EQ(deliver().message.kind, Kind::Token);
    EXPECT_TRUE(sent.empty());
}

TEST_F(LockNodes, BehindAnAbandonedRequestATryAsksWhoKeepsIt) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver_all();
    run(1, LockEventKind::Abandon);
    EXPECT_EQ(try_lock(2), Outcome::Wait);
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(try_retry(2), Outcome::Busy); // node 0 holds it
    EXPECT_EQ(try_retry(1, 1), Outcome::Busy);
}

TEST_F(LockNodes, AnAbandonedTokenOnItsWayRefusesNoTry) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver_all();
    run(1, LockEventKind::Abandon);
    unlock(0);
    const Sent token = sent.front();
    sent.clear();
    EXPECT_EQ(try_lock(0), Outcome::Wait); // nobody holds the lock or waits for it
    EXPECT_EQ(deliver().message.kind, Kind::TryRequest);
    EXPECT_EQ(deliver().message.kind, Kind::TryLater);
    EXPECT_EQ(try_retry(0), Outcome::Wait);
    sent.push_front(token);
    deliver_all();
    EXPECT_EQ(try_retry(0), Outcome::Acquired);
}

TEST_F(LockNodes, ATryThatCanAskNobodyHasTheTokenWhenItComes) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    run(1, LockEventKind::Abandon);
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait);
    EXPECT_EQ(sent.size(), 1U); // the Request alone
    unlock(0);
    deliver_all();
    EXPECT_EQ(try_retry(1), Outcome::Acquired);
    EXPECT_EQ(try_retry(1, 1), Outcome::Busy);
}

TEST_F(LockNodes, AKeptThatComesAfterItsTokenIsAwaitedAndIgnored) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    timed_lock(1);
    deliver();
    const Sent kept = sent.front();
    sent.clear();
    unlock(0);
    deliver_all();
    EXPECT_EQ(retry(1), Outcome::Acquired);
    unlock(1);
    EXPECT_FALSE(lock_is_settled(states[1]));
    move_token_to(2);
    timed_lock(1); // another Request
    sent.push_front(kept);
    deliver();
    EXPECT_EQ(states[1].ahead, no_node);
    deliver_all();
    EXPECT_EQ(retry(1), Outcome::Acquired);
    unlock(1);
    EXPECT_TRUE(lock_is_settled(states[1]));
}

TEST_F(LockNodes, ARelockedLockIsReleasedByAsManyUnlocks) {
    move_token_to(0);
    ASSERT_TRUE(lock_fast(states[0], owner(0, 0)));
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
    EXPECT_FALSE(unlock_fast(states[0], owner(0, 0))); // the flag turns it away
    EXPECT_EQ(unlock(0), Outcome::StillHeld);
    EXPECT_EQ(unlock(0), Outcome::StillHeld);
    EXPECT_TRUE(holds_lock(states[0], owner(0, 0)));
    EXPECT_TRUE(unlock_fast(states[0], owner(0, 0)));
    EXPECT_FALSE(lock_in_use(states[0]));
}

TEST_F(LockNodes, RelocksAreCountedUpToALimit) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::TooDeep);
    EXPECT_EQ(unlock(0), Outcome::StillHeld);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
}

TEST_F(LockNodes, ARelockedLockStaysWhileOthersWait) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(run(0, LockEventKind::Relock), Outcome::Acquired);
    lock(0, 1);
    lock(1);
    deliver_all();
    EXPECT_EQ(unlock(0), Outcome::StillHeld);
    EXPECT_EQ(retry(0, 1), Outcome::Wait);
    EXPECT_EQ(try_lock(2), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(try_retry(2), Outcome::Busy);
    EXPECT_EQ(unlock(0), Outcome::Released);
    EXPECT_EQ(retry(0, 1), Outcome::Acquired);
    EXPECT_EQ(states[0].relocks, 0U);
}

TEST_F(LockNodes, ABorrowedLockIsRelockedAndReturnedAtTheLastUnlock) {
    move_token_to(0);
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(try_retry(1), Outcome::Acquired);
    EXPECT_EQ(run(1, LockEventKind::Relock), Outcome::Acquired);
    EXPECT_EQ(unlock(1), Outcome::StillHeld);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(unlock(1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(unlock_retry(1), Outcome::Released);
    EXPECT_TRUE(lock_fast(states[0], owner(0, 0)));
}

TEST_F(LockNodes, OnlyTheHolderHoldsIt) {
    EXPECT_FALSE(holds_lock(states[0], owner(0, 0)));
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    EXPECT_TRUE(holds_lock(states[0], owner(0, 0)));
    EXPECT_FALSE(holds_lock(states[0], owner(0, 1)));
    EXPECT_FALSE(holds_lock(states[1], owner(1, 0)));
}

class LockKindsDeath : public LockNodes {};

TEST_F(LockKindsDeath, WhoWaitsWithoutALimitNeverGivesUp) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    lock(1);
    EXPECT_DEATH(run(1, LockEventKind::Abandon), "L13");
}

TEST_F(LockKindsDeath, AKeptComesToWhoAwaitsIt) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    const LockMessage kept{Kind::Kept, NodeId{0}, NodeId{1}, 0, LockId{64}, false, 1};
    EXPECT_DEATH(step(states[1], context(1), *this, {LockEventKind::Message, {}, {}, &kept}), "L14");
}

TEST_F(LockKindsDeath, OnlyTheHolderRelocks) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(run(0, LockEventKind::Relock), "L12");
}

} // namespace
