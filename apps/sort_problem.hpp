// The keys of the sort program, and the checks of its result.
#pragma once

#include "apps/sort_kernel.hpp"
#include "apps/support/strips.hpp"

#include <span>
#include <vector>

namespace apps {

struct SortInput {
    std::size_t keys;
    Key max_key;
    std::uint64_t seed;
    std::size_t iterations;
};

/// One key of the beginning: about normally distributed around half of max_key, as the mean of four, so that buckets
/// differ much in size.
Key generate_key(const SortInput &input, std::size_t index);

/// Before each iteration, counted from 0, two of the keys change, so that no iteration comes to the result of another.
/// Gives the new value of a key, or its old one.
Key changed_key(const SortInput &input, std::size_t iteration, std::size_t index, Key old);
/// Which keys these are.
std::size_t small_key_of(const SortInput &input, std::size_t iteration);
std::size_t large_key_of(const SortInput &input, std::size_t iteration);

/// The keys of a strip as they stand in the last iteration.
std::vector<Key> last_keys(const SortInput &input, const RowRange &strip);

/// Sums over keys that two permutations have in common, and other lists hardly ever.
struct Checksum {
    std::uint64_t sum = 0;
    std::uint64_t mixed = 0;
    bool operator==(const Checksum &) const = default;
    Checksum operator+(const Checksum &other) const { return {sum + other.sum, mixed + other.mixed}; }
};
Checksum checksum_of(std::span<const Key> keys);

} // namespace apps
