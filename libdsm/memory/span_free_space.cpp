// First fit over the segment's chunks with a tree of free runs.
#include "libdsm/memory/span_free_space.hpp"

#include <algorithm>
#include <bit>

namespace dsm::memory {

SpanFreeSpace::SpanFreeSpace(std::byte *region, std::uint32_t chunk_count)
    : nodes_(reinterpret_cast<Node *>(region)), chunk_count_(chunk_count), leaves_(std::bit_ceil(chunk_count)) {}

std::size_t SpanFreeSpace::region_bytes(std::uint32_t chunk_count) {
    return 2 * std::size_t{std::bit_ceil(chunk_count)} * sizeof(Node);
}

void SpanFreeSpace::format() {
    if (leaves_ > chunk_count_) { take({chunk_count_}, leaves_ - chunk_count_); }
}

std::optional<ChunkId> SpanFreeSpace::find(std::uint32_t count, std::uint32_t alignment) const {
    if (count == 0 || count > chunk_count_) { return std::nullopt; }
    return find_below(root(), {count, alignment});
}

std::uint32_t SpanFreeSpace::longest_run() const { return leaves_ - nodes_[1].missing_longest; }

/// All free or all used: the node alone tells everything, and what stands below it may be out of date.
bool SpanFreeSpace::uniform(Place place) const {
    const std::uint32_t missing = nodes_[place.index].missing_longest;
    return missing == 0 || missing == place.size;
}

void SpanFreeSpace::fill(Place place, bool used) {
    const std::uint32_t missing = used ? place.size : 0;
    nodes_[place.index] = {missing, missing, missing};
}

void SpanFreeSpace::set(ChunkId first, std::uint32_t count, bool used) {
    set_below(root(), first.value, first.value + count, used);
}

void SpanFreeSpace::set_below(Place place, std::uint32_t begin, std::uint32_t end, bool used) {
    if (begin <= place.first && place.first + place.size <= end) { return fill(place, used); }
    const Place left = place.left();
    const Place right = place.right();
    if (uniform(place)) {
        const bool was_used = nodes_[place.index].missing_longest != 0;
        fill(left, was_used);
        fill(right, was_used);
    }
    if (begin < right.first) { set_below(left, begin, end, used); }
    if (end > right.first) { set_below(right, begin, end, used); }
    combine(place);
}

void SpanFreeSpace::combine(Place place) {
    const std::uint32_t half = place.size / 2;
    const Node &left = nodes_[2 * place.index];
    const Node &right = nodes_[2 * place.index + 1];
    const std::uint32_t across = 2 * half - left.missing_right - right.missing_left;
    const std::uint32_t longest = std::max({half - left.missing_longest, half - right.missing_longest, across});
    nodes_[place.index] = {left.missing_left == 0 ? right.missing_left : half + left.missing_left,
                           right.missing_right == 0 ? left.missing_right : half + right.missing_right,
                           place.size - longest};
}

std::optional<ChunkId> SpanFreeSpace::find_below(Place place, Search search) const {
    const auto aligned = [&](std::uint32_t chunk) { return (chunk + search.alignment - 1) & ~(search.alignment - 1); };
    if (place.size - nodes_[place.index].missing_longest < search.count) { return std::nullopt; }
    if (uniform(place)) {
        const std::uint32_t start = aligned(place.first);
        const bool fits = start + search.count <= place.first + place.size;
        return fits ? std::optional(ChunkId{start}) : std::nullopt;
    }
    // By address: within the left half, across the middle, within the right half. What an aligned run cannot use of a
    // free run is the reason why a half may look long enough and yet have nothing.
    if (const auto found = find_below(place.left(), search)) { return found; }
    const std::uint32_t half = place.size / 2;
    const std::uint32_t middle = place.first + half;
    const std::uint32_t start = aligned(middle - (half - nodes_[2 * place.index].missing_right));
    if (start + search.count <= middle + (half - nodes_[2 * place.index + 1].missing_left)) { return ChunkId{start}; }
    return find_below(place.right(), search);
}

} // namespace dsm::memory
