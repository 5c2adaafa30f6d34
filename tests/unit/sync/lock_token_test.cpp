// The rules of the lock token, one by one, with messages delivered by hand.
#include "tests/unit/sync/lock_nodes.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

TEST_F(LockNodes, TheHomeHasTheTokenToBeginWith) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(unlock(0), Outcome::Released);
    EXPECT_TRUE(sent.empty());
}

TEST_F(LockNodes, ZeroedMemoryFailsOnTheFastPathAndIsLeftAlone) {
    EXPECT_FALSE(lock_fast(states[0], owner(0, 0)));
    EXPECT_FALSE(unlock_fast(states[0], owner(0, 0)));
    EXPECT_EQ(states[0].word, 0U);
    EXPECT_EQ(unlock(0), Outcome::NotOwner);
}

TEST_F(LockNodes, FastPathTakesAndGivesBackWhatIsHereAndUnwanted) {
    move_token_to(0);
    EXPECT_TRUE(lock_fast(states[0], owner(0, 0)));
    EXPECT_FALSE(lock_fast(states[0], owner(0, 1)));
    EXPECT_FALSE(unlock_fast(states[0], owner(0, 1)));
    EXPECT_TRUE(unlock_fast(states[0], owner(0, 0)));
    EXPECT_FALSE(lock_in_use(states[0]));
}

TEST_F(LockNodes, RelockIsDeadlockAndUnlockByAnotherIsRefused) {
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    EXPECT_EQ(lock(0, 0), Outcome::Deadlock);
    EXPECT_EQ(unlock(0, 1), Outcome::NotOwner);
    EXPECT_EQ(unlock(1, 0), Outcome::NotOwner);
    EXPECT_TRUE(lock_in_use(states[0]));
}

TEST_F(LockNodes, ARequestMovesAFreeTokenWithTwoMessagesAndItStays) {
    move_token_to(0);
    EXPECT_EQ(lock(1), Outcome::Wait);
    EXPECT_EQ(deliver().message.kind, Kind::Request);
    EXPECT_EQ(deliver().message.kind, Kind::Token);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(woken, std::vector<unsigned>{0});
    EXPECT_EQ(retry(1), Outcome::Acquired);
    EXPECT_EQ(unlock(1), Outcome::Released);
    EXPECT_TRUE(lock_fast(states[1], owner(1, 3)));
}

TEST_F(LockNodes, AHandOverToAWaitingNodeIsOneMessage) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    lock(1);
    deliver();
    EXPECT_TRUE(sent.empty());
    EXPECT_FALSE(unlock_fast(states[0], owner(0, 0)));
    unlock(0);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent.front().message.kind, Kind::Token);
}

TEST_F(LockNodes, OneRequestPerNodeHoweverManyThreadsWait) {
    lock(1, 0);
    lock(1, 1);
    lock(1, 2);
    EXPECT_EQ(sent.size(), 1U);
}

TEST_F(LockNodes, RequestsTurnHintsAndLaterOnesFollow) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    lock(1);
    deliver(); // next of node 0 is node 1
    lock(2);
    deliver(); // at node 0, which sends it on to node 1
    EXPECT_EQ(states[0].hint.value, 2);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent.front().to, 1U);
    EXPECT_EQ(sent.front().message.sends, 1);
    deliver();
    EXPECT_EQ(states[1].next.value, 2);
    EXPECT_EQ(states[0].next.value, 1);
}

TEST_F(LockNodes, WaitersOfANodeAreServedBeforeAnotherNodeOnlySoOften) {
    hand_overs_max = 1;
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    lock(0, 1);
    lock(0, 2);
    lock(1);
    deliver();
    unlock(0, 0);
    EXPECT_EQ(retry(0, 1), Outcome::Acquired); // the one that is allowed
    EXPECT_TRUE(sent.empty());
    unlock(0, 1); // thread 2 still waits: the token goes, and the node asks again at once
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].message.kind, Kind::Token);
    EXPECT_EQ(sent[1].message.kind, Kind::Request);
    deliver_all();
    EXPECT_EQ(retry(1), Outcome::Acquired);
    unlock(1);
    deliver_all();
    EXPECT_EQ(retry(0, 2), Outcome::Acquired);
}

TEST_F(LockNodes, NewcomersPassTheFirstWaiterOnlySoOften) {
    barges_max = 2;
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    EXPECT_EQ(lock(0, 1), Outcome::Wait);
    unlock(0, 0);
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    unlock(0, 0);
    EXPECT_EQ(lock(0, 0), Outcome::Acquired);
    unlock(0, 0); // handed to thread 1, though it has not retried
    EXPECT_EQ(lock(0, 0), Outcome::Wait);
    EXPECT_EQ(retry(0, 1), Outcome::Acquired);
}

TEST_F(LockNodes, AReleaseWakesTheFirstWaiterOnce) {
    lock(0, 0);
    lock(0, 1);
    lock(0, 2);
    unlock(0, 0);
    EXPECT_EQ(woken, std::vector<unsigned>{1});
    lock(0, 3);
    unlock(0, 3);
    EXPECT_EQ(woken, std::vector<unsigned>{1}); // it has not retried yet
    lock(0, 3);
    EXPECT_EQ(retry(0, 1), Outcome::Wait); // too late: it sleeps again, so the next release wakes it
    unlock(0, 3);
    EXPECT_EQ(woken, (std::vector<unsigned>{1, 1}));
}

TEST_F(LockNodes, ATryBorrowsAFreeTokenAndReturnsIt) {
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    EXPECT_EQ(deliver().message.kind, Kind::TryRequest);
    EXPECT_EQ(states[0].phase, TokenPhase::Lent);
    EXPECT_EQ(deliver().message.kind, Kind::TryGrant);
    EXPECT_EQ(try_retry(1), Outcome::Acquired);
    EXPECT_EQ(lock(1), Outcome::Deadlock);
    EXPECT_EQ(try_lock(1, 1), Outcome::Busy);
    EXPECT_EQ(lock(0), Outcome::Wait); // lent is held
    EXPECT_EQ(unlock(1), Outcome::Wait);
    EXPECT_EQ(deliver().message.kind, Kind::Return);
    EXPECT_EQ(retry(0), Outcome::Acquired);
    EXPECT_EQ(unlock_retry(1), Outcome::Wait);
    EXPECT_EQ(deliver().message.kind, Kind::ReturnAck);
    EXPECT_EQ(unlock_retry(1), Outcome::Released);
    EXPECT_EQ(states[0].hint.value, 0); // nothing has moved
    EXPECT_TRUE(sent.empty());
}

TEST_F(LockNodes, ATryAfterTheUnlockOfALoanIsNotRefused) {
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(try_retry(1), Outcome::Acquired);
    EXPECT_EQ(unlock(1), Outcome::Wait);
    EXPECT_EQ(try_lock(2), Outcome::Wait); // while the Return is under way the lock is still in use
    EXPECT_EQ(sent.back().message.kind, Kind::TryRequest);
    std::swap(sent.front(), sent.back());
    deliver_all();
    EXPECT_EQ(try_retry(2), Outcome::Busy);
    EXPECT_EQ(unlock_retry(1), Outcome::Released);
    EXPECT_EQ(try_lock(2), Outcome::Wait); // after it nobody is refused, wherever
    deliver_all();
    EXPECT_EQ(try_retry(2), Outcome::Acquired);
}

TEST_F(LockNodes, AcknowledgementsInAnyOrderEndTheUnlocksThatAreSafeToEnd) {
    EXPECT_EQ(try_lock(1, 0), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(unlock(1, 0), Outcome::Wait);
    deliver(); // the Return; its acknowledgement stays under way
    const Sent late = sent.front();
    sent.pop_front();
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(unlock(1, 1), Outcome::Wait);
    deliver_all(); // the second acknowledgement ends the first unlock, whose Return came before
    EXPECT_EQ(unlock_retry(1, 0), Outcome::Released);
    EXPECT_EQ(unlock_retry(1, 1), Outcome::Wait);
    sent.push_back(late);
    deliver_all();
    EXPECT_EQ(unlock_retry(1, 1), Outcome::Released);
}

TEST_F(LockNodes, WhoOnlyWaitsForAnAcknowledgementDoesNotUseTheLock) {
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    EXPECT_TRUE(lock_in_use(states[1]));
    deliver_all();
    EXPECT_TRUE(lock_in_use(states[0]));
    EXPECT_EQ(unlock(1), Outcome::Wait);
    EXPECT_FALSE(lock_in_use(states[1]));
    deliver();
    EXPECT_FALSE(lock_in_use(states[0]));
}

TEST_F(LockNodes, TriesOfANodeAskTogetherWhenTheOneUnderWayIsRefused) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(try_lock(1, 0), Outcome::Wait);
    deliver(); // refused at node 0, because the lock is held now
    EXPECT_EQ(unlock(0), Outcome::Released);
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait); // begin when it is free
    EXPECT_EQ(try_lock(1, 2), Outcome::Wait);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(deliver().message.kind, Kind::TryBusy);
    EXPECT_EQ(try_retry(1, 0), Outcome::Busy);
    EXPECT_EQ(try_retry(1, 1), Outcome::Wait);
    ASSERT_EQ(sent.size(), 1U); // one question for both
    deliver_all();
    EXPECT_EQ(try_retry(1, 1), Outcome::Acquired);
    EXPECT_EQ(try_retry(1, 2), Outcome::Busy); // held now
}

TEST_F(LockNodes, TriesThatWereAskedForTogetherAreRefusedTogether) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(try_lock(1, 0), Outcome::Wait);
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait);
    EXPECT_EQ(try_lock(1, 2), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(try_retry(1, 0), Outcome::Busy);
    EXPECT_EQ(try_retry(1, 1), Outcome::Busy);
    EXPECT_EQ(try_retry(1, 2), Outcome::Busy);
    EXPECT_FALSE(lock_in_use(states[1]));
}

TEST_F(LockNodes, WhatIsLentToATryRefusesTheOthersOfItsNode) {
    EXPECT_EQ(try_lock(1, 0), Outcome::Wait);
    EXPECT_EQ(try_lock(1, 1), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(woken, (std::vector<unsigned>{0, 1}));
    EXPECT_EQ(try_retry(1, 1), Outcome::Busy);
    EXPECT_EQ(try_retry(1, 0), Outcome::Acquired);
    EXPECT_EQ(try_lock(1, 1), Outcome::Busy);
}

TEST_F(LockNodes, ATryOfAHeldOrAwaitedLockIsBusyAndNeverQueues) {
    EXPECT_EQ(lock(0), Outcome::Acquired);
    EXPECT_EQ(try_lock(0, 1), Outcome::Busy);
    EXPECT_EQ(try_lock(1), Outcome::Wait);
    deliver();
    EXPECT_EQ(deliver().message.kind, Kind::TryBusy);
    EXPECT_EQ(try_retry(1), Outcome::Busy);
    EXPECT_EQ(states[0].next, no_node);
    EXPECT_EQ(states[1].phase, TokenPhase::Absent);
    lock(2);
    EXPECT_EQ(try_lock(2, 1), Outcome::Busy); // its own node waits: no message
    EXPECT_EQ(sent.size(), 1U);
}

TEST_F(LockNodes, ATryFollowsHintsWithoutTurningThem) {
    move_token_to(1);
    move_token_to(2); // node 1's hint and node 0's lead to node 2
    states[3].hint = NodeId{0};
    EXPECT_EQ(try_lock(3), Outcome::Wait);
    deliver();
    EXPECT_EQ(states[0].hint.value, 2);
    deliver_all();
    EXPECT_EQ(try_retry(3), Outcome::Acquired);
    EXPECT_EQ(states[2].phase, TokenPhase::Lent);
}

TEST_F(LockNodes, ARequestThatFindsTheTokenLentWaitsForItsReturn) {
    try_lock(1);
    deliver_all();
    EXPECT_EQ(try_retry(1), Outcome::Acquired);
    EXPECT_EQ(lock(1, 1), Outcome::Wait); // also one of the borrower's own node
    deliver_all();
    EXPECT_EQ(states[0].next.value, 1);
    EXPECT_EQ(unlock(1, 0), Outcome::Wait);
    deliver_all();
    EXPECT_EQ(retry(1, 1), Outcome::Acquired);
    EXPECT_EQ(unlock_retry(1, 0), Outcome::Released);
    EXPECT_EQ(states[1].phase, TokenPhase::Here);
}

TEST_F(LockNodes, ATryThatShallAskAgainTakesATokenThatHasComeMeanwhile) {
    EXPECT_EQ(try_lock(1, 0), Outcome::Wait);
    EXPECT_EQ(lock(1, 1), Outcome::Wait);
    const Sent late = sent.front();
    sent.pop_front();
    deliver_all(); // the request overtakes the try
    EXPECT_EQ(retry(1, 1), Outcome::Acquired);
    unlock(1, 1);
    sent.push_back(late);
    deliver(); // at node 0, whose hint is the origin
    EXPECT_EQ(deliver().message.kind, Kind::TryLater);
    EXPECT_EQ(try_retry(1, 0), Outcome::Acquired);
}

using LockNodesDeath = LockNodes;

TEST_F(LockNodesDeath, ImpossibleMessagesNameTheirInvariant) {
    const auto receive = [this](Kind kind, unsigned origin) {
        const LockMessage message{kind, NodeId{1}, NodeId{static_cast<std::uint16_t>(origin)}, 0, LockId{64}};
        step(states[0], context(0), *this, {LockEventKind::Message, {}, {}, &message});
    };
    EXPECT_EXIT(receive(Kind::Token, 0), testing::ExitedWithCode(70), "L1");
    EXPECT_EXIT(receive(Kind::Request, 0), testing::ExitedWithCode(70), "L3");
    EXPECT_EXIT(receive(Kind::Return, 1), testing::ExitedWithCode(70), "L9");
    EXPECT_EXIT(receive(Kind::TryGrant, 0), testing::ExitedWithCode(70), "L9");
    EXPECT_EXIT(receive(Kind::TryBusy, 0), testing::ExitedWithCode(70), "L9");
    EXPECT_EXIT(receive(Kind::TryLater, 0), testing::ExitedWithCode(70), "L9");
    EXPECT_EXIT(receive(Kind::Kept, 0), testing::ExitedWithCode(70), "L14");
    EXPECT_EXIT(receive(Kind::ReturnAck, 0), testing::ExitedWithCode(70), "L9");
}

} // namespace
