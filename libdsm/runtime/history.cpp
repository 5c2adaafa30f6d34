// Writing and printing the ring of page changes.
#include "libdsm/runtime/history.hpp"

#include "libdsm/base/futex.hpp"
#include "libdsm/base/log.hpp"

#include <algorithm>

namespace dsm::rt {

void PageHistory::note(void *history, const protocol::PageContext &context, const protocol::PageState &before,
                       Access access, protocol::Pending pending) {
    auto &self = *static_cast<PageHistory *>(history);
    Change &change = self.changes_[self.next_.fetch_add(1, std::memory_order_relaxed) % changes_max];
    change = {context.page.value,           now_ns(), before.access,         access,
              protocol::pending_of(before), pending,  protocol::owns(before)};
    DSM_LOG(protocol, debug, "page %llu: access %s -> %s, pending %s -> %s%s",
            static_cast<unsigned long long>(context.page.value), protocol::name_of(before.access),
            protocol::name_of(access), protocol::name_of(protocol::pending_of(before)), protocol::name_of(pending),
            protocol::owns(before) ? ", owner" : "");
}

void PageHistory::print(PageId page) const {
    const std::uint64_t end = next_.load(std::memory_order_relaxed);
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, changes_max);
    const Nanoseconds now = now_ns();
    for (std::uint64_t at = begin; at < end; ++at) {
        const Change &change = changes_[at % changes_max];
        if (change.page != page.value) { continue; }
        log_line("  %8lld us ago: access %s -> %s, pending %s -> %s%s",
                 static_cast<long long>((now - change.at_ns) / 1000), protocol::name_of(change.access_before),
                 protocol::name_of(change.access), protocol::name_of(change.pending_before),
                 protocol::name_of(change.pending), change.owned ? ", owner" : "");
    }
}

} // namespace dsm::rt
