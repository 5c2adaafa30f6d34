// Updates in rounds: an acquirer waits for all that was due when it came, and for nothing that came later.
#include "libdsm/protocol/release/update_rounds.hpp"
#include "tests/simulation/random.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace dsm::protocol {
namespace {

TEST(UpdateRounds, WithoutUpdatesNobodyWaits) {
    UpdateRounds rounds{};
    EXPECT_TRUE(are_updates_done(rounds, updates_to_await(rounds)));
}

TEST(UpdateRounds, WhatComesLaterIsNotAwaited) {
    UpdateRounds rounds{};
    const auto first = note_update_due(rounds);
    const auto awaited = updates_to_await(rounds);
    EXPECT_FALSE(are_updates_done(rounds, awaited));
    note_update_due(rounds);
    EXPECT_TRUE(note_update_done(rounds, first));
    EXPECT_TRUE(are_updates_done(rounds, awaited));
}

TEST(UpdateRounds, OfTwoAcquirersEachWaitsForItsOwn) {
    UpdateRounds rounds{};
    const auto first = note_update_due(rounds);
    const auto one = updates_to_await(rounds);
    EXPECT_FALSE(are_updates_done(rounds, one));
    const auto second = note_update_due(rounds);
    const auto other = updates_to_await(rounds);
    EXPECT_FALSE(are_updates_done(rounds, other));
    note_update_due(rounds); // Of the same round as the second: it has no place of its own.
    note_update_done(rounds, first);
    EXPECT_TRUE(are_updates_done(rounds, one));
    EXPECT_FALSE(are_updates_done(rounds, other));
    note_update_done(rounds, second);
    EXPECT_FALSE(are_updates_done(rounds, other));
}

/// Against a list of what was due: nobody goes on too early, and nobody waits for ever while updates come and go.
TEST(UpdateRounds, AgreesWithAList) {
    struct Acquirer {
        std::uint64_t awaited;
        std::vector<unsigned> due; ///< numbers of the updates
        unsigned steps;
    };
    protocol_test::Random random(7);
    UpdateRounds rounds{};
    std::vector<std::pair<unsigned, std::uint8_t>> under_way; ///< number, place
    std::vector<Acquirer> acquirers;
    unsigned next = 0;
    for (unsigned step = 0; step < 200'000; ++step) {
        const unsigned way = random.below(4);
        if (way < 2 && under_way.size() < 20) {
            under_way.emplace_back(next++, note_update_due(rounds));
        } else if (way == 2 && acquirers.size() < 5) {
            Acquirer acquirer{updates_to_await(rounds), {}, 0};
            for (const auto &[number, place] : under_way) { acquirer.due.push_back(number); }
            acquirers.push_back(acquirer);
        } else if (!under_way.empty()) { // The oldest: no answer takes for ever.
            note_update_done(rounds, under_way.front().second);
            under_way.erase(under_way.begin());
        }
        for (std::size_t i = 0; i < acquirers.size();) {
            Acquirer &acquirer = acquirers[i];
            const bool is_done = std::ranges::none_of(acquirer.due, [&](unsigned number) {
                return std::ranges::any_of(under_way, [&](const auto &update) { return update.first == number; });
            });
            const bool goes_on = are_updates_done(rounds, acquirer.awaited);
            ASSERT_TRUE(is_done || !goes_on) << "step " << step;
            ASSERT_LT(++acquirer.steps, 2'000U) << "an acquirer waits for ever";
            if (goes_on) {
                acquirers.erase(acquirers.begin() + static_cast<std::ptrdiff_t>(i));
            } else {
                ++i;
            }
        }
    }
}

} // namespace
} // namespace dsm::protocol
