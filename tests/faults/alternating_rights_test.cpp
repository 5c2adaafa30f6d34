// Pages whose rights alternate: far more areas of different rights than the kernel allows a process (vm.max_map_count).
#include "tests/faults/test_node.hpp"

#include <gtest/gtest.h>
#include <random>
#include <thread>
#include <vector>

namespace dsm::memory::test {
namespace {

constexpr std::size_t pages_of_1_gib = (std::size_t{1} << 30) / page_bytes;

class AlternatingRights : public testing::TestWithParam<BackendKind> {
protected:
    void SetUp() override {
        if (const std::string reason = why_not(GetParam()); !reason.empty()) { GTEST_SKIP() << reason; }
    }
    static NodeShape shape(int rank_count = 1) {
        return {.kind = GetParam(),
                .rank_count = rank_count,
                .pages = 2 * pages_of_1_gib,
                .allocated_pages = pages_of_1_gib};
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, AlternatingRights, testing::Values(BackendKind::Userfaultfd, BackendKind::Mprotect),
                         case_name);

TEST_P(AlternatingRights, OverOneGibibyteStayRight) {
    run_node(shape(), [](TestRank &rank) {
        for (std::size_t page = 0; page < pages_of_1_gib; ++page) {
            if (page % 2 == 0) {
                rank.word(page) = page;
            } else {
                EXPECT_EQ(rank.word(page), 0U);
            }
        }
        for (std::size_t page = 0; page < pages_of_1_gib; page += 2) {
            ASSERT_EQ(rank.frame_word(page), page);
            ASSERT_EQ(rank.word(page), page);
        }
        // Protected again everywhere: a write to any page must be caught.
        for (std::size_t page = 0; page < pages_of_1_gib; ++page) { rank.restrict_ranks(page, Access::Read); }
        const std::uint64_t writes = rank.writes();
        for (std::size_t page = 0; page < pages_of_1_gib; page += 3) { rank.word(page) = page + 1; }
        EXPECT_EQ(rank.writes(), writes + (pages_of_1_gib + 2) / 3);
        if (rank.mprotect_backend() != nullptr) { EXPECT_GT(rank.mprotect_backend()->merge_count(), 0U); }
    });
}

/// Enough that the kernel's limit of areas is met.
constexpr std::size_t random_pages = pages_of_1_gib * 5 / 8;

/// What a rank may do with random pages: the words of its own thread keep their values, and a right that was taken is
/// noticed. `seed` tells threads and ranks apart.
void work_at_random(TestRank &rank, std::size_t index, std::uint64_t seed, std::size_t steps) {
    std::mt19937_64 random(seed);
    std::vector<std::uint32_t> expected(random_pages, 0);
    for (std::size_t step = 0; step < steps; ++step) {
        const std::size_t page = random() % random_pages;
        switch (random() % 4) {
        case 0:
            rank.word(page, index) = ++expected[page];
            break;
        case 1:
            rank.restrict_ranks(page, Access::Read);
            break;
        case 2:
            rank.restrict_ranks(page, Access::None);
            break;
        default:
            break;
        }
        if (rank.word(page, index) != expected[page]) {
            ADD_FAILURE() << "seed " << seed << " step " << step << " page " << page;
            return;
        }
    }
}

TEST_P(AlternatingRights, StayRightWithSeveralThreads) {
    run_node(shape(), [](TestRank &rank) {
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 3; ++thread) {
            threads.emplace_back([&rank, thread] { work_at_random(rank, thread, 1000 + thread, 80'000); });
        }
        for (std::thread &thread : threads) { thread.join(); }
        if (rank.mprotect_backend() != nullptr) { EXPECT_GT(rank.mprotect_backend()->merge_count(), 0U); }
    });
}

TEST_P(AlternatingRights, StayRightWithSeveralRanks) {
    run_node(shape(2), [](TestRank &rank) {
        const auto number = static_cast<std::size_t>(rank.rank());
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 2; ++thread) {
            const std::size_t index = 2 * number + thread;
            threads.emplace_back([&rank, index] { work_at_random(rank, index, 2000 + index, 50'000); });
        }
        for (std::thread &thread : threads) { thread.join(); }
    });
}

} // namespace
} // namespace dsm::memory::test
