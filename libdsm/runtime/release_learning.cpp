// What this node learns of other nodes' writes, and threads that wait for it.
#include "libdsm/runtime/carried_record.hpp"
#include "libdsm/runtime/release_node.hpp"

#include <algorithm>
#include <mutex>

namespace dsm::rt {
namespace {

/// A range of more pages is not looked at page by page.
constexpr std::uint64_t pages_told_apart_max = 1024;

} // namespace

void ReleaseNode::on_record(std::int32_t from_rank, std::span<const std::byte> bytes) {
    if (static_cast<Service>(bytes[0]) == Service::Released) { return post_due(); }
    const CarriedRecord record = decoded(bytes);
    const protocol::EnvelopeHead &head = record.part.head;
    if (head.is_last && head.part == 0) {
        drop_copies(record.part);
        adopt(head, [&](auto adopt_part) { adopt_part(record.part); });
        return deliver(from_rank, record);
    }
    auto *incoming = incoming_.add(from_rank, head.number, head.part, head.is_last, bytes);
    if (incoming != nullptr) { on_whole(from_rank, *incoming); }
}

/// The last of several parts has come.
void ReleaseNode::on_whole(std::int32_t from_rank, EnvelopeParts::Incoming &incoming) {
    CarriedRecord last{};
    incoming_.for_each(incoming, [&](std::span<const std::byte> bytes) {
        last = decoded(bytes);
        drop_copies(last.part);
    });
    adopt(last.part.head, [&](auto adopt_part) {
        incoming_.for_each(incoming, [&](std::span<const std::byte> bytes) { adopt_part(decoded(bytes).part); });
    });
    deliver(from_rank, last);
    incoming_.end(incoming);
}

/// Of an envelope that is adopted. Its sender sends the same again until it hears that it has come.
void ReleaseNode::deliver(std::int32_t from_rank, const CarriedRecord &record) {
    {
        const std::lock_guard locked(tables_.shared().lock);
        const NodeId from = record.part.head.from;
        if (log_.owes_ack(from)) { encode_envelope(from, {Rank{from_rank}, {}, {}}); }
    }
    if (!record.inner.empty()) { engine_.handle(from_rank, record.inner); }
}

CarriedRecord ReleaseNode::decoded(std::span<const std::byte> bytes) const {
    const auto record = decode_carried(bytes, node_.topology->node_count(), node_.segment.page_count());
    DSM_CHECK(record.has_value(), "P12 a carried record holds a part of an envelope", bytes.size());
    return *record;
}

/// N2: first the copies go, then it is known that they had to.
void ReleaseNode::drop_copies(const protocol::EnvelopePart &part) {
    ReleaseShared &shared = tables_.shared();
    part.for_each([&](const protocol::NoticeRun &run) {
        shared.lock.lock();
        const bool is_news = log_.is_news(run.writer, run.interval);
        shared.lock.unlock();
        if (!is_news) { return; }
        if (run.is_all()) { return pages_.on_notice_of_all(); }
        const protocol::PageNotice notice{run.writer, run.interval};
        for (std::uint32_t i = 0; i < run.count; ++i) { pages_.on_notice(PageId{run.first.value + i}, notice); }
    });
}

template <class Parts> void ReleaseNode::adopt(const protocol::EnvelopeHead &head, Parts for_parts) {
    ReleaseShared &shared = tables_.shared();
    const std::lock_guard locked(shared.lock);
    shared.is_in_use.store(1, std::memory_order_relaxed);
    DSM_CHECK(log_.begin_adopt(head), "P12 a carried record holds a part of an envelope", head.number);
    for_parts([this](const protocol::EnvelopePart &part) { log_.adopt_part(part); });
    log_.end_adopt();
}

void ReleaseNode::on_barrier_open() {
    const std::lock_guard locked(tables_.shared().lock);
    log_.on_barrier_depart();
}

void ReleaseNode::copy_time(std::span<protocol::Interval> time) const {
    const std::size_t nodes = std::min<std::size_t>(time.size(), node_.topology->node_count());
    const std::lock_guard locked(tables_.shared().lock);
    for (std::uint16_t node = 0; node < nodes; ++node) { time[node] = log_.known(NodeId{node}); }
}

void ReleaseNode::describe() const {
    const ReleaseShared &shared = tables_.shared();
    if (!is_in_use()) { return; }
    log_line("release memory: %u intervals begun, %u published, %u acknowledgements awaited, %llu pages written, %u "
             "updates due, %llu records held",
             shared.interval.begun, shared.interval.done, shared.interval.parts_left,
             static_cast<unsigned long long>(shared.listed.load(std::memory_order_relaxed)),
             shared.updates.load(std::memory_order_relaxed), static_cast<unsigned long long>(held_.size()));
}

void ReleaseNode::await_updates_slowly() {
    ReleaseShared &shared = tables_.shared();
    Waiter waiter(*node_.wait_slots, engine_, node_.topology->self());
    shared.lock.lock();
    const std::uint64_t awaited = protocol::updates_to_await(shared.update_rounds);
    shared.lock.unlock();
    while (true) {
        shared.lock.lock();
        const bool are_done = protocol::are_updates_done(shared.update_rounds, awaited);
        if (!are_done) { waiter.add_to(shared.update_waiters); }
        shared.lock.unlock();
        if (are_done) { return; }
        waiter.wait({"release", self_node().value});
    }
}

/// Who waits for a page leaves no later than who waits for everything.
void ReleaseNode::await_updates_of(const PageRange &range) {
    ReleaseShared &shared = tables_.shared();
    if (range.count > pages_told_apart_max) { return await_updates(); }
    if (shared.updates.load(std::memory_order_acquire) == 0) { return; }
    shared.lock.lock();
    const std::uint64_t awaited = protocol::updates_to_await(shared.update_rounds);
    ++shared.range_waiters;
    shared.lock.unlock();
    Waiter waiter(*node_.wait_slots, engine_, node_.topology->self());
    for (std::uint64_t i = 0; i < range.count; ++i) {
        pages_.await_update(PageId{range.first.value + i}, awaited, waiter);
    }
    const std::lock_guard locked(shared.lock);
    --shared.range_waiters;
}

} // namespace dsm::rt
