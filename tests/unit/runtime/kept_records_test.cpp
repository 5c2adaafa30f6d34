// Records that came early: each page's in their order, whatever is kept of others, and as many as a job has nodes.
#include "libdsm/runtime/kept_records.hpp"
#include "tests/simulation/random.hpp"

#include <array>
#include <cstring>
#include <deque>
#include <gtest/gtest.h>

namespace dsm::rt {
namespace {

std::array<std::byte, 4> record_of(std::uint32_t number) {
    std::array<std::byte, 4> bytes{};
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

std::uint32_t number_of(std::span<const std::byte> record) {
    std::uint32_t number = 0;
    EXPECT_EQ(record.size(), sizeof number);
    std::memcpy(&number, record.data(), sizeof number);
    return number;
}

TEST(KeptRecords, ComeOutPageByPageAsTheyWentIn) {
    KeptRecords kept;
    constexpr unsigned pages = 700; // More than there are lists.
    std::array<std::deque<std::uint32_t>, pages> model;
    protocol_test::Random random(3);
    for (std::uint32_t number = 0; number < 30'000; ++number) {
        const unsigned page = random.below(pages);
        if (random.one_in(2)) {
            kept.keep(PageId{page}, record_of(number));
            model[page].push_back(number);
        } else if (!model[page].empty()) {
            ASSERT_EQ(number_of(kept.take(PageId{page})), model[page].front());
            model[page].pop_front();
        }
        ASSERT_EQ(kept.count_of(PageId{page}), model[page].size());
        std::size_t at = 0;
        kept.for_each(PageId{page}, [&](std::span<const std::byte> record) {
            ASSERT_LT(at, model[page].size());
            ASSERT_EQ(number_of(record), model[page][at++]);
        });
        ASSERT_EQ(at, model[page].size());
    }
}

TEST(KeptRecords, WhatWasTakenStaysUntilTheNext) {
    KeptRecords kept;
    kept.keep(PageId{1}, record_of(1));
    kept.keep(PageId{1}, record_of(2));
    const auto first = kept.take(PageId{1});
    kept.keep(PageId{1}, record_of(3));
    EXPECT_EQ(number_of(first), 1U);
    EXPECT_EQ(number_of(kept.take(PageId{1})), 2U);
    EXPECT_EQ(number_of(kept.take(PageId{1})), 3U);
}

TEST(KeptRecords, AllNodesMayAskForOnePage) {
    KeptRecords kept;
    for (std::uint32_t number = 0; number < nodes_max; ++number) { kept.keep(PageId{5}, record_of(number)); }
    for (std::uint32_t number = 0; number < nodes_max; ++number) { ASSERT_EQ(number_of(kept.take(PageId{5})), number); }
    EXPECT_EQ(kept.count_of(PageId{5}), 0U);
}

TEST(KeptRecordsDeathTest, OneTooManyIsReported) {
    EXPECT_DEATH(
        {
            KeptRecords kept;
            for (std::uint32_t number = 0; number <= KeptRecords::records_max; ++number) {
                kept.keep(PageId{number}, record_of(number));
            }
        },
        "P10");
}

} // namespace
} // namespace dsm::rt
