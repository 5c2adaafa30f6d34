// The arithmetic of the sort program: buckets of keys. The shared-memory and the MPI version call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace apps {

using Key = std::uint32_t;

constexpr std::size_t bucket_count = 1024;
constexpr Key max_key_max = 1U << 30U;

/// Keys from 0 up to, not including, max_key in buckets of equal width: the order of the buckets is that of the keys.
class Buckets {
public:
    explicit Buckets(Key max_key);
    std::size_t of(Key key) const { return key >> shift_; }
    Key first_key(std::size_t bucket) const { return static_cast<Key>(bucket << shift_); }
    std::size_t width() const { return std::size_t{1} << shift_; }

private:
    unsigned shift_ = 0;
};

using BucketCounts = std::vector<std::uint64_t>; ///< by bucket

BucketCounts count_keys(const Buckets &buckets, std::span<const Key> keys);

/// Sums of all that come before: where each bucket begins; one more at the end, the sum of all.
BucketCounts begins_of(std::span<const std::uint64_t> counts);

/// Deals buckets out to the ranks, about equal numbers of keys to each: rank r has those from result[r] up to
/// result[r + 1]. `begins` as begins_of() gives it.
std::vector<std::size_t> deal_buckets(const BucketCounts &begins, int ranks);

/// Sorts keys of which none is below `first` and none is `width` or more above; `counts` is scratch space.
void sort_keys(std::span<Key> keys, Key first, std::size_t width, std::vector<std::uint32_t> &counts);

} // namespace apps
