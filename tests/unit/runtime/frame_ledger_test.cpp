// The ledger of frames against a plain model (F1), and the clock's hand.
#include "libdsm/runtime/frame_ledger.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace dsm::rt {
namespace {

constexpr std::size_t pages = 512;

/// A ledger in zeroed memory, and the ledger_place of every page.
class Books {
public:
    FrameLedger &ledger() { return *reinterpret_cast<FrameLedger *>(memory_.get()); }
    std::atomic<std::uint32_t> &place(std::uint64_t page) { return places_[page]; }
    void add(std::uint64_t page, std::uint32_t count = 1) { ledger().add(PageId{page}, count, place(page)); }
    void remove(std::uint64_t page, std::uint32_t count = 1) {
        ledger().remove(
            count, place(page), [this](PageId moved) -> auto & { return place(moved.value); });
    }
    /// The blocks that one turn of the clock meets.
    std::multiset<std::uint64_t> turn(std::size_t steps) {
        std::multiset<std::uint64_t> met;
        PageId block{};
        for (std::size_t step = 0; step < steps && ledger().advance(block); ++step) { met.insert(block.value); }
        return met;
    }

private:
    struct Aligned {
        alignas(64) std::byte bytes[64];
    };
    std::unique_ptr<Aligned[]> memory_ = std::make_unique<Aligned[]>(FrameLedger::region_bytes(pages) / 64 + 1);
    std::vector<std::atomic<std::uint32_t>> places_ = std::vector<std::atomic<std::uint32_t>>(pages);
};

TEST(FrameLedger, ZeroedMemoryIsAnEmptyOne) {
    Books books;
    PageId block{77};
    EXPECT_EQ(books.ledger().frames(), 0U);
    EXPECT_FALSE(books.ledger().advance(block));
    EXPECT_EQ(block, PageId{77});
}

TEST(FrameLedger, CountsPagesOfBlocks) {
    Books books;
    books.add(0);
    books.add(16, 16);
    EXPECT_EQ(books.ledger().frames(), 17U);
    books.remove(16, 16);
    EXPECT_EQ(books.ledger().frames(), 1U);
}

TEST(FrameLedger, AddingAndRemovingTwiceChangesNothing) {
    Books books;
    books.add(5);
    books.add(5);
    EXPECT_EQ(books.ledger().frames(), 1U);
    EXPECT_EQ(books.turn(2), (std::multiset<std::uint64_t>{5, 5}));
    books.remove(5);
    books.remove(5);
    books.remove(6);
    EXPECT_EQ(books.ledger().frames(), 0U);
    EXPECT_EQ(books.place(5), 0U);
}

TEST(FrameLedger, ATurnOfTheClockMeetsEveryBlockOnce) {
    Books books;
    for (std::uint64_t page = 0; page < 10; ++page) { books.add(page * 3); }
    const auto met = books.turn(10);
    EXPECT_EQ(std::set(met.begin(), met.end()).size(), 10U);
    EXPECT_EQ(books.turn(10), met);
}

TEST(FrameLedger, TheHandSurvivesRemovalsUnderIt) {
    Books books;
    for (std::uint64_t page = 0; page < 8; ++page) { books.add(page); }
    books.turn(8);
    for (std::uint64_t page = 2; page < 8; ++page) { books.remove(page); }
    EXPECT_EQ(books.turn(2), (std::multiset<std::uint64_t>{0, 1}));
    books.remove(0);
    books.remove(1);
    EXPECT_TRUE(books.turn(1).empty());
}

TEST(FrameLedger, FollowsAModel) {
    Books books;
    std::set<std::uint64_t> model;
    std::mt19937 random(7);
    for (int step = 0; step < 100'000; ++step) {
        const std::uint64_t page = random() % pages;
        if (random() % 2 == 0) {
            books.add(page);
            model.insert(page);
        } else {
            books.remove(page);
            model.erase(page);
        }
        ASSERT_EQ(books.ledger().frames(), model.size());
        ASSERT_EQ(books.place(page) != 0, model.contains(page));
        if (step % 1000 != 0) { continue; }
        const auto met = books.turn(model.size());
        ASSERT_EQ(std::set(met.begin(), met.end()), model) << "F1 exactly once";
        ASSERT_EQ(met.size(), model.size());
    }
}

} // namespace
} // namespace dsm::rt
