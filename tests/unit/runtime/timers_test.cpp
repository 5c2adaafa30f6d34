// Timers: order, what add() tells, many threads.
#include "libdsm/runtime/timers.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace dsm::rt {
namespace {

std::vector<std::uint64_t> due(Timers &timers, Nanoseconds now) {
    std::vector<std::uint64_t> keys;
    std::uint64_t key = 0;
    while (timers.take_due(now, key)) { keys.push_back(key); }
    return keys;
}

TEST(Timers, NothingIsDueAtFirst) {
    const auto timers = std::make_unique<Timers>();
    std::uint64_t key = 77;
    EXPECT_EQ(timers->next(), Timers::never);
    EXPECT_FALSE(timers->take_due(INT64_MAX - 1, key));
    EXPECT_EQ(key, 77U) << "set on success only";
}

TEST(Timers, ComeInOrderOfTime) {
    const auto timers = std::make_unique<Timers>();
    timers->add(30, 3);
    timers->add(10, 1);
    timers->add(20, 2);
    EXPECT_EQ(timers->next(), 10);
    EXPECT_EQ(due(*timers, 9), (std::vector<std::uint64_t>{}));
    EXPECT_EQ(due(*timers, 20), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(timers->next(), 30);
    EXPECT_EQ(due(*timers, 1000), (std::vector<std::uint64_t>{3}));
    EXPECT_EQ(timers->next(), Timers::never);
}

TEST(Timers, TellWhetherTheyAreTheFirst) {
    const auto timers = std::make_unique<Timers>();
    EXPECT_TRUE(timers->add(50, 1));
    EXPECT_FALSE(timers->add(60, 2));
    EXPECT_TRUE(timers->add(40, 3));
    EXPECT_FALSE(timers->add(40, 4)) << "an equal time does not need the sleeper woken again";
}

TEST(Timers, AKeyAddedTwiceRunsTwice) {
    const auto timers = std::make_unique<Timers>();
    timers->add(5, 9);
    timers->add(6, 9);
    EXPECT_EQ(due(*timers, 6), (std::vector<std::uint64_t>{9, 9}));
}

TEST(Timers, ManyAreSorted) {
    const auto timers = std::make_unique<Timers>();
    std::mt19937 random(42);
    constexpr std::uint64_t count = 16384;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t at = random() % 100000;
        timers->add(static_cast<Nanoseconds>(at), at);
    }
    const auto keys = due(*timers, 100000);
    EXPECT_EQ(keys.size(), count);
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(TimersDeathTest, OneTooManyIsABrokenInvariant) {
    const auto timers = std::make_unique<Timers>();
    for (std::uint64_t i = 0; i < 16384; ++i) { timers->add(1, i); }
    EXPECT_EXIT(timers->add(1, 5), testing::ExitedWithCode(exit_broken_invariant), "broken invariant: E2");
}

TEST(Timers, NoneIsLostBetweenThreads) {
    const auto timers = std::make_unique<Timers>();
    constexpr std::uint64_t threads = 4;
    constexpr std::uint64_t each = 2000;
    std::vector<int> seen(threads * each, 0);
    std::vector<std::thread> adders;
    for (std::uint64_t thread = 0; thread < threads; ++thread) {
        adders.emplace_back([&, thread] {
            for (std::uint64_t i = 0; i < each; ++i) {
                timers->add(static_cast<Nanoseconds>((i * 7919) % each), thread * each + i);
            }
        });
    }
    std::uint64_t taken = 0;
    while (taken < threads * each) {
        for (const std::uint64_t key : due(*timers, each)) {
            ++seen[key];
            ++taken;
        }
    }
    for (std::thread &adder : adders) { adder.join(); }
    EXPECT_EQ(seen, std::vector<int>(threads * each, 1));
}

} // namespace
} // namespace dsm::rt
