// The page table of a node: one entry per page in memory that its ranks share, no pointers, a lock word each. The entry
// of a block is the one of its first page. Zeroed memory is a valid table: a page that nobody has touched.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/memory/fault_backend.hpp"
#include "libdsm/protocol/release/release_page.hpp"
#include "libdsm/protocol/sequential/page_state.hpp"
#include "libdsm/runtime/wait_slots.hpp"

#include <atomic>
#include <cstdint>

namespace dsm::rt {

/// What the pages of an allocation begin as.
enum class PageOrigin : std::uint8_t {
    Zeros,
    FirstTouch,        ///< zeros, and who comes first owns them
    File,              ///< of which the home's node loads them
    ReleaseZeros,      ///< zeros, of release memory
    ReleaseFirstTouch, ///< likewise, and who comes first is the home
};

/// What a message about a page says about its allocation, so that a node that never looked it up can handle it.
struct PageAttributes {
    std::uint32_t generation; ///< of the allocation: grows with every one, so that late messages are known as such
    NodeId home;
    std::uint8_t block_shift;
    PageOrigin origin;
    friend bool operator==(const PageAttributes &, const PageAttributes &) = default;
};

constexpr std::uint32_t pages_of(const PageAttributes &attributes) {
    return std::uint32_t{1} << (attributes.block_shift - page_shift);
}
constexpr std::size_t bytes_of_block(const PageAttributes &attributes) {
    return std::size_t{1} << attributes.block_shift;
}

constexpr bool is_release(const PageAttributes &attributes) {
    return attributes.origin == PageOrigin::ReleaseZeros || attributes.origin == PageOrigin::ReleaseFirstTouch;
}

struct alignas(128) PageEntry {
    FutexMutex lock; ///< guards everything below but the atomics
    WaitList waiters;
    PageAttributes attributes; ///< generation 0: never used
    memory::RankRights rights;
    std::atomic<std::uint32_t> ledger_place; ///< in the frame ledger; 0: no frame
    std::uint32_t bulk_received;             ///< bytes of the reply under way that are in the frame already
    std::uint8_t dead;                       ///< freed: messages and faults of this generation are late
    std::uint8_t used;                       ///< since the clock's hand was here
    std::uint16_t home_received;             ///< release memory: bytes of the Home under way that have come
    std::uint32_t steps;                     ///< of the state machine for this allocation, as the trace numbers them
    std::uint8_t list_mark;                  ///< release memory: on which list of written pages it stands; 0: on none
    std::uint8_t update_place;               ///< release memory, Stale: where its update is counted
    std::uint32_t home_generation;           ///< the allocation's of that Home
    std::uint64_t timer_at_us;               ///< when on_timer() is going to be called; 0: no timer is set
    union { ///< as is_release(attributes) says; zeroed memory is the initial state of both
        protocol::PageState state;
        protocol::ReleasePageState release;
    };
};
static_assert(sizeof(PageEntry) <= 128);

class PageTable {
public:
    PageTable(std::byte *region) : entries_(reinterpret_cast<PageEntry *>(region)) {}
    static std::size_t region_bytes(std::size_t pages) { return pages * sizeof(PageEntry); }
    PageEntry &operator[](PageId page) const { return entries_[page.value]; }

private:
    PageEntry *entries_;
};

} // namespace dsm::rt
