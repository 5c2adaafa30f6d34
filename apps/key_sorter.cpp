// One iteration: two barriers between the phases, and one at the end.
#include "apps/key_sorter.hpp"

#include <algorithm>

namespace apps {

void KeySorter::generate() {
    for (std::size_t index = own_.first; index < own_.end; ++index) {
        memory_.keys[index] = generate_key(input_, index);
        memory_.sorted[index] = 0;
    }
}

void KeySorter::sort(std::size_t iteration) {
    change_keys(iteration);
    const std::span<const Key> keys = memory_.keys.subspan(own_.first, own_.count());
    std::ranges::copy(count_keys(buckets_, keys),
                      memory_.histogram.begin() + static_cast<std::ptrdiff_t>(bucket_count) * team_.rank());
    team_.barrier();
    const BucketCounts begins = find_begins();
    if (collects_) {
        permute_collected(keys, find_places(begins));
    } else {
        permute(keys, memory_.sorted, find_places(begins));
    }
    team_.barrier();
    const std::vector<std::size_t> firsts = deal_buckets(begins, team_.size());
    const auto rank = static_cast<std::size_t>(team_.rank());
    for (std::size_t bucket = firsts[rank]; bucket < firsts[rank + 1]; ++bucket) {
        sort_keys(memory_.sorted.subspan(begins[bucket], begins[bucket + 1] - begins[bucket]),
                  buckets_.first_key(bucket), buckets_.width(), scratch_);
    }
    team_.barrier();
}

void KeySorter::change_keys(std::size_t iteration) {
    for (const std::size_t index : {small_key_of(input_, iteration), large_key_of(input_, iteration)}) {
        if (index < own_.first || index >= own_.end) { continue; }
        memory_.keys[index] = changed_key(input_, iteration, index, memory_.keys[index]);
    }
}

// Where the buckets of all members begin.
BucketCounts KeySorter::find_begins() const {
    BucketCounts sums(bucket_count);
    for (std::size_t i = 0; i < memory_.histogram.size(); ++i) { sums[i % bucket_count] += memory_.histogram[i]; }
    return begins_of(sums);
}

// Where this member's keys of each bucket go: behind those of the members before it.
BucketCounts KeySorter::find_places(const BucketCounts &begins) const {
    BucketCounts places(begins.begin(), begins.end() - 1);
    const std::size_t before = static_cast<std::size_t>(team_.rank()) * bucket_count;
    for (std::size_t i = 0; i < before; ++i) { places[i % bucket_count] += memory_.histogram[i]; }
    return places;
}

void KeySorter::permute(std::span<const Key> keys, std::span<Key> to, BucketCounts places) const {
    for (const Key key : keys) { to[places[buckets_.of(key)]++] = key; }
}

void KeySorter::permute_collected(std::span<const Key> keys, const BucketCounts &places) {
    const BucketCounts begins = begins_of(count_keys(buckets_, keys));
    collected_.resize(keys.size());
    permute(keys, collected_, begins);
    for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) {
        std::copy(collected_.begin() + static_cast<std::ptrdiff_t>(begins[bucket]),
                  collected_.begin() + static_cast<std::ptrdiff_t>(begins[bucket + 1]),
                  memory_.sorted.begin() + static_cast<std::ptrdiff_t>(places[bucket]));
    }
}

} // namespace apps
