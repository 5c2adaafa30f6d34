// Locks that are taken more than once by their holder, and waits that end before the lock comes.
#include "tests/unit/sync/lock_nodes.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

TEST_F(LockNodes, WhoTimesOutStillAcceptsTheTokenAndKeepsIt) {
    lock(1);
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::TimedOut);
    EXPECT_FALSE(lock_in_use(states[1]));
    deliver_all();
    EXPECT_EQ(states[1].phase, TokenPhase::Here);
    EXPECT_TRUE(lock_fast(states[1], owner(1, 0)));
}

TEST_F(LockNodes, WhoTimesOutStillAcceptsTheTokenAndPassesItOn) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    lock(1);
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
    lock(1);
    deliver_all();
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::Acquired);
}

TEST_F(LockNodes, ALockFreedToASleeperThatTimesOutGoesToTheNext) {
    lock(0, 0);
    lock(0, 1);
    lock(0, 2);
    unlock(0, 0);
    EXPECT_EQ(run(0, LockEventKind::Abandon, 1), Outcome::TimedOut);
    EXPECT_EQ(woken, (std::vector<unsigned>{1, 2}));
}

TEST_F(LockNodes, EveryoneWhoWaitedGivesUpAndTheTokenStillServesTheNextNode) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    lock(1, 0);
    lock(1, 1);
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
    lock(1);
    deliver_all();
    EXPECT_EQ(run(1, LockEventKind::Abandon), Outcome::TimedOut);
    EXPECT_EQ(lock(1), Outcome::Wait);
    EXPECT_TRUE(sent.empty()); // one request is enough
    unlock(0);
    deliver_all();
    EXPECT_EQ(retry(1), Outcome::Acquired);
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

TEST_F(LockKindsDeath, OnlyTheHolderRelocks) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(run(0, LockEventKind::Relock), "L12");
}

} // namespace
