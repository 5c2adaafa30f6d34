// Buckets of keys.
#include "apps/sort_kernel.hpp"

#include <algorithm>

namespace apps {

Buckets::Buckets(Key max_key) {
    while (of(max_key - 1) >= bucket_count) { ++shift_; }
}

BucketCounts count_keys(const Buckets &buckets, std::span<const Key> keys) {
    BucketCounts counts(bucket_count);
    for (const Key key : keys) { ++counts[buckets.of(key)]; }
    return counts;
}

BucketCounts begins_of(std::span<const std::uint64_t> counts) {
    BucketCounts begins = {0};
    for (const std::uint64_t count : counts) { begins.push_back(begins.back() + count); }
    return begins;
}

std::vector<std::size_t> deal_buckets(const BucketCounts &begins, int ranks) {
    std::vector<std::size_t> firsts;
    const auto parts = static_cast<std::uint64_t>(ranks);
    for (std::uint64_t part = 0; part < parts; ++part) { // the first bucket that begins in the rank's part of the keys
        const auto found = std::ranges::lower_bound(begins, begins.back() * part / parts);
        firsts.push_back(std::min(static_cast<std::size_t>(found - begins.begin()), begins.size() - 1));
    }
    firsts[0] = 0;
    firsts.push_back(begins.size() - 1);
    return firsts;
}

void sort_keys(std::span<Key> keys, Key first, std::size_t width, std::vector<std::uint32_t> &counts) {
    if (width > 4 * keys.size()) { // counting would look at more counts than keys
        std::ranges::sort(keys);
        return;
    }
    counts.assign(width, 0);
    for (const Key key : keys) { ++counts[key - first]; }
    auto next = keys.begin();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        next = std::fill_n(next, counts[i], first + static_cast<Key>(i));
    }
}

} // namespace apps
