// The log of write notices under random jobs: nobody reads an old copy, whatever overtakes what and however small the
// ring; and planted bugs are found.
#include "tests/unit/protocol/notice_world.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace dsm::protocol_test {
namespace {

constexpr unsigned steps = 1'500;

TEST(NoticeSimulation, NobodyReadsAnOldCopy) {
    const char *const more = std::getenv("NOTICE_SEEDS"); // For a long run by hand.
    const std::uint64_t seeds = more == nullptr ? 600 : std::strtoull(more, nullptr, 10);
    NoticeWorld::Counts all{};
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        NoticeWorld world(seed, NoticeMutation::None, CallerMutation::None);
        const auto failure = world.run(steps);
        ASSERT_FALSE(failure) << "seed " << seed << ": " << *failure;
        const auto counts = world.counts();
        ASSERT_LE(counts.taken_over, counts.collapses * (NoticeWorld::nodes_max - 1)) << "N6, seed " << seed;
        all.compactions += counts.compactions;
        all.collapses += counts.collapses;
        all.taken_over += counts.taken_over;
        all.redundant += counts.redundant;
        all.barriers += counts.barriers;
        all.parts += counts.parts;
        all.spared += counts.spared;
        all.kept_on_all += counts.kept_on_all;
    }
    // The model is not empty.
    EXPECT_GT(all.compactions, 1'000U);
    EXPECT_GT(all.collapses, 1'000U);
    EXPECT_GT(all.taken_over, 1'000U);
    EXPECT_GT(all.redundant, 1'000U);
    EXPECT_GT(all.barriers, 1'000U);
    EXPECT_GT(all.parts, 1'000U) << "beyond an envelope's first";
    EXPECT_GT(all.spared, 1'000U) << "messages without envelope";
    EXPECT_GT(all.kept_on_all, 1'000U) << "what was forgotten was known";
    std::printf("compactions %llu, collapses %llu, taken over %llu, barriers %llu, further parts %llu, redundant %llu, "
                "spared %llu, kept on all %llu\n",
                static_cast<unsigned long long>(all.compactions), static_cast<unsigned long long>(all.collapses),
                static_cast<unsigned long long>(all.taken_over), static_cast<unsigned long long>(all.barriers),
                static_cast<unsigned long long>(all.parts), static_cast<unsigned long long>(all.redundant),
                static_cast<unsigned long long>(all.spared), static_cast<unsigned long long>(all.kept_on_all));
}

struct Planted {
    const char *name;
    NoticeMutation mutation;
    CallerMutation caller;
};

class NoticeMutations : public testing::TestWithParam<Planted> {};

TEST_P(NoticeMutations, AreFound) {
    constexpr std::uint64_t seeds = 12;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        NoticeWorld world(seed, GetParam().mutation, GetParam().caller);
        if (const auto failure = world.run(steps)) {
            std::printf("%s: seed %llu, %s\n", GetParam().name, static_cast<unsigned long long>(seed),
                        failure->c_str());
            return;
        }
    }
    FAIL() << "not found by " << seeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(
    All, NoticeMutations,
    testing::Values(Planted{"AckAtSending", NoticeMutation::AckAtSending, CallerMutation::None},
                    Planted{"AckForgetsGaps", NoticeMutation::AckForgetsGaps, CallerMutation::None},
                    Planted{"CutAtSameBarrier", NoticeMutation::CutAtSameBarrier, CallerMutation::None},
                    Planted{"PartAdoptedAlone", NoticeMutation::PartAdoptedAlone, CallerMutation::PartByPart},
                    Planted{"LearnedNotPassedOn", NoticeMutation::LearnedNotPassedOn, CallerMutation::None},
                    Planted{"CompactAcrossWriters", NoticeMutation::CompactAcrossWriters, CallerMutation::None},
                    Planted{"CollapseWithoutTime", NoticeMutation::CollapseWithoutTime, CallerMutation::None},
                    Planted{"TimeNotTakenOver", NoticeMutation::TimeNotTakenOver, CallerMutation::None},
                    Planted{"TimeTakesNoPosition", NoticeMutation::TimeTakesNoPosition, CallerMutation::None},
                    Planted{"AdoptBeforeDropping", NoticeMutation::None, CallerMutation::AdoptBeforeDropping}),
    [](const auto &planted) { return planted.param.name; });

} // namespace
} // namespace dsm::protocol_test
