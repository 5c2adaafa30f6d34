// The rules of latches at their home, one by one.
#include "libdsm/sync/latch.hpp"
#include "tests/unit/sync/home_fixture.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

class LatchHome : public HomeFixture<LatchState, HomeObjectKind::Latch> {
protected:
    static constexpr auto waits = std::nullopt;
    std::optional<Result> count_down(unsigned node, std::uint32_t arrivals) {
        return ask(node, Operation::CountDown, Manner::Block, false, arrivals);
    }
    std::optional<Result> await_zero(unsigned node, Manner manner = Manner::Block) {
        return ask(node, Operation::AwaitZero, manner);
    }
    std::optional<Result> arrive_and_wait(unsigned node) { return ask(node, Operation::ArriveAndWait); }
    void init(std::uint32_t count) {
        ++incarnation;
        initial = count;
    }
};

TEST_F(LatchHome, ItOpensAtZeroForAll) {
    init(3);
    EXPECT_EQ(await_zero(1), waits);
    EXPECT_EQ(await_zero(2, Manner::Try), Result::Refused);
    EXPECT_EQ(count_down(3, 2), Result::Granted);
    EXPECT_EQ(arrive_and_wait(3), Result::Granted);
    EXPECT_EQ(end(1), Result::Granted);
    EXPECT_EQ(await_zero(2, Manner::Try), Result::Granted);
    EXPECT_EQ(await_zero(2), Result::Granted);
}

TEST_F(LatchHome, ArrivalsWaitForTheLast) {
    init(3);
    EXPECT_EQ(arrive_and_wait(1), waits);
    EXPECT_EQ(arrive_and_wait(2), waits);
    EXPECT_EQ(arrive_and_wait(3), Result::Granted);
    EXPECT_EQ(end(1), Result::Granted);
    EXPECT_EQ(end(2), Result::Granted);
}

TEST_F(LatchHome, ItNeverCountsBelowZero) {
    EXPECT_EQ(count_down(1, 1), Result::BadCount); // zeroed: open
    EXPECT_EQ(arrive_and_wait(1), Result::BadCount);
    EXPECT_EQ(count_down(1, 0), Result::Granted);
    init(2);
    EXPECT_EQ(count_down(1, 3), Result::BadCount);
    EXPECT_EQ(count_down(1, 2), Result::Granted);
    EXPECT_EQ(count_down(1, 0xffffffff), Result::BadCount);
}

TEST_F(LatchHome, AnArrivalWithoutARecordIsNotCounted) {
    init(6);
    EXPECT_EQ(arrive_and_wait(1), waits);
    EXPECT_EQ(arrive_and_wait(2), waits);
    EXPECT_EQ(arrive_and_wait(3), waits);
    EXPECT_EQ(arrive_and_wait(4), Result::NoSpace);
    EXPECT_EQ(count_down(4, 3), Result::Granted);
    EXPECT_EQ(end(3), Result::Granted);
}

TEST_F(LatchHome, WhoGivesUpMayComeAgainAndANewIncarnationIsClosedAgain) {
    init(1);
    EXPECT_EQ(await_zero(1, Manner::Timed), waits);
    cancel(last);
    EXPECT_EQ(end(1), Result::TimedOut);
    count_down(2, 1);
    EXPECT_EQ(await_zero(1), Result::Granted);
    init(1);
    EXPECT_EQ(await_zero(1), waits);
    init(1);
    EXPECT_EQ(await_zero(2), Result::InUse);
}

} // namespace
