// The rules of read-write locks at their home, and of calls on home objects (H1 to H5), one by one.
#include "libdsm/sync/rwlock.hpp"
#include "tests/unit/sync/home_fixture.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

class RwlockHome : public HomeFixture<RwlockState, HomeObjectKind::Rwlock> {
protected:
    static constexpr auto waits = std::nullopt;
    std::optional<Result> read(unsigned node, Manner manner = Manner::Block, bool reads = false) {
        return ask(node, Operation::Read, manner, reads);
    }
    std::optional<Result> write(unsigned node, Manner manner = Manner::Block, bool reads = false) {
        return ask(node, Operation::Write, manner, reads);
    }
    std::optional<Result> unlock(unsigned node, bool reads = false) {
        return ask(node, Operation::Unlock, Manner::Block, reads);
    }
};

TEST_F(RwlockHome, ManyReadOrOneWrites) {
    EXPECT_EQ(read(1), Result::Granted);
    EXPECT_EQ(read(2), Result::Granted);
    EXPECT_EQ(write(3), waits);
    EXPECT_EQ(unlock(1, true), Result::Granted);
    EXPECT_EQ(end(3), waits);
    EXPECT_EQ(unlock(2, true), Result::Granted);
    EXPECT_EQ(end(3), Result::Granted);
    EXPECT_EQ(read(1), waits);
    EXPECT_EQ(unlock(3), Result::Granted);
    EXPECT_EQ(end(1), Result::Granted);
}

TEST_F(RwlockHome, AWaitingWriterStopsLaterReadersAndReadersEnterTogether) {
    EXPECT_EQ(read(1), Result::Granted);
    EXPECT_EQ(write(2), waits);
    EXPECT_EQ(read(3), waits);
    EXPECT_EQ(read(4), waits);
    EXPECT_EQ(read(5, Manner::Try), Result::Refused);
    unlock(1, true);
    EXPECT_EQ(end(2), Result::Granted);
    EXPECT_EQ(end(3), waits);
    unlock(2);
    EXPECT_EQ(end(3), Result::Granted);
    EXPECT_EQ(end(4), Result::Granted);
}

TEST_F(RwlockHome, AReaderMayReadAgainInFrontOfAWaitingWriter) {
    read(1);
    EXPECT_EQ(write(2), waits);
    EXPECT_EQ(read(1, Manner::Block, true), Result::Granted);
    EXPECT_EQ(read(3, Manner::Try, false), Result::Refused);
    unlock(1, true);
    EXPECT_EQ(end(2), waits);
    unlock(1, true);
    EXPECT_EQ(end(2), Result::Granted);
}

TEST_F(RwlockHome, WhoWouldWaitForItselfIsToldSo) {
    write(1);
    EXPECT_EQ(write(1), Result::Deadlock);
    EXPECT_EQ(read(1), Result::Deadlock);
    EXPECT_EQ(write(1, Manner::Timed), Result::Deadlock);
    EXPECT_EQ(read(1, Manner::Try), Result::Refused);
    EXPECT_EQ(write(1, Manner::Try), Result::Refused);
    unlock(1);
    read(1);
    EXPECT_EQ(write(1, Manner::Block, true), Result::Deadlock);
    EXPECT_EQ(write(1, Manner::Try, true), Result::Refused);
    EXPECT_EQ(write(1, Manner::Timed, true), waits); // its time limit ends that
    EXPECT_EQ(phase(1), Phase::Queued);
}

TEST_F(RwlockHome, UnlockIsForHolders) {
    EXPECT_EQ(unlock(1), Result::NotOwner);
    EXPECT_EQ(unlock(1, true), Result::NotOwner); // what it read was freed meanwhile
    write(1);
    EXPECT_EQ(unlock(2), Result::NotOwner);
    EXPECT_EQ(unlock(2, true), Result::NotOwner);
    unlock(1);
    read(2);
    EXPECT_EQ(unlock(1), Result::NotOwner);
    EXPECT_EQ(unlock(2, true), Result::Granted);
    EXPECT_FALSE(rwlock_in_use(state));
}

TEST_F(RwlockHome, TriesAndQueriesSeeTheState) {
    EXPECT_EQ(ask(1, Operation::Query), Result::Granted);
    EXPECT_EQ(write(1, Manner::Try), Result::Granted);
    EXPECT_EQ(read(2, Manner::Try), Result::Refused);
    EXPECT_EQ(ask(2, Operation::Query), Result::Refused);
    unlock(1);
    EXPECT_EQ(read(1, Manner::Try), Result::Granted);
    EXPECT_EQ(read(2, Manner::Try), Result::Granted);
    EXPECT_EQ(write(3, Manner::Try), Result::Refused);
}

TEST_F(RwlockHome, AWriterThatGivesUpLetsTheReadersBehindItIn) {
    read(1);
    EXPECT_EQ(write(2, Manner::Timed), waits);
    const HomeMessage writer = last;
    EXPECT_EQ(read(3), waits);
    cancel(writer);
    EXPECT_EQ(end(2), Result::TimedOut);
    EXPECT_EQ(end(3), Result::Granted);
}

TEST_F(RwlockHome, ACancelFromTheMiddleAndTheEndMendsTheQueue) {
    write(1);
    EXPECT_EQ(read(2), waits);
    EXPECT_EQ(write(3, Manner::Timed), waits);
    const HomeMessage middle = last;
    EXPECT_EQ(read(4, Manner::Timed), waits);
    const HomeMessage tail = last;
    cancel(tail);
    EXPECT_EQ(end(4), Result::TimedOut);
    cancel(middle);
    EXPECT_EQ(end(3), Result::TimedOut);
    EXPECT_EQ(read(5), waits);
    unlock(1);
    EXPECT_EQ(end(2), Result::Granted);
    EXPECT_EQ(end(5), Result::Granted);
}

// ---- Calls, under any order of messages

TEST_F(RwlockHome, AGrantThatCrossesACancelCounts) {
    write(1);
    EXPECT_EQ(write(2, Manner::Timed), waits);
    delivers_at_once = false;
    const HomeMessage waiting = last;
    const HomeMessage release = request(1, Operation::Unlock);
    tell(release); // the grant is under way
    cancel(waiting);
    ASSERT_EQ(sent.size(), 3U); // to the releasing one, Answer, CancelLate
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(phase(2), Phase::Crossed); // H1: the Cancel may still be under way
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(end(2), Result::Granted);
}

TEST_F(RwlockHome, CancelLateSaysAsMuchAsTheGrantThatItOvertakes) {
    write(1);
    EXPECT_EQ(write(2, Manner::Timed), waits);
    delivers_at_once = false;
    const HomeMessage waiting = last;
    tell(request(1, Operation::Unlock));
    cancel(waiting);
    EXPECT_TRUE(deliver(2));
    EXPECT_EQ(end(2), Result::Granted);
    EXPECT_FALSE(deliver(1)); // late
    tell(request(2, Operation::Unlock));
    EXPECT_EQ(phase(2), Phase::Asked);
}

TEST_F(RwlockHome, AnAnswerMayOvertakeQueued) {
    write(1);
    delivers_at_once = false;
    HomeMessage timed = request(2, Operation::Write);
    timed.manner = Manner::Timed;
    tell(timed);
    tell(request(1, Operation::Unlock));
    ASSERT_EQ(sent.size(), 3U); // Queued, to the releasing one, Answer
    EXPECT_TRUE(deliver(2));
    EXPECT_FALSE(deliver(0));
    EXPECT_EQ(end(2), Result::Granted);
}

TEST_F(RwlockHome, OnlyWhoIsQueuedMayCancel) {
    delivers_at_once = false;
    HomeMessage timed = request(2, Operation::Write);
    timed.manner = Manner::Timed;
    EXPECT_FALSE(begin_cancel(calls[2])); // the Cancel could overtake the request
    tell(timed);
    deliver();
    EXPECT_FALSE(begin_cancel(calls[2]));
    EXPECT_EQ(end(2), Result::Granted);
}

TEST_F(RwlockHome, WithoutARecordNobodyWaits) {
    write(1);
    EXPECT_EQ(read(2), waits);
    EXPECT_EQ(read(3), waits);
    EXPECT_EQ(read(4), waits);
    EXPECT_EQ(read(5), Result::NoSpace);
    unlock(1);
    EXPECT_EQ(end(4), Result::Granted);
}

TEST_F(RwlockHome, WhatCannotBeEndsTheJob) {
    HomeMessage message = request(1, Operation::TakeUnit);
    EXPECT_EXIT(tell(message), testing::ExitedWithCode(70), "H5");
    message.kind = Kind::Answer;
    EXPECT_EXIT(tell(message), testing::ExitedWithCode(70), "H5");
    EXPECT_EXIT(begin_call(calls[1]), testing::ExitedWithCode(70), "H2");
    message.kind = Kind::CancelAck;
    EXPECT_EXIT(on_home_answer(calls[1], message), testing::ExitedWithCode(70), "H2");
}

} // namespace
