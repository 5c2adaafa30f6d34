// Which bytes of release pages were written lately, by whom and in which interval: to find, at a page's home, writes of
// two nodes to the same bytes that nothing orders (DSM_CHECK_RACES).
//
// After Perkovic and Keleher, "Online Data-Race Detection via Coherency Guarantees" (1996): the diffs and the vector
// time that lazy release consistency has anyway tell which intervals are concurrent. Ours sees bytes that changed, not
// accesses: neither reads, nor writes of what stood there already. And it forgets: what is found is a race, what is not
// found may be one.
//
//   H1 Let (w, i) be remembered, and (v, j) be an interval of v != w whose diff comes later, with the time of v when
//   the
//      diff had been made. If v knew (w, i) then, time[w] >= i. And w cannot have known (v, j) when it made its diff of
//      (w, i): (v, j) is not published before this diff is acknowledged. So they are concurrent if time[w] < i.
//   H2 An interval's number may be remembered too low: then a race may be missed. Never too high.
//
// In memory that the ranks of a node share, under a lock of the caller: no pointers, zeroed memory remembers nothing.
// Places are found by the page's number; a page that needs one takes it, and what stood there is forgotten.
#pragma once

#include "libdsm/protocol/release/notice_wire.hpp"
#include "libdsm/protocol/release/page_diff.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::protocol {

/// A page of one allocation: pages are used again.
struct PageLife {
    PageId page;
    std::uint32_t generation; ///< of the allocation; never 0
    friend bool operator==(PageLife, PageLife) = default;
};

struct RaceWrite {
    NodeId node;
    Interval interval; ///< 0: none
    PageBytes bytes;
};

struct ByteRun {
    std::size_t first;
    std::size_t count; ///< 0: there is none
};
/// The first bytes of a set that stand together.
ByteRun first_run_of(const PageBytes &bytes) noexcept;
PageBytes common_bytes(const PageBytes &a, const PageBytes &b) noexcept;
bool is_empty(const PageBytes &bytes) noexcept;
void add_bytes(PageBytes &to, const PageBytes &more) noexcept;

class RaceHistory {
public:
    static constexpr unsigned places_bits = 13;
    static constexpr std::size_t writes_of_page_max = 8;
    static std::size_t region_bytes() noexcept;

    /// `region` has region_bytes(), aligned to 64.
    explicit RaceHistory(std::byte *region) noexcept : places_(reinterpret_cast<Place *>(region)) {}

    /// Calls visit(write, common bytes) for what others have written of these bytes in intervals that `writer` did not
    /// know: `time` is what it knew of each node when its diff had been made.
    template <class Visit> void for_each_race(PageLife page, NodeId writer, std::span<const Interval> time,
                                              const PageBytes &bytes, Visit visit) const {
        const Place &place = place_of(page.page);
        if (place.page != page) { return; }
        for (const RaceWrite &write : place.writes) {
            if (write.interval == 0 || write.node == writer || write.node.value >= time.size()) { continue; }
            if (time[write.node.value] >= write.interval) { continue; }
            const PageBytes both = common_bytes(write.bytes, bytes);
            if (!is_empty(both)) { visit(write, both); }
        }
    }

    /// A later write of the same interval is added to what is remembered of it; else the oldest gives way.
    void remember(PageLife page, NodeId writer, Interval interval, const PageBytes &bytes) noexcept;

private:
    struct Place {
        PageLife page;      ///< generation 0: none
        std::uint64_t next; ///< of `writes`, the one that gives way
        std::array<RaceWrite, writes_of_page_max> writes;
    };
    [[nodiscard]] Place &place_of(PageId page) const noexcept;

    Place *places_;
};

} // namespace dsm::protocol
