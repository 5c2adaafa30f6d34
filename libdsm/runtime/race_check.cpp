// Comparing, remembering, and the lines about it.
#include "libdsm/runtime/race_check.hpp"

#include "libdsm/base/log.hpp"
#include "libdsm/runtime/release_pages.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

namespace dsm::rt {

RaceCheck::RaceCheck(Node &node, const ReleaseOrdering &ordering)
    : node_(node), ordering_(ordering), shared_(*node.races), history_(shared_.history()) {}

std::size_t RaceCheck::write_time(std::span<std::byte> out) const {
    Time time{};
    ordering_.copy_time(time);
    std::memcpy(out.data(), time.data(), time_bytes());
    return time_bytes();
}

void RaceCheck::on_flush(const ReleaseRecord &record, const PageEntry &entry) {
    const protocol::ReleaseMessage &message = record.message;
    if (record.time.empty() || message.origin == node_.topology->self_node()) { return; }
    if (!protocol::is_home(entry.release)) { return; }
    Time time{};
    std::memcpy(time.data(), record.time.data(), std::min(record.time.size(), sizeof time));
    const Writer writer{message.origin, time[message.origin.value] + 1}; // What it publishes next.
    const protocol::PageLife page{message.page, record.attributes.generation};
    const protocol::PageBytes bytes = protocol::bytes_in(message.diff);
    if (protocol::has(entry.release, protocol::ReleaseFlag::Twin)) {
        Time own_time{};
        ordering_.copy_time(own_time);
        const NodeId self = node_.topology->self_node();
        const auto own = protocol::changed_bytes(node_.frames.frame(page.page), node_.release->twin(page.page));
        const auto both = protocol::common_bytes(own, bytes);
        const std::lock_guard locked(shared_.lock);
        // Not published, so not known there: whatever differs from the twin is of an interval that is to be noticed.
        if (!protocol::is_empty(both)) {
            report(page.page, protocol::first_run_of(both), writer, {self, own_time[self.value] + 1});
        }
    }
    const std::lock_guard locked(shared_.lock);
    compare(page, writer, time, bytes);
}

/// They are of the interval that is published next, or of a later one (H2): the page is to be closed before, and its
/// lock is held.
void RaceCheck::on_home_writes(const PageEntry &entry, PageId page, const protocol::PageBytes &bytes) {
    if (protocol::is_empty(bytes)) { return; }
    Time time{};
    ordering_.copy_time(time);
    const NodeId self = node_.topology->self_node();
    const std::lock_guard locked(shared_.lock);
    compare({page, entry.attributes.generation}, {self, time[self.value] + 1}, time, bytes);
}

void RaceCheck::on_notice(const PageEntry &entry, PageId page) {
    const bool is_compared =
        protocol::is_home(entry.release) && protocol::has(entry.release, protocol::ReleaseFlag::Twin);
    if (!is_compared || entry.release.copyset.empty()) { return; }
    on_home_writes(entry, page, protocol::changed_bytes(node_.frames.frame(page), node_.release->twin(page)));
}

/// And remembers. Under the lock.
void RaceCheck::compare(protocol::PageLife page, Writer writer, std::span<const protocol::Interval> time,
                        const protocol::PageBytes &bytes) {
    history_.for_each_race(page, writer.node, time, bytes,
                           [&](const protocol::RaceWrite &other, const protocol::PageBytes &both) {
                               report(page.page, protocol::first_run_of(both), writer, {other.node, other.interval});
                           });
    history_.remember(page, writer.node, writer.interval, bytes);
}

/// Under the lock.
void RaceCheck::report(PageId page, protocol::ByteRun run, Writer writer, Writer other) {
    const auto [low, high] = std::minmax(writer.node, other.node);
    const Reported what{page, low, high};
    const auto end = reported_.begin() + static_cast<std::ptrdiff_t>(reports_);
    if (leaves_out_ || std::find(reported_.begin(), end, what) != end) { return; }
    if (reports_ == reports_max) {
        leaves_out_ = true;
        log_line("race hint: there are more, of other pages or nodes; this rank has told the first %zu", reports_max);
        return;
    }
    reported_[reports_++] = what;
    const std::uint64_t offset = memory::offset_of(page) + run.first;
    char place[96];
    char one[64];
    char two[64];
    describe_place(offset, place);
    describe_writer(writer, one);
    describe_writer(other, two);
    log_line("race hint: %zu byte%s at %p%s %s written by %s and by %s, and nothing orders the two", run.count,
             run.count == 1 ? "" : "s", node_.address_of(offset), place, run.count == 1 ? "was" : "were", one, two);
}

void RaceCheck::describe_place(std::uint64_t offset, std::span<char> out) const {
    out[0] = '\0';
    const auto record = node_.spans->lookup(memory::chunk_of(offset));
    if (!record) { return; }
    if (record->kind == memory::SpanKind::HeapChunk) { // Only the allocator knows more.
        std::snprintf(out.data(), out.size(), " (in the heap of node %u)", record->owner.value);
        return;
    }
    const std::uint64_t first = offset - memory::offset_of(record->first);
    std::snprintf(out.data(), out.size(), " (byte %llu of an allocation of %llu)",
                  static_cast<unsigned long long>(first), static_cast<unsigned long long>(record->bytes));
}

void RaceCheck::describe_writer(Writer writer, std::span<char> out) const {
    const auto &ranks = node_.topology->ranks_of(writer.node);
    const auto interval = static_cast<unsigned long long>(writer.interval);
    if (ranks.size() == 1) {
        std::snprintf(out.data(), out.size(), "node %u (rank %d) in its interval %llu", writer.node.value,
                      ranks.front().value, interval);
    } else {
        std::snprintf(out.data(), out.size(), "node %u (ranks %d to %d) in its interval %llu", writer.node.value,
                      ranks.front().value, ranks.back().value, interval);
    }
}

} // namespace dsm::rt
