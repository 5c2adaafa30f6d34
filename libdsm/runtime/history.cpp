// Writing and printing the ring of page changes.
#include "libdsm/runtime/history.hpp"

#include "libdsm/base/futex.hpp"
#include "libdsm/base/log.hpp"

#include <algorithm>
#include <cstdio>

namespace dsm::rt {

PageHistory::Change &PageHistory::next_change(PageId page) {
    Change &change = changes_[next_.fetch_add(1, std::memory_order_relaxed) % changes_max];
    change = {};
    change.page = page.value;
    change.at_ns = now_ns();
    return change;
}

void PageHistory::note(void *history, const protocol::PageContext &context, const protocol::PageState &before,
                       Access access, protocol::Pending pending) {
    auto &self = *static_cast<PageHistory *>(history);
    Change &change = self.next_change(context.page);
    change.access_before = before.access;
    change.access = access;
    change.pending_before = protocol::pending_of(before);
    change.pending = pending;
    change.owned = protocol::owns(before);
    DSM_LOG(protocol, debug, "page %llu: access %s -> %s, pending %s -> %s%s",
            static_cast<unsigned long long>(context.page.value), protocol::name_of(before.access),
            protocol::name_of(access), protocol::name_of(protocol::pending_of(before)), protocol::name_of(pending),
            protocol::owns(before) ? ", owner" : "");
}

void PageHistory::note_release(PageId page, const char *event, NodeId other, const protocol::ReleasePageState &before,
                               const protocol::ReleasePageState &after) {
    Change &change = next_change(page);
    change.access_before = before.access;
    change.access = after.access;
    change.other = other;
    change.flags_before = before.flags;
    change.flags = after.flags;
    change.home = after.home;
    change.epoch = after.epoch;
    change.event = event;
}

void PageHistory::print_release(const Change &change, long long us_ago) {
    char flags[192];
    protocol::describe_changed_flags(change.flags_before, change.flags, flags, sizeof flags);
    char from[24] = "";
    if (change.other != no_node) { std::snprintf(from, sizeof from, " of node %u", unsigned{change.other.value}); }
    log_line("  %8lld us ago: %s%s: access %s -> %s, home node %u (epoch %u)%s", us_ago, change.event, from,
             protocol::name_of(change.access_before), protocol::name_of(change.access), unsigned{change.home.value},
             change.epoch, flags);
}

void PageHistory::print(PageId page) const {
    const std::uint64_t end = next_.load(std::memory_order_relaxed);
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, changes_max);
    const Nanoseconds now = now_ns();
    for (std::uint64_t at = begin; at < end; ++at) {
        const Change &change = changes_[at % changes_max];
        if (change.page != page.value) { continue; }
        const auto us_ago = static_cast<long long>((now - change.at_ns) / 1000);
        if (change.event != nullptr) {
            print_release(change, us_ago);
            continue;
        }
        log_line("  %8lld us ago: access %s -> %s, pending %s -> %s%s", us_ago, protocol::name_of(change.access_before),
                 protocol::name_of(change.access), protocol::name_of(change.pending_before),
                 protocol::name_of(change.pending), change.owned ? ", owner" : "");
    }
}

} // namespace dsm::rt
