// Releases: intervals that close, what is held for them, envelopes. What is learned: release_learning.cpp.
#include "libdsm/runtime/release_node.hpp"

#include "libdsm/runtime/carried_record.hpp"
#include "libdsm/sync/sync_wire.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace dsm::rt {
namespace {

/// A page has few parts.
constexpr std::uint64_t pages_between_looks = 512;

bool is_sync_kind(std::span<const std::byte> head, unsigned kind) {
    return head.size() > 1 && static_cast<Service>(head[0]) == Service::Sync &&
           std::to_integer<unsigned>(head[1]) == kind;
}

} // namespace

ReleaseNode::ReleaseNode(Node &node, Engine &engine, ReleasePages &pages)
    : node_(node), engine_(engine), pages_(pages), tables_(*node.release),
      log_(node.notices, node.topology->self_node(), node.topology->node_count()) {
    engine_.serve(Service::Carried, *this);
    engine_.serve(Service::Released, *this);
    engine_.set_carrier(this);
    pages_.set_ordering(*this);
}

// ---- Intervals

/// The list of the open interval becomes that of the closing one. Under the lock.
void ReleaseNode::take_list() {
    ReleaseShared &shared = tables_.shared();
    shared.closing_count = shared.listed.exchange(0, std::memory_order_relaxed);
    shared.notice_count = shared.push_count = 0;
    shared.open_list.store(1 - shared.open_list.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

/// The closing interval gets the pages of the range, the open one keeps the others. Under the lock, which is enough for
/// their marks: close() is not called before this ends.
void ReleaseNode::take_list_of(const PageRange &range) {
    if (range.is_all()) { return take_list(); }
    ReleaseShared &shared = tables_.shared();
    std::uint64_t *const open = tables_.open_list();
    const std::uint64_t listed = shared.listed.load(std::memory_order_relaxed);
    std::uint64_t stay = 0;
    shared.closing_count = shared.notice_count = shared.push_count = 0;
    for (std::uint64_t i = 0; i < listed; ++i) {
        if (!range.contains(open[i])) {
            open[stay++] = open[i];
            continue;
        }
        (*node_.pages)[PageId{open[i]}].list_mark = 0;
        tables_.closing_list()[shared.closing_count++] = open[i];
    }
    shared.listed.store(stay, std::memory_order_relaxed);
}

/// Under the lock.
bool ReleaseNode::has_listed(const PageRange &range) const {
    const std::uint64_t listed = tables_.shared().listed.load(std::memory_order_relaxed);
    if (range.is_all()) { return listed != 0; }
    return std::any_of(tables_.open_list(), tables_.open_list() + listed,
                       [&](std::uint64_t page) { return range.contains(page); });
}

protocol::CloseStart ReleaseNode::begin_release(const PageRange &range, const Record *record,
                                                protocol::IntervalTicket &ticket) {
    ReleaseShared &shared = tables_.shared();
    const std::lock_guard locked(shared.lock);
    const auto start = protocol::begin_release(shared.interval, has_listed(range), ticket);
    if (start == protocol::CloseStart::Nothing) { return start; }
    if (start == protocol::CloseStart::Close) { take_list_of(range); }
    if (protocol::waits_for_next(shared.interval, start, ticket)) { shared.next_range = shared.next_range.with(range); }
    if (record != nullptr) { hold(ticket, *record); }
    return start;
}

/// Under the lock.
void ReleaseNode::hold(protocol::IntervalTicket ticket, const Record &record) {
    held_.push(ticket, record.to, record.head, record.body);
    tables_.shared().holders |= memory::rank_bit(node_.topology->local_rank());
}

/// Of one thread, which holds no lock; the list is its own until part_done() has been called for it. Again while the
/// next interval is wanted at once.
void ReleaseNode::close_listed() {
    ReleaseShared &shared = tables_.shared();
    do {
        shared.lock.lock();
        const protocol::Interval interval = log_.known(self_node()) + 1;
        shared.lock.unlock();
        for (std::uint64_t i = 0; i < shared.closing_count; ++i) {
            const PageId page{tables_.closing_list()[i]};
            const protocol::CloseOutcome outcome = pages_.close(page, interval);
            shared.push_count += outcome.push ? 1 : 0;
            if (outcome.notice) { tables_.notices()[shared.notice_count++] = page.value * 2 + (outcome.push ? 1 : 0); }
            if (i % pages_between_looks == 0) { engine_.make_room(); }
        }
    } while (part_done());
}

/// An acknowledgement has come, or the diffs are made. True: this thread is to close the next interval.
bool ReleaseNode::part_done() {
    ReleaseShared &shared = tables_.shared();
    std::uint64_t holders = 0;
    bool closes_next = false;
    {
        const std::lock_guard locked(shared.lock);
        if (!protocol::part_done(shared.interval)) { return false; }
        publish();
    }
    push_published();
    {
        const std::lock_guard locked(shared.lock);
        closes_next = protocol::finish(shared.interval);
        if (closes_next) { take_list_of(std::exchange(shared.next_range, PageRange{})); }
        holders = shared.holders;
        wake_all(*node_.wait_slots, engine_, shared.release_waiters);
    }
    for (const Rank rank : node_.topology->ranks_of(self_node())) {
        if ((holders & memory::rank_bit(node_.topology->local_rank_of(rank))) == 0) { continue; }
        if (rank == node_.topology->self()) {
            post_due();
        } else {
            const std::byte record[2] = {static_cast<std::byte>(Service::Released), std::byte{0}};
            engine_.post_as_it_is(rank, record);
        }
    }
    return closes_next;
}

/// Under the lock.
void ReleaseNode::publish() {
    ReleaseShared &shared = tables_.shared();
    if (shared.notice_count == 0) { return; }
    std::uint64_t *const pages = tables_.notices();
    std::sort(pages, pages + shared.notice_count); // Neighbours make one entry.
    log_.begin_publish();
    for (std::uint64_t i = 0; i < shared.notice_count; ++i) { log_.add(PageId{pages[i] / 2}); }
    static_cast<void>(log_.end_publish());
    shared.published.store(log_.known(self_node()), std::memory_order_release);
    count(engine_.statistics().notices_sent, shared.notice_count);
}

/// Before what was held for the interval, so that it goes in the same packet. No other interval closes meanwhile.
void ReleaseNode::push_published() {
    const ReleaseShared &shared = tables_.shared();
    const std::uint64_t interval = shared.published.load(std::memory_order_relaxed);
    for (std::uint64_t i = 0, left = shared.push_count; left != 0; ++i) {
        if (tables_.notices()[i] % 2 == 0) { continue; }
        engine_.make_room(); // A page has as many readers as there are nodes.
        pages_.on_published(PageId{tables_.notices()[i] / 2}, interval);
        --left;
    }
}

void ReleaseNode::on_flush_part_done() {
    if (part_done()) { close_listed(); }
}

void ReleaseNode::release(const PageRange &range) {
    protocol::IntervalTicket ticket{};
    const auto start = begin_release(range, nullptr, ticket);
    if (start == protocol::CloseStart::Nothing) { return; }
    if (start == protocol::CloseStart::Close) { close_listed(); }
    engine_.kick();
    ReleaseShared &shared = tables_.shared();
    Waiter waiter(*node_.wait_slots, engine_, node_.topology->self());
    while (true) {
        shared.lock.lock();
        const bool is_due = protocol::is_due(shared.interval, ticket);
        if (!is_due) { waiter.add_to(shared.release_waiters); }
        shared.lock.unlock();
        if (is_due) { return; }
        waiter.wait({"release", self_node().value});
    }
}

void ReleaseNode::finish() {
    release();
    ReleaseShared &shared = tables_.shared();
    engine_.wait({"release", self_node().value}, engine_.next_bit(), [&] {
        const std::lock_guard locked(shared.lock);
        return held_.size() == 0;
    });
    engine_.set_carrier(nullptr);
}

void ReleaseNode::on_barrier_arrival() {
    if (!is_in_use() || !engine_.has_carrier()) { return; }
    const auto start = begin_release(PageRange::all(), nullptr, tables_.shared().arrival);
    if (start == protocol::CloseStart::Close) { closes_.store(true, std::memory_order_release); }
}

// ---- Records that release

bool ReleaseNode::carry(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) {
    const RecordOrder order = order_of(head);
    if (order == RecordOrder::None || !is_in_use()) { return false; }
    if (node_.topology->node_of(to) == self_node()) { return false; } // The same frames.
    const Record record{to, head, body};
    if (order != RecordOrder::Releases) {
        const bool is_held = order == RecordOrder::Arrives && holds_arrival(record);
        if (!is_held) { post_enveloped(record); }
        return true;
    }
    protocol::IntervalTicket ticket{};
    const auto start = begin_release(PageRange::all(), &record, ticket);
    if (start == protocol::CloseStart::Nothing) {
        post_enveloped(record);
    } else if (start == protocol::CloseStart::Close) {
        closes_.store(true, std::memory_order_release); // Whoever sends may hold the lock of an object.
    }
    return true;
}

/// It need not wait for later writes: nothing that has come to the barrier is behind them.
bool ReleaseNode::holds_arrival(const Record &record) {
    ReleaseShared &shared = tables_.shared();
    const std::lock_guard locked(shared.lock);
    if (protocol::is_due(shared.interval, shared.arrival)) { return false; }
    hold(shared.arrival, record);
    return true;
}

void ReleaseNode::do_due() {
    if (!closes_.load(std::memory_order_relaxed)) { return; }
    while (closes_.exchange(false, std::memory_order_acquire)) { close_listed(); }
}

/// Of this rank. It stays among the holders as long as it holds anything: some may wait for the next interval.
void ReleaseNode::post_due() {
    ReleaseShared &shared = tables_.shared();
    HeldRecord record;
    while (true) {
        engine_.make_room(); // There may be as many as the job has ranks.
        bool is_due = false;
        {
            const std::lock_guard locked(shared.lock);
            is_due = held_.pop_due(shared.interval, record);
            if (held_.size() == 0 && node_.topology->ranks_of(self_node()).size() <= memory::rank_mask_bits) {
                shared.holders &= ~memory::rank_bit(node_.topology->local_rank());
            }
        }
        if (!is_due) { break; }
        post_enveloped({record.to, record.head(), record.body()});
    }
}

void ReleaseNode::post_enveloped(const Record &record) {
    const NodeId to = node_.topology->node_of(record.to);
    if (is_sync_kind(record.head, static_cast<unsigned>(sync::LockMessageKind::Token))) {
        if (const auto token = sync::decode_lock(record.head.subspan(1), node_.topology->node_count())) {
            send_bound_pages(token->lock, to);
        }
    }
    const std::lock_guard locked(tables_.shared().lock);
    note_arrival(record);
    if (log_.has_news_for(to) || log_.owes_ack(to)) {
        encode_envelope(to, record);
    } else {
        engine_.post_as_it_is(record.to, record.head, record.body);
    }
}

/// N7: what is known here when the barrier is told of this node's arrival; at the root, when it first tells a child.
/// Under the lock.
void ReleaseNode::note_arrival(const Record &record) {
    if (is_sync_kind(record.head, static_cast<unsigned>(sync::BarrierMessageKind::TreeArrive))) {
        log_.on_barrier_arrive();
    } else if (is_sync_kind(record.head, static_cast<unsigned>(sync::BarrierMessageKind::TreeDepart)) &&
               self_node().value == 0) {
        const auto depart = sync::decode_barrier(record.head.subspan(1), node_.topology->node_count());
        if (depart && depart->generation != last_root_barrier_) {
            last_root_barrier_ = depart->generation;
            log_.on_barrier_arrive();
        }
    }
}

/// Under the lock.
void ReleaseNode::encode_envelope(NodeId to, const Record &record) {
    std::byte bytes[sizeof(OutboxItem::bytes)];
    const std::size_t record_max = engine_.record_bytes_max(record.to);
    const std::size_t inner_bytes = record.head.size() + record.body.size();
    DSM_CHECK(sizeof(CarriedHead) + protocol::envelope_part_bytes_min + inner_bytes <= record_max,
              "E12 a record that orders memory leaves room for notices", inner_bytes);
    const std::size_t room = record_max - sizeof(CarriedHead) - inner_bytes;
    protocol::NoticeLog::Encoder encoder(log_, to);
    while (!encoder.done()) {
        const std::size_t part_bytes = encoder.next({bytes + sizeof(CarriedHead), room});
        const CarriedHead head{Service::Carried, 0, static_cast<std::uint16_t>(part_bytes)};
        std::memcpy(bytes, &head, sizeof head);
        std::size_t used = sizeof head + part_bytes;
        if (encoder.done()) {
            std::memcpy(bytes + used, record.head.data(), record.head.size());
            used += record.head.size();
            if (!record.body.empty()) { std::memcpy(bytes + used, record.body.data(), record.body.size()); }
            used += record.body.size();
        }
        engine_.post_as_it_is(record.to, {bytes, used});
    }
}

/// Pages that are written under the lock alone go with its token.
void ReleaseNode::send_bound_pages(LockId lock, NodeId to) {
    PageId pages[BoundPages::pages_of_lock_max];
    std::size_t found = 0;
    {
        const std::lock_guard locked(tables_.shared().lock);
        found = tables_.shared().bound.take(lock.value + 1, pages);
    }
    for (std::size_t i = 0; i < found; ++i) {
        if (pages_.go_with_token(pages[i], to)) { count(engine_.statistics().homes_moved); }
    }
}

} // namespace dsm::rt
