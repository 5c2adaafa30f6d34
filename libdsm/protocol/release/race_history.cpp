// Sets of bytes, and the places of the history.
#include "libdsm/protocol/release/race_history.hpp"

#include "libdsm/base/hash.hpp"

#include <algorithm>

namespace dsm::protocol {

ByteRun first_run_of(const PageBytes &bytes) noexcept {
    const auto has = [&](std::size_t at) { return (bytes[at / line_bytes] >> (at % line_bytes) & 1) != 0; };
    std::size_t first = 0;
    while (first < page_bytes && !has(first)) { ++first; }
    std::size_t end = first;
    while (end < page_bytes && has(end)) { ++end; }
    return {first, end - first};
}

PageBytes common_bytes(const PageBytes &a, const PageBytes &b) noexcept {
    PageBytes both{};
    for (std::size_t line = 0; line < lines_per_page; ++line) { both[line] = a[line] & b[line]; }
    return both;
}

bool is_empty(const PageBytes &bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint64_t line) { return line == 0; });
}

void add_bytes(PageBytes &to, const PageBytes &more) noexcept {
    for (std::size_t line = 0; line < lines_per_page; ++line) { to[line] |= more[line]; }
}

std::size_t RaceHistory::region_bytes() noexcept { return sizeof(Place) << places_bits; }

RaceHistory::Place &RaceHistory::place_of(PageId page) const noexcept {
    return places_[spread(page.value, places_bits)];
}

void RaceHistory::remember(PageLife page, NodeId writer, Interval interval, const PageBytes &bytes) noexcept {
    Place &place = place_of(page.page);
    if (place.page != page) {
        for (RaceWrite &write : place.writes) { write.interval = 0; }
        place.page = page;
        place.next = 0;
    }
    for (RaceWrite &write : place.writes) {
        if (write.interval == interval && write.node == writer) { return add_bytes(write.bytes, bytes); }
    }
    place.writes[place.next] = {writer, interval, bytes};
    place.next = (place.next + 1) % writes_of_page_max;
}

} // namespace dsm::protocol
