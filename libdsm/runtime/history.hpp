// The recent history of pages at this rank, for the report of a broken invariant or a silent peer: a ring that every
// change of a page's state is written to, and that is only read when the job ends.
#pragma once

#include "libdsm/protocol/release/release_page.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace dsm::rt {

class PageHistory {
public:
    /// A protocol::TraceHook; the argument is the PageHistory.
    static void note(void *history, const protocol::PageContext &context, const protocol::PageState &before,
                     Access access, protocol::Pending pending);
    /// A step of release memory: `event` is what happened, a text that stays; `other` the node whose message or notice
    /// it was, or no_node.
    void note_release(PageId page, const char *event, NodeId other, const protocol::ReleasePageState &before,
                      const protocol::ReleasePageState &after);
    /// Prints what the ring still has of a page, oldest first. Async-signal-safe.
    void print(PageId page) const;

private:
    struct Change {
        std::uint64_t page;
        std::int64_t at_ns;
        Access access_before, access;
        protocol::Pending pending_before, pending;
        bool owned;
        NodeId other; ///< of release memory, as all that follows
        std::uint16_t flags_before, flags;
        NodeId home;
        protocol::HomeEpoch epoch;
        const char *event; ///< none: sequential memory
    };
    Change &next_change(PageId page);
    static void print_release(const Change &change, long long us_ago);
    static constexpr std::size_t changes_max = 4096;
    std::atomic<std::uint64_t> next_{0};
    std::array<Change, changes_max> changes_{};
};

} // namespace dsm::rt
