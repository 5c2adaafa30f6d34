// The rules of semaphores at their home, one by one.
#include "libdsm/sync/semaphore.hpp"
#include "tests/unit/sync/home_fixture.hpp"

using namespace dsm;
using namespace dsm::sync;

namespace {

class SemaphoreHome : public HomeFixture<SemaphoreState, HomeObjectKind::Semaphore> {
protected:
    static constexpr auto waits = std::nullopt;
    std::optional<Result> take(unsigned node, Manner manner = Manner::Block) {
        return ask(node, Operation::TakeUnit, manner);
    }
    std::optional<Result> put(unsigned node) { return ask(node, Operation::PutUnit); }
    std::uint32_t value() {
        EXPECT_EQ(ask(5, Operation::ReadValue), Result::Granted);
        return number;
    }
    /// As dsm_sem_init().
    void init(std::uint32_t units) {
        ++incarnation;
        initial = units;
    }
};

TEST_F(SemaphoreHome, AZeroedOneHasNoUnits) {
    EXPECT_EQ(value(), 0U);
    EXPECT_EQ(take(1, Manner::Try), Result::Refused);
    EXPECT_EQ(put(1), Result::Granted);
    EXPECT_EQ(value(), 1U);
    EXPECT_EQ(take(2), Result::Granted);
    EXPECT_EQ(value(), 0U);
}

TEST_F(SemaphoreHome, AUnitGoesToTheLongestWaiting) {
    EXPECT_EQ(take(1), waits);
    EXPECT_EQ(take(2), waits);
    EXPECT_EQ(value(), 0U);
    put(3);
    EXPECT_EQ(end(1), Result::Granted);
    EXPECT_EQ(end(2), waits);
    EXPECT_EQ(value(), 0U);
    EXPECT_EQ(take(3, Manner::Try), Result::Refused);
    put(3);
    EXPECT_EQ(end(2), Result::Granted);
    put(3);
    EXPECT_EQ(value(), 1U);
}

TEST_F(SemaphoreHome, ItCountsUpToItsBound) {
    init(semaphore_value_max - 1);
    EXPECT_EQ(put(1), Result::Granted);
    EXPECT_EQ(put(1), Result::Overflow);
    EXPECT_EQ(value(), semaphore_value_max);
}

TEST_F(SemaphoreHome, ANewIncarnationStartsAfreshWhenNobodyWaits) {
    init(3);
    EXPECT_EQ(take(1), Result::Granted);
    EXPECT_EQ(value(), 2U);
    init(7);
    EXPECT_EQ(value(), 7U);
    init(0);
    EXPECT_EQ(take(1), waits);
    init(1);
    EXPECT_EQ(take(2), Result::InUse);
    EXPECT_EQ(put(2), Result::InUse);
    EXPECT_EQ(ask(2, Operation::Query), Result::InUse);
    --incarnation;
    EXPECT_EQ(ask(2, Operation::Query), Result::Refused);
    EXPECT_EQ(put(2), Result::Granted);
    EXPECT_EQ(end(1), Result::Granted);
    EXPECT_EQ(ask(2, Operation::Query), Result::Granted);
    incarnation = 0; // zeros were written over it
    initial = 0;
    EXPECT_EQ(value(), 0U);
}

TEST_F(SemaphoreHome, WhoGivesUpTakesNoUnit) {
    EXPECT_EQ(take(1, Manner::Timed), waits);
    cancel(last);
    EXPECT_EQ(end(1), Result::TimedOut);
    put(2);
    EXPECT_EQ(value(), 1U);
    EXPECT_EQ(take(1, Manner::Timed), Result::Granted); // what is there needs no time
}

} // namespace
