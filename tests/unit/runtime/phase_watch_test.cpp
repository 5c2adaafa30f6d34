// The watch over start and end: what it says, and what it ends.
#include "libdsm/runtime/phase_watch.hpp"

#include "libdsm/base/check.hpp"

#include <gtest/gtest.h>

#include <string>
#include <unistd.h>

namespace dsm::rt {
namespace {

constexpr double timeout_s = 0.05;

TEST(PhaseWatch, EndsTheJobInAPhaseThatAllRanksHaveEntered) {
    EXPECT_EXIT(
        {
            PhaseWatch watch(timeout_s);
            watch.enter("the first", PhaseWatch::AtLimit::Report);
            watch.enter("the last", PhaseWatch::AtLimit::EndJob);
            while (true) { ::pause(); }
        },
        testing::ExitedWithCode(exit_silent_peer), "has been in the last for 0.05 s");
}

TEST(PhaseWatch, ReportsAndWaitsForRanksThatMayComeLate) {
    testing::internal::CaptureStderr();
    std::string said;
    {
        PhaseWatch watch(timeout_s);
        watch.enter("a meeting", PhaseWatch::AtLimit::Report);
        const Nanoseconds begin = now_ns();
        // Two time-outs at least: the first report has been written, and the process still lives.
        while (now_ns() - begin < static_cast<Nanoseconds>(3 * timeout_s * 1e9)) { ::usleep(1000); }
    }
    said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("has been in a meeting"), std::string::npos) << said;
}

TEST(PhaseWatch, SaysNothingWithoutAPhaseOrATimeOut) {
    testing::internal::CaptureStderr();
    {
        const PhaseWatch no_phase(timeout_s);
        PhaseWatch never(0);
        never.enter("for ever", PhaseWatch::AtLimit::EndJob);
        ::usleep(static_cast<useconds_t>(3 * timeout_s * 1e6));
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace dsm::rt
