// The log of write notices: publishing, encoding, adopting, and what is done when the ring is full.
#include "libdsm/protocol/release/notice_log.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/hash.hpp"

#include <algorithm>
#include <bit>

namespace dsm::protocol {
namespace {

constexpr unsigned pages_shift = 40;
constexpr unsigned writer_shift = 48;
constexpr std::uint64_t not_told_max = 64; ///< runs that a peer may send twice before it is told
constexpr std::size_t header_bytes = 256;

constexpr std::size_t latest_slots(std::size_t entries) { return entries / 2; }
constexpr std::size_t rounded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

} // namespace

std::size_t NoticeLog::region_bytes(unsigned node_count_max, std::size_t entries) noexcept {
    static_assert(sizeof(Shared) <= header_bytes);
    return header_bytes + 2 * rounded(node_count_max * sizeof(Interval)) + rounded(node_count_max * sizeof(Peer)) +
           entries * sizeof(Entry) + latest_slots(entries) * sizeof(std::uint32_t);
}

NoticeLog::NoticeLog(std::byte *region, NodeId self, std::uint16_t node_count, std::size_t entries,
                     NoticeMutation mutation) noexcept
    : entries_(entries), self_(self), node_count_(node_count), mutation_(mutation) {
    DSM_CHECK(entries >= 4 && std::has_single_bit(entries) && entries < (std::size_t{1} << 32), "N8 entries", entries);
    DSM_CHECK(self.value < node_count && node_count <= nodes_max, "N8 nodes", node_count);
    const auto take = [&region](std::size_t bytes) {
        std::byte *const taken = region;
        region += rounded(bytes);
        return taken;
    };
    shared_ = reinterpret_cast<Shared *>(take(header_bytes));
    known_ = reinterpret_cast<Interval *>(take(node_count * sizeof(Interval)));
    unlisted_ = reinterpret_cast<Interval *>(take(node_count * sizeof(Interval)));
    peers_ = reinterpret_cast<Peer *>(take(node_count * sizeof(Peer)));
    ring_ = reinterpret_cast<Entry *>(take(entries * sizeof(Entry)));
    latest_ = reinterpret_cast<std::uint32_t *>(region);
}

NoticeLog::Entry NoticeLog::entry_of(const NoticeRun &run) noexcept {
    return {run.first.value | std::uint64_t{run.count} << pages_shift,
            run.interval | std::uint64_t{run.writer.value} << writer_shift};
}

NoticeRun NoticeLog::run_of(const Entry &entry) noexcept {
    return {NodeId{static_cast<std::uint16_t>(entry.origin >> writer_shift)}, entry.origin & interval_max,
            PageId{entry.run & (noticed_pages_max - 1)}, static_cast<std::uint32_t>(entry.run >> pages_shift)};
}

/// N3: where what `node` may lack begins.
std::uint64_t NoticeLog::had_by(NodeId node) const noexcept { return std::max(peers_[node.value].ack, shared_->floor); }

// Publishing.

void NoticeLog::begin_publish() noexcept {
    DSM_CHECK(known(self_) < interval_max, "N8 intervals", self_.value);
    has_no_room_ = false;
    entering_ = {};
}

void NoticeLog::add(PageId first, std::uint32_t pages) noexcept {
    DSM_CHECK(pages > 0 && pages <= run_pages_max && first.value < noticed_pages_max &&
                  pages <= noticed_pages_max - first.value,
              "N8 pages that a notice can name", first.value);
    const Entry added = entry_of({self_, known(self_) + 1, first, pages});
    const bool is_first = entering_.origin == 0;
    entering_.origin = added.origin;
    if (has_no_room_) { return; }
    if (!is_first) {
        Entry &before = entry(shared_->end - 1);
        const NoticeRun run = run_of(before);
        const std::uint64_t begin = std::min(run.first.value, first.value);
        const std::uint64_t end = std::max(run.first.value + run.count, first.value + pages);
        const bool touches = end - begin <= std::uint64_t{run.count} + pages;
        if (touches && end - begin <= run_pages_max) {
            before = entry_of({run.writer, run.interval, PageId{begin}, static_cast<std::uint32_t>(end - begin)});
            return;
        }
    }
    append(added);
}

Interval NoticeLog::end_publish() noexcept {
    if (entering_.origin != 0) {
        ++known_[self_.value];
        if (has_no_room_) { collapse(); }
    }
    return known(self_);
}

// The ring.

/// Room is made at need: each compaction that suffices leaves a quarter of the ring, so it costs a few steps per entry.
void NoticeLog::append(const Entry &appended) noexcept {
    if (has_no_room_) { return; }
    if (shared_->end - shared_->first == entries_) {
        compact();
        has_no_room_ = shared_->end - shared_->first > entries_ / 4 * 3;
        if (has_no_room_) { return; }
    }
    entry(shared_->end++) = appended;
}

/// Drops what a later entry of the same writer repeats, and moves the others up (N4, N5). May overlook some.
void NoticeLog::compact() noexcept {
    std::fill_n(latest_, latest_slots(entries_), 0U);
    std::uint64_t to = shared_->end;
    for (std::uint64_t from = shared_->end; from > shared_->first; --from) {
        const Entry moved = entry(from - 1);
        if (run_of(moved).is_all() || is_superseded(moved, to - 1)) { continue; }
        entry(--to) = moved;
    }
    shared_->first = to;
    ++shared_->statistics.compactions;
}

/// Whether an entry that has been moved already is of the same writer and run; if not, this one is to be remembered.
bool NoticeLog::is_superseded(const Entry &candidate, std::uint64_t moved_to) noexcept {
    const std::uint64_t writer =
        mutation_ == NoticeMutation::CompactAcrossWriters ? 0 : candidate.origin >> writer_shift;
    const auto bits = static_cast<unsigned>(std::countr_zero(latest_slots(entries_)));
    std::uint32_t &slot = latest_[spread(candidate.run ^ (writer << 20), bits)];
    if (slot != 0) {
        const Entry &later = ring_[slot - 1];
        const bool is_same_writer = later.origin >> writer_shift == candidate.origin >> writer_shift;
        if (later.run == candidate.run && (is_same_writer || mutation_ == NoticeMutation::CompactAcrossWriters)) {
            return true;
        }
    }
    slot = static_cast<std::uint32_t>(moved_to & (entries_ - 1)) + 1;
    return false;
}

/// Forgets every entry (N6). What is being entered is known by now.
void NoticeLog::collapse() noexcept {
    shared_->first = ++shared_->end;
    ++shared_->statistics.collapses;
    has_no_room_ = false;
    if (mutation_ == NoticeMutation::CollapseWithoutTime) { return; }
    shared_->unlisted_at = shared_->end;
    std::copy_n(known_, node_count_, unlisted_);
}

// What others have.

bool NoticeLog::has_news_for(NodeId node) noexcept {
    std::uint64_t &ack = peers_[node.value].ack;
    std::uint64_t had = had_by(node);
    if (had < shared_->unlisted_at) { return true; }
    had = std::max(had, shared_->first);
    // It knows its own.
    while (had < shared_->end && entry(had).origin >> writer_shift == node.value) { ++had; }
    if (had > ack) { ack = had; }
    return had < shared_->end;
}

bool NoticeLog::owes_ack(NodeId node) const noexcept { return peers_[node.value].not_told > not_told_max; }

NoticeLog::Encoder::Encoder(NoticeLog &log, NodeId to) noexcept : log_(log), to_(to) {
    DSM_CHECK(to.value < log.node_count_ && to != log.self_, "N8 nodes", to.value);
    const Shared &shared = *log.shared_;
    const std::uint64_t had = log.had_by(to);
    at_ = std::max(had, shared.first);
    time_at_ = had < shared.unlisted_at ? 0 : log.node_count_;
    head_.from = log.self_;
    head_.number = ++log.shared_->envelopes;
    head_.end = shared.end;
    head_.length = static_cast<std::uint32_t>(shared.end - at_);
    head_.ack = log.peers_[to.value].seen;
    ++log.shared_->statistics.envelopes;
}

/// What is to be written next: the vector time, then the entries, without what the receiver did itself.
bool NoticeLog::Encoder::find_run(NoticeRun &run) noexcept {
    for (; time_at_ < log_.node_count_; ++time_at_) {
        const NodeId writer{static_cast<std::uint16_t>(time_at_)};
        run = {writer, log_.unlisted_[time_at_], PageId{0}, 0};
        if (run.interval != 0 && writer != to_) { return true; }
    }
    for (; at_ < log_.shared_->end; ++at_) {
        run = run_of(log_.entry(at_));
        if (!run.is_all() && run.writer != to_) { return true; }
    }
    return false;
}

void NoticeLog::Encoder::step() noexcept {
    if (time_at_ < log_.node_count_) {
        ++time_at_;
    } else {
        ++at_;
    }
}

std::size_t NoticeLog::Encoder::next(std::span<std::byte> out) noexcept {
    DSM_CHECK(!done_ && out.size() >= envelope_part_bytes_min, "N8 room for a part", out.size());
    DSM_CHECK(log_.shared_->end == head_.end && head_.part != 0xffff, "N4 the log stands still", head_.number);
    PartWriter writer(out);
    NoticeRun run;
    for (;;) {
        head_.is_last = !find_run(run);
        if (head_.is_last || !writer.add(run)) { break; }
        step();
    }
    const std::size_t used = writer.finish(head_);
    ++head_.part;
    done_ = head_.is_last;
    if (done_) {
        Peer &peer = log_.peers_[to_.value];
        peer.not_told = 0;
        if (log_.mutation_ == NoticeMutation::AckAtSending) { peer.ack = head_.end; }
    }
    return used;
}

// Adopting.

bool NoticeLog::begin_adopt(const EnvelopeHead &head) noexcept {
    if (head.from == self_ || head.from.value >= node_count_ || head.ack > shared_->end) { return false; }
    Peer &peer = peers_[head.from.value];
    peer.ack = std::max(peer.ack, head.ack);
    has_no_room_ = false;
    entering_ = {};
    entering_.head = head;
    entering_.sender_has_all = !has_news_for(head.from);
    return true;
}

void NoticeLog::adopt_part(const EnvelopePart &part) noexcept {
    EnvelopeHead expected = entering_.head;
    expected.part = entering_.next_part++;
    expected.is_last = part.head.is_last;
    if (mutation_ != NoticeMutation::PartAdoptedAlone) {
        DSM_CHECK(part.head == expected, "N2 an envelope is adopted whole", part.head.number);
    }
    entering_.head.is_last = part.head.is_last;
    part.for_each([this](const NoticeRun &run) { adopt_run(run); });
}

void NoticeLog::adopt_run(const NoticeRun &run) noexcept {
    DSM_CHECK(run.writer.value < node_count_ && (run.writer != self_ || !is_news(run.writer, run.interval)),
              "N1 a node knows its own intervals first", run.interval);
    if (run.is_all()) {
        if (is_news(run.writer, run.interval)) { take_time_over(run); }
        return;
    }
    const Entry added = entry_of(run);
    if (added.origin != entering_.origin) {
        entering_.origin = added.origin;
        entering_.is_news = is_news(run.writer, run.interval);
        if (entering_.is_news) { known_[run.writer.value] = run.interval; }
    }
    ++entering_.runs;
    Statistics &statistics = shared_->statistics;
    ++(entering_.is_news ? statistics.adopted : statistics.redundant);
    if (entering_.is_news && mutation_ != NoticeMutation::LearnedNotPassedOn) { append(added); }
}

/// N6: the receiver has dropped everything; what it could not list before is added to what it cannot list.
void NoticeLog::take_time_over(const NoticeRun &run) noexcept {
    known_[run.writer.value] = run.interval;
    if (mutation_ == NoticeMutation::TimeNotTakenOver) { return; }
    if (!entering_.is_time_news) {
        entering_.is_time_news = true;
        ++shared_->statistics.taken_over;
        // Everybody knows it: it need not be said again.
        if (shared_->floor >= shared_->unlisted_at) { std::fill_n(unlisted_, node_count_, Interval{0}); }
        // An entry of no pages, which is sent to nobody, so that there is a position.
        if (mutation_ != NoticeMutation::TimeTakesNoPosition) { append(entry_of({self_, 0, PageId{0}, 0})); }
        shared_->unlisted_at = shared_->end;
    }
    unlisted_[run.writer.value] = std::max(unlisted_[run.writer.value], run.interval);
}

void NoticeLog::end_adopt() noexcept {
    if (mutation_ != NoticeMutation::PartAdoptedAlone) {
        DSM_CHECK(entering_.head.is_last, "N2 an envelope is adopted whole", entering_.head.number);
    }
    if (has_no_room_) { collapse(); }
    Peer &peer = peers_[entering_.head.from.value];
    if (entering_.sender_has_all || mutation_ == NoticeMutation::AckForgetsGaps) { peer.ack = shared_->end; }
    peer.seen = std::max(peer.seen, entering_.head.end);
    peer.not_told += entering_.runs;
    // It sends a long vector time until it hears that we have it.
    if (entering_.is_time_news) { peer.not_told += not_told_max + 1; }
}

// Barriers.

void NoticeLog::on_barrier_arrive() noexcept {
    shared_->arrived_before = shared_->arrived;
    shared_->arrived = shared_->end;
}

void NoticeLog::on_barrier_depart() noexcept {
    shared_->floor = mutation_ == NoticeMutation::CutAtSameBarrier ? shared_->arrived : shared_->arrived_before;
    shared_->first = std::max(shared_->first, shared_->floor);
}

NoticeLog::Statistics NoticeLog::statistics() const noexcept {
    Statistics now = shared_->statistics;
    now.entries = shared_->end - shared_->first;
    return now;
}

} // namespace dsm::protocol
