// The sort program without ranks: buckets, keys, and a team of threads against std::sort.
#include "apps/key_sorter.hpp"
#include "tests/apps/thread_team.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace {

using apps::Key;

std::vector<Key> sort_together(const apps::SortInput &input, int members, bool collects) {
    std::vector<Key> keys(input.keys), sorted(input.keys);
    std::vector<std::uint64_t> histogram(apps::bucket_count * static_cast<std::size_t>(members));
    apps::tests::ThreadTeam::run(members, 1, [&](apps::Team &team) {
        apps::KeySorter sorter(team, {keys, sorted, histogram}, input, collects);
        sorter.generate();
        team.barrier();
        for (std::size_t iteration = 0; iteration < input.iterations; ++iteration) { sorter.sort(iteration); }
    });
    EXPECT_EQ(keys, apps::last_keys(input, {0, input.keys}));
    return sorted;
}

TEST(Sort, ATeamComesToWhatStdSortComesTo) {
    for (const Key max_key : {Key{1}, Key{1000}, Key{1U << 19U}, apps::max_key_max}) {
        const apps::SortInput input = {5000, max_key, 1, 3};
        std::vector<Key> expected = apps::last_keys(input, {0, input.keys});
        std::ranges::sort(expected);
        for (const int members : {1, 2, 5}) {
            EXPECT_EQ(sort_together(input, members, false), expected) << max_key << ", " << members;
            EXPECT_EQ(sort_together(input, members, true), expected) << max_key << ", " << members;
        }
    }
}

TEST(Sort, FewKeysAndMoreMembers) {
    for (const std::size_t keys : {1u, 2u, 3u}) {
        const apps::SortInput input = {keys, 50, 2, 4};
        std::vector<Key> expected = apps::last_keys(input, {0, keys});
        std::ranges::sort(expected);
        EXPECT_EQ(sort_together(input, 4, false), expected) << keys;
    }
}

TEST(Sort, BucketsHoldTheKeysFromTheirFirstOn) {
    for (const Key max_key : {1u, 2u, 1024u, 1025u, 1000000u, apps::max_key_max}) {
        const apps::Buckets buckets(max_key);
        for (const Key key : {Key{0}, max_key / 3, max_key - 1}) {
            const std::size_t bucket = buckets.of(key);
            ASSERT_LT(bucket, apps::bucket_count) << max_key;
            EXPECT_GE(key, buckets.first_key(bucket));
            EXPECT_LT(key - buckets.first_key(bucket), buckets.width());
        }
    }
}

TEST(Sort, BucketsAreDealtOutOnceInOrderAndEvenly) {
    std::vector<std::uint64_t> counts(apps::bucket_count);
    for (std::size_t i = 0; i < counts.size(); ++i) { counts[i] = i * 37 % 100; }
    const apps::BucketCounts begins = apps::begins_of(counts);
    EXPECT_EQ(begins.back(), std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
    for (const int ranks : {1, 3, 16, 3000}) {
        const std::vector<std::size_t> firsts = apps::deal_buckets(begins, ranks);
        ASSERT_EQ(firsts.size(), static_cast<std::size_t>(ranks) + 1);
        EXPECT_EQ(firsts.front(), 0U);
        EXPECT_EQ(firsts.back(), apps::bucket_count);
        EXPECT_TRUE(std::ranges::is_sorted(firsts));
        for (std::size_t rank = 0; rank < static_cast<std::size_t>(ranks); ++rank) {
            EXPECT_LE(begins[firsts[rank + 1]] - begins[firsts[rank]],
                      begins.back() / static_cast<std::uint64_t>(ranks) + 100);
        }
    }
}

TEST(Sort, KeysAreSortedByCountingAndByComparing) {
    std::vector<std::uint32_t> scratch;
    for (const std::size_t width : {8u, 1000000u}) {
        std::vector<Key> keys = {107, 100, 103, 103, 101, 107};
        apps::sort_keys(keys, 100, width, scratch);
        EXPECT_EQ(keys, (std::vector<Key>{100, 101, 103, 103, 107, 107})) << width;
    }
}

TEST(Sort, EveryIterationChangesKeysAndTheSumTells) {
    apps::Checksum last;
    for (std::size_t iterations = 0; iterations < 5; ++iterations) {
        const std::vector<Key> keys = apps::last_keys({100, 1000, 3, iterations}, {0, 100});
        EXPECT_TRUE(std::ranges::all_of(keys, [](Key key) { return key < 1000; }));
        EXPECT_NE(apps::checksum_of(keys), last);
        last = apps::checksum_of(keys);
        std::vector<Key> other(keys.rbegin(), keys.rend());
        EXPECT_EQ(apps::checksum_of(other), last);
        --other[10], ++other[20]; // of the same sum
        EXPECT_NE(apps::checksum_of(other), last);
    }
}

} // namespace
