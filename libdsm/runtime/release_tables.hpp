// What the ranks of a node share about release-consistent memory: the interval that is open, the pages written in it,
// what is known of other nodes' writes, the twins, and what is known of changes to pages that are at home here. In the
// node's shared region; zeroed memory is a valid start.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/base/hash.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/protocol/release/interval.hpp"
#include "libdsm/protocol/release/page_versions.hpp"
#include "libdsm/protocol/release/update_rounds.hpp"
#include "libdsm/runtime/wait_slots.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::rt {

/// The pages of this node's keeping that are bound to a lock (R13): a hint, which may be full or out of date.
class BoundPages {
public:
    static constexpr std::size_t pages_of_lock_max = 16;
    void add(std::uint64_t lock, PageId page) {
        Place *empty = nullptr;
        for_places(lock, [&](Place &place) {
            if (place.lock == lock && place.page == page.value) { empty = &place; }
            if (place.lock == 0 && empty == nullptr) { empty = &place; }
        });
        if (empty != nullptr) { *empty = {lock, page.value}; }
    }
    /// Moves out what is known of a lock (its number + 1).
    std::size_t take(std::uint64_t lock, PageId (&pages)[pages_of_lock_max]) {
        std::size_t count = 0;
        for_places(lock, [&](Place &place) {
            if (place.lock != lock) { return; }
            pages[count++] = PageId{place.page};
            place = {};
        });
        return count;
    }

private:
    struct Place {
        std::uint64_t lock;
        std::uint64_t page;
    };
    static constexpr unsigned places_bits = 12;
    template <class Visit> void for_places(std::uint64_t lock, Visit visit) {
        const std::size_t first = spread(lock, places_bits);
        for (std::size_t i = 0; i < pages_of_lock_max; ++i) { visit(places_[(first + i) % places]); }
    }
    static constexpr std::size_t places = std::size_t{1} << places_bits;
    Place places_[places];
};

/// What a fence is about.
struct PageRange {
    PageId first;
    std::uint64_t count;
    static constexpr PageRange all() { return {PageId{0}, ~std::uint64_t{0}}; }
    [[nodiscard]] constexpr bool is_all() const { return count == ~std::uint64_t{0}; }
    [[nodiscard]] constexpr bool contains(std::uint64_t page) const { return page - first.value < count; }
    /// The smallest that has both; zeroed memory is a range of no page.
    [[nodiscard]] constexpr PageRange with(const PageRange &other) const {
        if (is_all() || other.is_all()) { return all(); }
        if (count == 0) { return other; }
        const std::uint64_t begin = std::min(first.value, other.first.value);
        const std::uint64_t end = std::max(first.value + count, other.first.value + other.count);
        return {PageId{begin}, end - begin};
    }
};

struct ReleaseShared {
    FutexMutex lock; ///< taken after a page's lock, never before one; guards all but the atomics, and the log
    WaitList update_waiters;
    std::uint32_t range_waiters; ///< threads that wait for updates of some pages alone; woken by each that is done
    WaitList release_waiters;    ///< threads that wait for an interval to be published
    protocol::IntervalState interval;
    PageRange next_range;             ///< interval.again: what those want for whom the next one closes
    protocol::IntervalTicket arrival; ///< of what the node had written when its ranks had come to the barrier of all
    protocol::UpdateRounds update_rounds;
    std::uint64_t holders;       ///< ranks of the node, by number modulo 64, that hold messages
    std::uint64_t closing_count; ///< pages of the closing interval
    std::uint64_t notice_count;  ///< of them, those that it has written
    std::uint64_t push_count;    ///< of those, the ones to be sent unasked when it is published
    BoundPages bound;
    std::atomic<std::uint64_t> published; ///< intervals of this node in the log
    std::atomic<std::uint64_t> listed;    ///< pages on the list of the open interval
    std::atomic<std::uint32_t> updates;   ///< notices answered by a Fetch that has not come (R8): of all rounds
    std::atomic<std::uint32_t> is_in_use; ///< some page of the node is of release memory, or some notice is known
    std::atomic<std::uint32_t> open_list; ///< which of the two lists is the open interval's
};

/// Views of the tables. Page numbers stand in the lists as they came; a page that was freed since is passed over.
class ReleaseTables {
public:
    static std::size_t lists_bytes(std::size_t segment_pages) { return 3 * segment_pages * sizeof(std::uint64_t); }
    static std::size_t versions_bytes(std::size_t segment_pages) {
        return segment_pages * sizeof(protocol::PageVersions);
    }
    ReleaseTables(std::byte *shared, std::byte *lists, std::byte *twins, std::byte *versions, std::size_t segment_pages)
        : shared_(reinterpret_cast<ReleaseShared *>(shared)), lists_(reinterpret_cast<std::uint64_t *>(lists)),
          twins_(twins), versions_(reinterpret_cast<protocol::PageVersions *>(versions)),
          segment_pages_(segment_pages) {}

    ReleaseShared &shared() const { return *shared_; }
    std::byte *twin(PageId page) const { return twins_ + (page.value << page_shift); }
    protocol::PageVersions &versions(PageId page) const { return versions_[page.value]; }
    std::size_t capacity() const { return segment_pages_; }
    std::uint64_t *open_list() const { return list(shared_->open_list.load(std::memory_order_relaxed)); }
    std::uint64_t *closing_list() const { return list(1 - shared_->open_list.load(std::memory_order_relaxed)); }
    /// What PageEntry::list_mark is for a page that stands on the list.
    std::uint8_t open_mark() const { return static_cast<std::uint8_t>(1 + open()); }
    std::uint8_t closing_mark() const { return static_cast<std::uint8_t>(2 - open()); }
    /// Number * 2, and one more for a page that is to be sent unasked.
    std::uint64_t *notices() const { return list(2); }

private:
    std::uint32_t open() const { return shared_->open_list.load(std::memory_order_relaxed); }
    std::uint64_t *list(std::uint32_t number) const { return lists_ + number * segment_pages_; }
    ReleaseShared *shared_;
    std::uint64_t *lists_;
    std::byte *twins_;
    protocol::PageVersions *versions_;
    std::size_t segment_pages_;
};

} // namespace dsm::rt
