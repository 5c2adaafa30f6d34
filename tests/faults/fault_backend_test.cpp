// The contract of fault backends, run with real faults on each of them: one rank, several threads, several ranks.
#include "tests/faults/test_node.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace dsm::memory::test {
namespace {

class FaultBackendContract : public testing::TestWithParam<BackendKind> {
protected:
    void SetUp() override {
        if (const std::string reason = why_not(GetParam()); !reason.empty()) { GTEST_SKIP() << reason; }
    }
    static NodeShape shape(int rank_count = 1) { return {.kind = GetParam(), .rank_count = rank_count}; }
};

INSTANTIATE_TEST_SUITE_P(Backends, FaultBackendContract,
                         testing::Values(BackendKind::Userfaultfd, BackendKind::Mprotect), case_name);

TEST_P(FaultBackendContract, ReadFaultShowsTheFrame) {
    run_node(shape(), [](TestRank &rank) {
        rank.frame_word(3) = 42;
        EXPECT_EQ(rank.word(3), 42U);
        EXPECT_EQ(rank.word(3), 42U);
        EXPECT_EQ(rank.reads(), 1U);
        EXPECT_EQ(rank.writes(), 0U);
    });
}

TEST_P(FaultBackendContract, WriteFaultReachesTheFrame) {
    run_node(shape(), [](TestRank &rank) {
        rank.frame_word(5, 1) = 9;
        rank.word(5) = 7;
        EXPECT_EQ(rank.frame_word(5), 7U);
        EXPECT_EQ(rank.word(5, 1), 9U);
        EXPECT_EQ(rank.reads(), 0U);
        EXPECT_EQ(rank.writes(), 1U);
    });
}

TEST_P(FaultBackendContract, AFrameThatWasNeverTouchedReadsAsZeroAfterAFault) {
    run_node(shape(), [](TestRank &rank) {
        EXPECT_EQ(rank.word(8), 0U);
        EXPECT_EQ(rank.reads(), 1U);
        rank.word(9) = 1;
        EXPECT_EQ(rank.word(9, 1), 0U);
        EXPECT_EQ(rank.writes(), 1U);
    });
}

TEST_P(FaultBackendContract, UpgradeTakesOneWriteFault) {
    run_node(shape(), [](TestRank &rank) {
        rank.frame_word(5) = 1;
        EXPECT_EQ(rank.word(5), 1U);
        rank.word(5) = 2;
        rank.word(5) = 3;
        EXPECT_EQ(rank.reads(), 1U);
        EXPECT_EQ(rank.writes(), 1U);
        EXPECT_EQ(rank.frame_word(5), 3U);
    });
}

TEST_P(FaultBackendContract, MappingWhatIsMappedChangesNothing) {
    run_node(shape(), [](TestRank &rank) {
        rank.word(5) = 2;
        rank.map(5, Access::Read);
        rank.map(5, Access::Write);
        rank.map(5, Access::Read);
        rank.word(5) = 3;
        EXPECT_EQ(rank.writes(), 1U);
        EXPECT_EQ(rank.reads(), 0U);
    });
}

TEST_P(FaultBackendContract, RestrictToReadLetsReadAndCatchesWrites) {
    run_node(shape(), [](TestRank &rank) {
        rank.word(7) = 1;
        rank.restrict_ranks(7, Access::Read);
        EXPECT_EQ(rank.word(7), 1U);
        EXPECT_EQ(rank.reads(), 0U);
        rank.word(7) = 2;
        EXPECT_EQ(rank.writes(), 2U);
        EXPECT_EQ(rank.frame_word(7), 2U);
    });
}

TEST_P(FaultBackendContract, RestrictToNoneKeepsTheBytes) {
    run_node(shape(), [](TestRank &rank) {
        rank.word(7) = 1;
        rank.restrict_ranks(7, Access::None);
        EXPECT_EQ(rank.frame_word(7), 1U);
        rank.frame_word(7) = 5;
        EXPECT_EQ(rank.word(7), 5U);
        EXPECT_EQ(rank.reads(), 1U);
        rank.word(7) = 6;
        EXPECT_EQ(rank.writes(), 2U);
    });
}

TEST_P(FaultBackendContract, RestrictOfWhatNobodyMapsGivesNobodyARight) {
    run_node(shape(), [](TestRank &rank) {
        rank.restrict_ranks(7, Access::Read);
        EXPECT_EQ(rank.word(7), 0U);
        EXPECT_EQ(rank.reads(), 1U);
        rank.restrict_ranks(7, Access::None);
        rank.restrict_ranks(7, Access::Read);
        EXPECT_EQ(rank.word(7), 0U);
        EXPECT_EQ(rank.reads(), 2U);
    });
}

TEST_P(FaultBackendContract, ADroppedFrameNeverReadsAsZerosWithoutAFault) {
    run_node(shape(), [](TestRank &rank) {
        for (std::size_t page = 0; page < 64; ++page) {
            rank.word(page) = page + 1;
            rank.restrict_ranks(page, Access::None, true);
            ASSERT_EQ(rank.store().punch(page * page_bytes, page_bytes), 0);
            const std::uint64_t reads = rank.reads();
            EXPECT_EQ(rank.word(page), 0U);
            EXPECT_EQ(rank.reads(), reads + 1);
        }
    });
}

TEST_P(FaultBackendContract, ARunOfPagesIsMappedAndRestrictedAtOnce) {
    run_node(shape(), [](TestRank &rank) {
        constexpr std::size_t count = 512;
        for (std::size_t page = 0; page < count; page += 2) { rank.frame_word(page) = page; } // The others are holes.
        rank.word(100) = 100;
        const std::uint64_t writes = rank.writes();
        rank.backend().map({0}, count, Access::Read);
        for (std::size_t page = 0; page < count; ++page) { EXPECT_EQ(rank.word(page), page % 2 == 0 ? page : 0); }
        EXPECT_EQ(rank.reads(), 0U);
        rank.word(100) = 1; // Was writable, stays so.
        EXPECT_EQ(rank.writes(), writes);
        rank.backend().map({0}, count, Access::Write);
        for (std::size_t page = 0; page < count; ++page) { rank.word(page) = page + 1; }
        EXPECT_EQ(rank.writes(), writes);
        rank.backend().restrict_ranks({0}, count, Access::Read, false);
        for (std::size_t page = 0; page < count; ++page) { EXPECT_EQ(rank.word(page), page + 1); }
        EXPECT_EQ(rank.reads(), 0U);
        rank.backend().restrict_ranks({0}, count, Access::None, false);
        for (std::size_t page = 0; page < count; ++page) { EXPECT_EQ(rank.word(page), page + 1); }
        EXPECT_EQ(rank.reads(), count);
    });
}

TEST_P(FaultBackendContract, RightsAreNotedInTheLedger) {
    run_node(shape(), [](TestRank &rank) {
        const RankRights &rights = rank.rights_of({4});
        EXPECT_EQ(rank.word(4), 0U);
        EXPECT_EQ(rights.readers.load(), rank_bit(0));
        EXPECT_EQ(rights.writers.load(), 0U);
        rank.word(4) = 1;
        EXPECT_EQ(rights.writers.load(), rank_bit(0));
        rank.restrict_ranks(4, Access::Read);
        EXPECT_EQ(rights.readers.load(), rank_bit(0));
        EXPECT_EQ(rights.writers.load(), 0U);
        rank.restrict_ranks(4, Access::None);
        EXPECT_EQ(rights.readers.load(), 0U);
    });
}

TEST_P(FaultBackendContract, ErrnoSurvivesAFault) {
    run_node(shape(), [](TestRank &rank) {
        errno = 77;
        rank.word(1) = 1;
        EXPECT_EQ(errno, 77);
    });
}

TEST_P(FaultBackendContract, ThreadsFaultOnTheSamePages) {
    run_node(shape(), [](TestRank &rank) {
        constexpr std::size_t thread_count = 8;
        constexpr std::size_t pages = 500;
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < thread_count; ++thread) {
            threads.emplace_back([&rank, thread] {
                for (std::size_t page = 0; page < pages; ++page) {
                    if (page % 2 == 0) { EXPECT_EQ(rank.word(page, thread), 0U); }
                    rank.word(page, thread) = page + thread;
                }
            });
        }
        for (std::thread &thread : threads) { thread.join(); }
        for (std::size_t page = 0; page < pages; ++page) {
            for (std::size_t thread = 0; thread < thread_count; ++thread) {
                EXPECT_EQ(rank.frame_word(page, thread), page + thread);
            }
        }
    });
}

TEST_P(FaultBackendContract, ThreadsFaultOnDifferentPages) {
    run_node(shape(), [](TestRank &rank) {
        constexpr std::size_t thread_count = 4;
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < thread_count; ++thread) {
            threads.emplace_back([&rank, thread] {
                for (std::size_t page = thread; page < 2048; page += thread_count) {
                    rank.word(page) = page;
                    rank.restrict_ranks(page, Access::Read);
                    rank.word(page) = rank.word(page) + 1;
                    rank.restrict_ranks(page, Access::None);
                    EXPECT_EQ(rank.word(page), page + 1);
                }
            });
        }
        for (std::thread &thread : threads) { thread.join(); }
        EXPECT_EQ(rank.writes(), 2U * 2048);
    });
}

/// Takes a page away and gives it back as a node does that hands it to another node and gets it again: restrict to
/// Read, copy, restrict to None, and (when the frame may go) the copy written into a new frame.
void hand_out_and_back(TestRank &rank, std::size_t page, bool frame_unneeded) {
    std::array<std::byte, page_bytes> copy{};
    PageEntry &entry = rank.entry({page});
    entry.lock.lock();
    rank.backend().restrict_ranks({page}, 1, Access::Read, false);
    std::memcpy(copy.data(), rank.store().frame({page}), page_bytes);
    rank.backend().restrict_ranks({page}, 1, Access::None, frame_unneeded);
    if (frame_unneeded) { std::memcpy(rank.store().frame({page}), copy.data(), page_bytes); }
    entry.lock.unlock();
}

/// Increments words of its own in all pages until told to stop; nobody else writes them, so each must follow.
void write_until_stopped(TestRank &rank, std::size_t pages, std::size_t index) {
    std::vector<std::uint64_t> expected(pages, 0);
    while (rank.table().stop.load() == 0) {
        for (std::size_t page = 0; page < pages; ++page) {
            if (rank.word(page, index) != expected[page]) {
                ADD_FAILURE() << "rank " << rank.rank() << " lost a write to page " << page;
                return;
            }
            rank.word(page, index) = ++expected[page];
        }
        rank.table().words[index].fetch_add(1);
    }
}

/// True once every writing rank from `first` on has been through all pages `rounds` times.
bool have_rounds(const TestRank &rank, std::size_t first, std::uint64_t rounds) {
    for (std::size_t index = first; index < static_cast<std::size_t>(rank.rank_count()); ++index) {
        if (rank.table().words[index].load() < rounds) { return false; }
    }
    return true;
}

void await_first_rounds(TestRank &rank, std::size_t first) {
    while (!have_rounds(rank, first, 1)) { std::this_thread::yield(); }
}

class RanksOfANode : public FaultBackendContract {};
INSTANTIATE_TEST_SUITE_P(Backends, RanksOfANode, testing::Values(BackendKind::Userfaultfd, BackendKind::Mprotect),
                         case_name);

TEST_P(RanksOfANode, ShareFramesAtOneAddress) {
    run_node(shape(4), [](TestRank &rank) {
        if (rank.rank() == 0) { rank.word(1) = 5; }
        rank.barrier();
        EXPECT_EQ(rank.word(1), 5U);
        EXPECT_NE(rank.rights_of({1}).readers.load() & rank_bit(rank.rank()), 0U);
    });
}

TEST_P(RanksOfANode, AreRestrictedByAnyOfThem) {
    run_node(shape(3), [](TestRank &rank) {
        const auto number = static_cast<std::size_t>(rank.rank());
        for (const bool frame_unneeded : {false, true}) {
            rank.word(2, number) = 10 + number;
            rank.barrier();
            if (rank.rank() == 1) { rank.restrict_ranks(2, Access::Read); }
            rank.barrier();
            const std::uint64_t reads = rank.reads();
            const std::uint64_t writes = rank.writes();
            EXPECT_EQ(rank.word(2, number), 10 + number);
            EXPECT_EQ(rank.reads(), reads);
            rank.word(2, number) = 20 + number;
            EXPECT_EQ(rank.writes(), writes + 1);
            rank.barrier();
            if (rank.rank() == 1) { hand_out_and_back(rank, 2, frame_unneeded); }
            rank.barrier();
            EXPECT_EQ(rank.word(2, number), 20 + number);
            EXPECT_EQ(rank.reads(), reads + 1);
            rank.barrier();
        }
    });
}

TEST_P(RanksOfANode, LoseNoWriteWhileOneRankTakesPages) {
    for (const int ranks : {2, 4}) {
        run_node(shape(ranks), [](TestRank &rank) {
            constexpr std::size_t pages = 3;
            if (rank.rank() != 0) {
                write_until_stopped(rank, pages, static_cast<std::size_t>(rank.rank()));
                return;
            }
            await_first_rounds(rank, 1);
            for (std::size_t take = 0; take < 6000 || !have_rounds(rank, 1, 100); ++take) {
                hand_out_and_back(rank, take % pages, take % 2 == 0);
            }
            rank.table().stop.store(1);
        });
    }
}

TEST_P(RanksOfANode, MayRestrictOneAnotherAtOnce) {
    run_node(shape(4), [](TestRank &rank) {
        constexpr std::size_t pages = 5;
        const auto number = static_cast<std::size_t>(rank.rank());
        std::thread writer([&] { write_until_stopped(rank, pages, number); });
        await_first_rounds(rank, 0);
        for (std::size_t take = 0; take < 1000 || !have_rounds(rank, 0, 100); ++take) {
            hand_out_and_back(rank, (take + number) % pages, take % 3 == 0);
        }
        rank.barrier();
        rank.table().stop.store(1);
        writer.join();
    });
}

TEST_P(RanksOfANode, ARankThatHasEndedIsNoObstacle) {
    run_node(shape(2), [](TestRank &rank) {
        rank.word(1) = 1;
        rank.barrier();
        if (rank.rank() == 0) {
            rank.restrict_ranks(1, Access::Read); // The other one may still live or not.
            rank.restrict_ranks(1, Access::None, true);
            rank.word(1) = 2;
        }
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0); // Without taking leave from the node.
    });
}

} // namespace
} // namespace dsm::memory::test
