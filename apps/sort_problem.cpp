// Keys, and sums over them.
#include "apps/sort_problem.hpp"

#include "apps/support/random.hpp"

namespace apps {

Key generate_key(const SortInput &input, std::size_t index) {
    const std::uint64_t a = random_at(input.seed, 2 * index);
    const std::uint64_t b = random_at(input.seed, 2 * index + 1);
    const std::uint64_t sum = (a >> 32U) + (a & UINT32_MAX) + (b >> 32U) + (b & UINT32_MAX); // below 2^34
    return static_cast<Key>((sum >> 4U) * input.max_key >> 30U);
}

std::size_t small_key_of(const SortInput &input, std::size_t iteration) { return iteration % input.keys; }

std::size_t large_key_of(const SortInput &input, std::size_t iteration) {
    return (iteration + input.iterations) % input.keys;
}

Key changed_key(const SortInput &input, std::size_t iteration, std::size_t index, Key old) {
    const auto small = static_cast<Key>(iteration % input.max_key);
    if (index == large_key_of(input, iteration)) { return input.max_key - 1 - small; }
    return index == small_key_of(input, iteration) ? small : old;
}

std::vector<Key> last_keys(const SortInput &input, const RowRange &strip) {
    std::vector<Key> keys;
    keys.reserve(strip.count());
    for (std::size_t index = strip.first; index < strip.end; ++index) { keys.push_back(generate_key(input, index)); }
    for (std::size_t iteration = 0; iteration < input.iterations; ++iteration) {
        for (const std::size_t index : {small_key_of(input, iteration), large_key_of(input, iteration)}) {
            if (index < strip.first || index >= strip.end) { continue; }
            Key &key = keys[index - strip.first];
            key = changed_key(input, iteration, index, key);
        }
    }
    return keys;
}

Checksum checksum_of(std::span<const Key> keys) {
    Checksum result;
    for (const Key key : keys) { result = result + Checksum{key, random_at(0, key)}; }
    return result;
}

} // namespace apps
