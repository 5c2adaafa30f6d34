// Records that wait for an interval: nothing goes before its turn, nothing is lost, all round the ring.
#include "libdsm/runtime/held_records.hpp"
#include "tests/simulation/random.hpp"

#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

namespace dsm::rt {
namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(protocol_test::Random &random, unsigned count) {
    Bytes bytes(count);
    for (std::byte &byte : bytes) { byte = std::byte{static_cast<std::uint8_t>(random.next())}; }
    return bytes;
}

protocol::IntervalState published(std::uint32_t interval) {
    protocol::IntervalState state{};
    state.begun = state.done = interval;
    return state;
}

TEST(HeldRecords, WaitForTheirInterval) {
    HeldRecords held(4096);
    const auto record = std::make_unique<HeldRecord>();
    const Bytes head(3, std::byte{7});
    held.push({5}, Rank{2}, head, {});
    EXPECT_FALSE(held.pop_due(published(4), *record));
    EXPECT_EQ(held.size(), 1U);
    ASSERT_TRUE(held.pop_due(published(5), *record));
    EXPECT_EQ(record->to, Rank{2});
    EXPECT_EQ(record->head().size(), 3U);
    EXPECT_TRUE(record->body().empty());
    EXPECT_EQ(held.size(), 0U);
    EXPECT_FALSE(held.pop_due(published(9), *record));
}

TEST(HeldRecords, ComeOutAsTheyWentIn) {
    struct Model {
        std::uint32_t after;
        Bytes head, body;
    };
    for (unsigned seed = 0; seed < 40; ++seed) {
        protocol_test::Random random(seed);
        HeldRecords held(4096); // Of which a gap may take 700 bytes.
        std::deque<Model> model;
        std::size_t bytes = 0;
        std::uint32_t interval = 0;
        const auto record = std::make_unique<HeldRecord>();
        for (unsigned step = 0; step < 3000; ++step) {
            const unsigned size = 1 + random.below(600);
            if (bytes + size + 32 < 2600 && random.one_in(2)) {
                Model added{interval + random.below(2), random_bytes(random, 1 + size / 2),
                            random_bytes(random, size / 2)};
                if (!model.empty()) { added.after = std::max(added.after, model.back().after); }
                held.push({added.after}, Rank{static_cast<int>(step)}, added.head, added.body);
                bytes += size + 32;
                model.push_back(std::move(added));
                continue;
            }
            interval += random.below(2);
            const bool is_due = !model.empty() && model.front().after <= interval;
            ASSERT_EQ(held.pop_due(published(interval), *record), is_due);
            if (!is_due) { continue; }
            const Model &expected = model.front();
            ASSERT_TRUE(
                std::equal(expected.head.begin(), expected.head.end(), record->head().begin(), record->head().end()));
            ASSERT_TRUE(
                std::equal(expected.body.begin(), expected.body.end(), record->body().begin(), record->body().end()));
            bytes -= std::max(std::size_t{1}, expected.head.size() + expected.body.size() - 1) + 32;
            model.pop_front();
            ASSERT_EQ(held.size(), model.size());
        }
    }
}

TEST(HeldRecords, AnswersOfALargeJobFindRoom) {
    HeldRecords held;
    const Bytes answer(120);
    for (int rank = 0; rank < 100'000; ++rank) { held.push({1}, Rank{rank}, answer, {}); }
    const auto record = std::make_unique<HeldRecord>();
    for (int rank = 0; rank < 100'000; ++rank) {
        ASSERT_TRUE(held.pop_due(published(1), *record));
        ASSERT_EQ(record->to, Rank{rank});
    }
}

TEST(HeldRecordsDeathTest, AFullRingIsReported) {
    HeldRecords held(4096);
    const Bytes record(600);
    EXPECT_DEATH(
        {
            for (int i = 0; i < 100; ++i) { held.push({1}, Rank{0}, record, {}); }
        },
        "E11");
}

} // namespace
} // namespace dsm::rt
