// The directory of spans against a model, at every size of the segment.
#include "libdsm/memory/span_directory.hpp"
#include "sparse_memory.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunks_of_tib = 524'288;

std::uint32_t below(std::mt19937 &random, std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); }

struct Fixture {
    Fixture(std::uint32_t chunk_count, std::uint32_t node_count)
        : memory(SpanDirectory::region_bytes(chunk_count, node_count)),
          directory(memory.base(), chunk_count, node_count) {
        directory.format();
    }
    test::SparseMemory memory;
    SpanDirectory directory;
};

SpanAttributes attributes_of(std::uint64_t chunks, std::uint16_t owner = 0) {
    return {chunks * chunk_bytes - 1, SpanKind::BigBlock, NodeId{owner}, HomePolicy::Cyclic, NodeId{0}, 12,
            MemoryKind::Sequential};
}

void free_whole(SpanDirectory &directory, const SpanRecord &record) {
    NodeSet holders;
    ASSERT_EQ(directory.begin_free(record.first, record.generation, holders), SpanStatus::Ok);
    std::uint32_t left = 0;
    holders.for_each([&](NodeId node) {
        EXPECT_EQ(directory.forget_holder(record.first, record.generation, node, left), SpanStatus::Ok);
    });
    ASSERT_EQ(left, 0U);
    ASSERT_EQ(directory.finish_free(record.first, record.generation), SpanStatus::Ok);
}

/// First fit by hand over a flat array.
class FlatModel {
public:
    explicit FlatModel(std::uint32_t chunk_count) : used_(chunk_count, false) {}
    std::optional<std::uint32_t> first_fit(std::uint32_t count, std::uint32_t alignment) const {
        for (std::uint32_t start = 0; std::size_t{start} + count <= used_.size(); start += alignment) {
            std::uint32_t free = 0;
            while (free < count && !used_[start + free]) { ++free; }
            if (free == count) { return start; }
        }
        return std::nullopt;
    }
    /// A large span leaves a chunk free in front of it, where another such one fits behind it.
    std::optional<std::uint32_t> place(std::uint32_t count, std::uint32_t alignment) const {
        const auto roomy = count >= 8 && alignment == 1 ? first_fit(2 * (count + 1), 1) : std::nullopt;
        return roomy ? *roomy + 1 : first_fit(count, alignment);
    }
    void set(std::uint32_t first, std::uint32_t count, bool used) { std::fill_n(used_.begin() + first, count, used); }

private:
    std::vector<bool> used_;
};

class RandomDirectory : public testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomDirectory, AgreesWithTheModel) {
    const std::uint32_t chunk_count = GetParam();
    Fixture fixture(chunk_count, 40);
    FlatModel model(chunk_count);
    std::map<std::uint32_t, SpanRecord> live;
    std::uint32_t free_chunks = chunk_count;
    std::mt19937 random(chunk_count);
    for (int step = 0; step < 6000; ++step) {
        const bool fill = step / 500 % 2 == 0;
        if (random() % 4 != 0 ? fill : !fill) {
            const std::uint32_t count = 1 + below(random, random() % 8 == 0 ? chunk_count / 3 : 5);
            const std::uint32_t alignment = random() % 3 == 0 ? 1U << below(random, 5) : 1U;
            const auto expected = model.place(count, alignment);
            const auto got = fixture.directory.allocate(attributes_of(count, 7), alignment);
            ASSERT_EQ(got.has_value(), expected.has_value()) << "step " << step;
            if (!got) { continue; }
            ASSERT_EQ(got->first.value, *expected) << "step " << step;
            ASSERT_EQ(got->chunk_count, count);
            model.set(*expected, count, true);
            live[*expected] = *got;
            free_chunks -= count;
        } else if (!live.empty()) {
            const auto victim = std::next(live.begin(), static_cast<long>(random() % live.size()));
            free_whole(fixture.directory, victim->second);
            model.set(victim->first, victim->second.chunk_count, false);
            free_chunks += victim->second.chunk_count;
            live.erase(victim);
        }
        const ChunkId probe{below(random, chunk_count)};
        const auto found = fixture.directory.lookup(probe);
        const auto above = live.upper_bound(probe.value);
        const bool inside = above != live.begin() && covers(std::prev(above)->second, probe);
        ASSERT_EQ(found.has_value(), inside);
        if (inside) { ASSERT_EQ(*found, std::prev(above)->second); }
        ASSERT_EQ(fixture.directory.free_chunks(), free_chunks);
    }
    for (const auto &[first, record] : live) { free_whole(fixture.directory, record); }
    EXPECT_EQ(fixture.directory.longest_free_run(), chunk_count);
}
INSTANTIATE_TEST_SUITE_P(Sizes, RandomDirectory, testing::Values(32U, 33U, 100U, 127U, 1000U));

// What the directory does not do today: give back a part of what was taken together.
TEST(SpanFreeSpace, TakesAndGivesBackInAnyPieces) {
    constexpr std::uint32_t chunk_count = 200;
    const test::SparseMemory memory(SpanFreeSpace::region_bytes(chunk_count));
    SpanFreeSpace space(memory.base(), chunk_count);
    space.format();
    FlatModel model(chunk_count);
    std::mt19937 random(11);
    for (int step = 0; step < 20'000; ++step) {
        const std::uint32_t count = 1 + below(random, 60);
        const std::uint32_t first = below(random, chunk_count - count + 1);
        const bool take = random() % 2 == 0;
        take ? space.take({first}, count) : space.give_back({first}, count);
        model.set(first, count, take);
        const std::uint32_t wanted = 1 + below(random, 40);
        const std::uint32_t alignment = 1U << below(random, 5);
        const auto found = space.find(wanted, alignment);
        const auto expected = model.first_fit(wanted, alignment);
        ASSERT_EQ(found.has_value(), expected.has_value()) << "step " << step;
        if (found) { ASSERT_EQ(found->value, *expected) << "step " << step; }
    }
}

TEST(SpanDirectory, FreesInSteps) {
    Fixture fixture(32, 10);
    SpanDirectory &directory = fixture.directory;
    const SpanRecord span = *directory.allocate(attributes_of(32, 4));
    EXPECT_EQ(span.state, SpanState::Live);
    EXPECT_EQ(span.bytes, 32 * chunk_bytes - 1);
    EXPECT_TRUE(directory.share({31}, {9}));
    EXPECT_FALSE(directory.allocate(attributes_of(1)));
    std::uint32_t left = 0;
    EXPECT_EQ(directory.finish_free(span.first, span.generation), SpanStatus::NotFreeing);
    EXPECT_EQ(directory.forget_holder(span.first, span.generation, {4}, left), SpanStatus::NotFreeing);

    NodeSet holders;
    EXPECT_EQ(directory.begin_free({1}, span.generation, holders), SpanStatus::NoSpan);
    EXPECT_EQ(directory.begin_free({32}, span.generation, holders), SpanStatus::NoSpan);
    EXPECT_EQ(directory.begin_free(span.first, span.generation + 1, holders), SpanStatus::NoSpan);
    ASSERT_EQ(directory.begin_free(span.first, span.generation, holders), SpanStatus::Ok);
    EXPECT_EQ(holders.size(), 2U);
    EXPECT_TRUE(holders.contains({4}) && holders.contains({9}));
    EXPECT_EQ(directory.begin_free(span.first, span.generation, holders), SpanStatus::AlreadyFreeing);
    EXPECT_FALSE(directory.share({3}, {2})) << "no new holder while it is being freed";
    EXPECT_EQ(directory.lookup({3})->state, SpanState::Freeing);
    EXPECT_FALSE(directory.allocate(attributes_of(1))) << "addresses stay taken until finish_free";

    EXPECT_EQ(directory.forget_holder(span.first, span.generation, {4}, left), SpanStatus::Ok);
    EXPECT_EQ(left, 1U);
    EXPECT_EQ(directory.forget_holder(span.first, span.generation, {4}, left), SpanStatus::Ok);
    EXPECT_EQ(left, 1U);
    EXPECT_EQ(directory.finish_free(span.first, span.generation), SpanStatus::HoldersLeft);
    EXPECT_EQ(directory.forget_holder(span.first, span.generation, {9}, left), SpanStatus::Ok);
    EXPECT_EQ(directory.finish_free(span.first, span.generation), SpanStatus::Ok);
    EXPECT_EQ(directory.finish_free(span.first, span.generation), SpanStatus::NoSpan);

    const SpanRecord again = *directory.allocate(attributes_of(1));
    EXPECT_EQ(again.first, span.first);
    EXPECT_NE(again.generation, span.generation);
}

TEST(SpanDirectory, RefusesWhatIsNoSpan) {
    Fixture fixture(32, 1);
    SpanAttributes attributes = attributes_of(1);
    attributes.bytes = 0;
    EXPECT_FALSE(fixture.directory.allocate(attributes));
    attributes.bytes = ~std::uint64_t{0};
    EXPECT_FALSE(fixture.directory.allocate(attributes));
    attributes.bytes = 32 * chunk_bytes + 1;
    EXPECT_FALSE(fixture.directory.allocate(attributes));
    attributes.bytes = 1;
    EXPECT_FALSE(fixture.directory.allocate(attributes, 0));
    EXPECT_FALSE(fixture.directory.allocate(attributes, 3));
    EXPECT_TRUE(fixture.directory.allocate(attributes, 1U << 23U)) << "chunk 0 has every alignment";
    EXPECT_FALSE(fixture.directory.allocate(attributes, 1U << 23U));
    attributes.block_shift = 11;
    EXPECT_FALSE(fixture.directory.allocate(attributes));
    attributes.block_shift = 22;
    EXPECT_FALSE(fixture.directory.allocate(attributes));
    EXPECT_FALSE(fixture.directory.lookup({32}));
    EXPECT_FALSE(fixture.directory.lookup({0xffffffffU}));
}

TEST(SpanDirectory, ATebibyteTouchesLittle) {
    Fixture fixture(chunks_of_tib, 16384);
    std::mt19937 random(3);
    std::vector<SpanRecord> spans;
    for (int i = 0; i < 1000; ++i) {
        spans.push_back(*fixture.directory.allocate(attributes_of(1 + random() % 4)));
        for (std::uint16_t node = 0; node < 20; ++node) { fixture.directory.share(spans.back().first, {node}); }
    }
    for (const SpanRecord &span : spans) { free_whole(fixture.directory, span); }
    EXPECT_LT(fixture.memory.touched_bytes(), std::size_t{4} << 20);

    const auto whole = fixture.directory.allocate(attributes_of(chunks_of_tib));
    ASSERT_TRUE(whole);
    EXPECT_EQ(fixture.directory.lookup({chunks_of_tib - 1})->first, whole->first);
    EXPECT_LT(fixture.memory.touched_bytes(), std::size_t{8} << 20);
    free_whole(fixture.directory, *whole);
}

TEST(SpanDirectory, LargeSpansAreNotNeighboursWhileThereIsRoom) {
    Fixture fixture(100, 2);
    EXPECT_EQ(fixture.directory.allocate(attributes_of(16))->first.value, 1U);
    EXPECT_EQ(fixture.directory.allocate(attributes_of(16))->first.value, 18U);
    EXPECT_EQ(fixture.directory.allocate(attributes_of(1))->first.value, 0U) << "the gap is for small ones";
    EXPECT_EQ(fixture.directory.allocate(attributes_of(66))->first.value, 34U) << "all that is left";
    EXPECT_EQ(fixture.directory.free_chunks(), 1U);
}

TEST(SpanDirectory, SixteenTebibytesWork) {
    Fixture fixture(segment_chunks_max, 2);
    const auto low = fixture.directory.allocate(attributes_of(segment_chunks_max / 2 + 1));
    const auto high = fixture.directory.allocate(attributes_of(segment_chunks_max / 2 - 1));
    ASSERT_TRUE(low && high);
    EXPECT_EQ(fixture.directory.lookup({segment_chunks_max - 1})->generation, high->generation);
    EXPECT_EQ(fixture.directory.free_chunks(), 0U);
    free_whole(fixture.directory, *low);
    free_whole(fixture.directory, *high);
    EXPECT_EQ(fixture.directory.longest_free_run(), segment_chunks_max);
}

} // namespace
} // namespace dsm::memory
