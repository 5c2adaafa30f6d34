// Effects of the release protocol: messages with pages or diffs, twins, rights, lists.
#include "libdsm/runtime/release_executor.hpp"

#include "libdsm/protocol/release/page_diff.hpp"
#include "libdsm/protocol/release/release_wire.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>

namespace dsm::rt {
namespace {

using protocol::Contents;
using protocol::Install;
using protocol::ReleaseMessage;

constexpr std::size_t wire_bytes_max = protocol::release_record_bytes;
/// Left in a record for the notices that go with a home.
constexpr std::size_t notices_room = 1024;

alignas(64) std::byte zero_page[page_bytes]{}; // Never written.

/// A page is as good as some of its lines.
ReleaseMessage with_all_bytes(const ReleaseMessage &message) {
    ReleaseMessage whole = message;
    whole.contents = Contents::Bytes;
    whole.lines = 0;
    whole.back = 0;
    return whole;
}

/// A page that fits so many bytes as a diff from zeros goes packed: with its message in one packet of shared memory.
constexpr std::size_t packed_bytes_max = 2048;

} // namespace

/// For what comes with the message, in one record.
std::size_t ReleaseExecutor::room(Rank agent) const {
    return pages_.engine_.record_bytes_max(agent) - sizeof(ReleaseRecordHead) - wire_bytes_max;
}

/// The same for bytes of the page, beside notices where some go with it.
std::size_t ReleaseExecutor::room(Rank agent, const ReleaseMessage &message) const {
    const std::size_t all = room(agent);
    return message.reason == protocol::HomeReason::Lock ? all - std::min(notices_room, all / 2) : all;
}

ReleaseRecordHead ReleaseExecutor::head() const {
    const PageAttributes &attributes = entry_.attributes;
    return {Service::ReleasePage,
            attributes.origin,
            BytesPlace::Record,
            0,
            attributes.generation,
            attributes.home,
            0,
            0,
            0};
}

void ReleaseExecutor::post(Rank agent, ReleaseRecordHead head, const ReleaseMessage &message,
                           std::span<const std::byte> part) {
    std::byte record[sizeof head + wire_bytes_max];
    const std::size_t wire_bytes = protocol::encode(message, {record + sizeof head, wire_bytes_max});
    head.wire_bytes = static_cast<std::uint16_t>(wire_bytes);
    std::memcpy(record, &head, sizeof head);
    const std::span<const std::byte> whole(record, sizeof head + wire_bytes);
    if (message.reason == protocol::HomeReason::Lock) {
        pages_.ordering_->post_with_notices(agent, whole, part);
    } else {
        pages_.engine_.post(agent, whole, part);
    }
}

void ReleaseExecutor::send(NodeId to, const ReleaseMessage &message) {
    if (message.contents == Contents::Bytes) { return send_page(to, message); }
    if (message.contents == Contents::Lines) { return send_lines(to, message); }
    const Rank agent = pages_.node_.topology->agent(to, page_.value);
    if (message.kind == protocol::ReleaseMessageKind::Fetch) { count(pages_.engine_.statistics().fetches); }
    if (message.kind != protocol::ReleaseMessageKind::Flush) { return post(agent, head(), message, {}); }
    post_flush(agent, message, message.diff); // Passed on: the bytes stand in the record that is being handled.
}

/// `body` begins with the message's diff.
void ReleaseExecutor::post_flush(Rank agent, const ReleaseMessage &message, std::span<const std::byte> body) {
    std::byte record[sizeof(ReleaseRecordHead) + protocol::release_record_bytes];
    ReleaseMessage without_diff = message;
    without_diff.diff = {};
    const std::size_t wire_bytes =
        protocol::encode(without_diff, {record + sizeof(ReleaseRecordHead), protocol::release_record_bytes});
    ReleaseRecordHead head_with_size = head();
    head_with_size.wire_bytes = static_cast<std::uint16_t>(wire_bytes + message.diff.size());
    std::memcpy(record, &head_with_size, sizeof head_with_size);
    pages_.engine_.post(agent, {record, sizeof record}, body);
}

void ReleaseExecutor::send_page(NodeId to, const ReleaseMessage &message) {
    Node &node = pages_.node_;
    Engine &engine = pages_.engine_;
    count_sent(message);
    count(engine.statistics().page_copies);
    const Rank agent = node.topology->agent(to, page_.value);
    ReleaseRecordHead whole = head();
    whole.place = BytesPlace::Frame;
    const BulkWay way = message.may_put ? node.bulk.to(to) : BulkWay::ActiveMessage;
    if (way == BulkWay::Direct) {
        // Nobody there looks at the frame before the answer, and no second Fetch is under way (R3).
        std::memcpy(node.bulk.frames[to.value].frame(page_), sent_bytes(), page_bytes);
        return post(agent, whole, message, {});
    }
    if (way == BulkWay::OneSided && engine.driving()) {
        std::byte record[sizeof whole + wire_bytes_max];
        const std::size_t wire_bytes = protocol::encode(message, {record + sizeof whole, wire_bytes_max});
        whole.wire_bytes = static_cast<std::uint16_t>(wire_bytes);
        std::memcpy(record, &whole, sizeof whole);
        engine.post_after_put(agent, {record, sizeof whole + wire_bytes}, {page_.value << page_shift},
                              {sent_bytes(), page_bytes});
        return;
    }
    send_parts(agent, message);
}

std::uint64_t ReleaseExecutor::published() const {
    return pages_.tables_.shared().published.load(std::memory_order_acquire);
}

/// In one record, or not at all: it is a hint. On one host the receiver takes the bytes from the twin, where they
/// become newer at most.
bool ReleaseExecutor::push(NodeId to, const ReleaseMessage &message) {
    const Rank agent = pages_.node_.topology->agent(to, page_.value);
    if (pages_.engine_.is_crowded()) { return false; }
    if (pages_.node_.bulk.to(to) == BulkWay::Direct) {
        ReleaseRecordHead elsewhere = head();
        elsewhere.place = BytesPlace::SenderTwin;
        post(agent, elsewhere, message, {});
        count_sent(message);
        return true;
    }
    if (message.contents == Contents::Lines && protocol::bytes_of_lines(message.lines) <= room(agent)) {
        post_lines(agent, message);
        return true;
    }
    const ReleaseMessage whole = with_all_bytes(message);
    if (page_bytes <= room(agent)) {
        post(agent, head(), whole, {twin(), page_bytes});
    } else if (!send_packed(agent, whole)) {
        return false;
    }
    count_sent(whole);
    return true;
}

void ReleaseExecutor::count_sent(const ReleaseMessage &message) {
    Statistics &statistics = pages_.engine_.statistics();
    if (message.contents != Contents::Lines) { return count(statistics.pages_sent); }
    count(statistics.lines_sent, static_cast<unsigned>(std::popcount(message.lines)));
}

/// On one host they are put into the frame, as a page is.
void ReleaseExecutor::send_lines(NodeId to, const ReleaseMessage &message) {
    Node &node = pages_.node_;
    const Rank agent = node.topology->agent(to, page_.value);
    if (message.may_put && node.bulk.to(to) == BulkWay::Direct) {
        std::byte *const frame_there = node.bulk.frames[to.value].frame(page_);
        protocol::for_each_run_of_ones(message.lines, [&](std::size_t first, std::size_t count) {
            const std::size_t offset = first * protocol::line_bytes;
            std::memcpy(frame_there + offset, sent_bytes() + offset, count * protocol::line_bytes);
        });
        ReleaseRecordHead in_place = head();
        in_place.place = BytesPlace::Frame;
        post(agent, in_place, message, {});
        return count_sent(message);
    }
    if (protocol::bytes_of_lines(message.lines) > room(agent)) { return send_page(to, with_all_bytes(message)); }
    post_lines(agent, message);
}

void ReleaseExecutor::post_lines(Rank agent, const ReleaseMessage &message) {
    std::byte lines[page_bytes];
    post(agent, head(), message, {lines, protocol::gather_lines(message.lines, sent_bytes(), lines)});
    count_sent(message);
}

bool ReleaseExecutor::send_packed(Rank agent, const ReleaseMessage &message) {
    std::byte packed[packed_bytes_max];
    protocol::DiffEncoder encoder(sent_bytes(), zero_page, protocol::RefreshTwin::No);
    const std::size_t bytes = encoder.next(std::span(packed).first(std::min(sizeof packed, room(agent, message))));
    if (!encoder.done()) { return false; }
    ReleaseRecordHead whole = head();
    whole.is_packed = 1;
    post(agent, whole, message, {packed, bytes});
    return true;
}

void ReleaseExecutor::send_parts(Rank agent, const ReleaseMessage &message) {
    if (send_packed(agent, message)) { return; }
    const std::size_t part_max = room(agent, message);
    for (std::size_t offset = 0; offset < page_bytes; offset += part_max) {
        ReleaseRecordHead part = head();
        part.part_offset = static_cast<std::uint16_t>(offset);
        post(agent, part, message, {sent_bytes() + offset, std::min(part_max, page_bytes - offset)});
    }
}

unsigned ReleaseExecutor::flush(NodeId to, const ReleaseMessage &message, bool refresh) {
    const Rank agent = pages_.node_.topology->agent(to, page_.value);
    std::byte diff[page_bytes + protocol::page_diff_part_bytes_min + sizeof(RaceCheck::Time)];
    const std::size_t room_here = std::min(sizeof diff, room(agent));
    const std::size_t time_wanted = pages_.races_ ? pages_.races_->time_bytes() : 0;
    // Of a large job over a network with short records races are not seen.
    const bool has_time = time_wanted + protocol::page_diff_part_bytes_min <= room_here;
    const std::size_t time_bytes = has_time ? time_wanted : 0;
    protocol::DiffEncoder encoder(frame(), twin(), refresh ? protocol::RefreshTwin::Yes : protocol::RefreshTwin::No);
    unsigned parts = 0;
    while (const std::size_t bytes = encoder.next({diff, room_here - time_bytes})) {
        ReleaseMessage part = message;
        part.diff = {diff, bytes};
        part.part = static_cast<std::uint8_t>(parts);
        part.is_last = encoder.done();
        {
            const std::lock_guard locked(pages_.tables_.shared().lock);
            protocol::add_parts(pages_.tables_.shared().interval, 1);
        }
        count(pages_.engine_.statistics().diffs_sent);
        count(pages_.engine_.statistics().diff_bytes, bytes);
        const std::span behind(diff + bytes, sizeof diff - bytes);
        if (time_bytes != 0) { pages_.races_->write_time(behind); } // Now that the bytes have been read.
        post_flush(agent, part, {diff, bytes + time_bytes});
        ++parts;
    }
    return parts;
}

void ReleaseExecutor::claim(NodeId to, const ReleaseMessage &message) {
    {
        const std::lock_guard locked(pages_.tables_.shared().lock);
        protocol::add_parts(pages_.tables_.shared().interval, 1);
    }
    send(to, message);
}

std::uint64_t ReleaseExecutor::apply(std::span<const std::byte> diff, bool has_twin) {
    pages_.coherence_.note_frame(entry_, page_);
    const bool is_well_formed =
        has_twin ? protocol::apply_diff_to_both(diff, frame(), twin()) : protocol::apply_diff(diff, frame());
    DSM_CHECK(is_well_formed, "P9 a diff lies in its page", page_.value);
    return protocol::lines_in(diff);
}

std::uint64_t ReleaseExecutor::refresh_twin() {
    if (!pages_.races_) { return protocol::refresh(twin(), frame()); }
    std::byte scratch[page_bytes + protocol::page_diff_part_bytes_min];
    protocol::DiffEncoder encoder(frame(), twin(), protocol::RefreshTwin::Yes);
    protocol::PageBytes changed{};
    while (const std::size_t bytes = encoder.next(scratch)) {
        protocol::add_bytes(changed, protocol::bytes_in({scratch, bytes}));
    }
    const std::uint64_t lines = protocol::lines_of(changed);
    if (lines != 0) { pages_.races_->on_home_writes(entry_, page_, changed); }
    return lines;
}

void ReleaseExecutor::make_twin() {
    count(pages_.engine_.statistics().twins);
    protocol::copy_page(twin(), frame());
}

/// The memory stays for the next one: pages that are written once are written again.
void ReleaseExecutor::drop_twin() {
    const bool is_compared = protocol::is_home(entry_.release) && !entry_.release.copyset.empty();
    if (!pages_.races_ || !is_compared) { return; }
    // A home that knew that it had written has not looked at what.
    pages_.races_->on_home_writes(entry_, page_, protocol::changed_bytes(frame(), twin()));
}

void ReleaseExecutor::install(Install how, std::size_t offset, std::span<const std::byte> bytes) {
    switch (how) {
    case Install::Nothing:
        return;
    case Install::Overwrite:
        std::memcpy(frame() + offset, bytes.data(), bytes.size());
        return;
    case Install::MergeMapped:
        protocol::merge_clean(frame(), bytes, offset);
        return;
    case Install::MergeTwin:
        protocol::merge(frame(), twin(), bytes, offset);
        return;
    }
}

/// Bytes of another node's twin are read once, into a page of this thread's own: they may change.
void ReleaseExecutor::install_bytes_of(const ReleaseRecord &record, Install how) {
    if (how == Install::Nothing) { return; }
    const std::uint64_t lines = record.message.lines;
    const bool has_lines = record.message.contents == Contents::Lines;
    std::byte page[page_bytes];
    if (record.head.is_packed != 0) {
        unpack(record.part, page);
        install(how, 0, page);
    } else if (record.head.place == BytesPlace::SenderTwin) {
        const std::byte *twin = pages_.node_.bulk.twins[record.message.from.value].frame(page_);
        if (has_lines) { return install_lines(how, lines, {page, protocol::gather_lines(lines, twin, page)}); }
        std::memcpy(page, twin, page_bytes);
        install(how, 0, page);
    } else if (has_lines) {
        install_lines(how, lines, record.part);
    } else {
        install(how, record.head.part_offset, record.part);
    }
}

/// One behind the other.
void ReleaseExecutor::install_lines(Install how, std::uint64_t lines, std::span<const std::byte> bytes) {
    protocol::for_each_run_of_ones(lines, [&](std::size_t first, std::size_t count) {
        const std::size_t length = count * protocol::line_bytes;
        install(how, first * protocol::line_bytes, bytes.first(length));
        bytes = bytes.subspan(length);
    });
}

/// A whole page that has come packed.
void ReleaseExecutor::unpack(std::span<const std::byte> packed, std::byte *page) {
    std::memset(page, 0, page_bytes);
    DSM_CHECK(protocol::apply_diff(packed, page), "P9 a diff lies in its page", packed.size());
}

void ReleaseExecutor::install_zeros(Install how) {
    // A page that is not in the ledger has no frame: what the store holds there reads as zeros.
    if (how == Install::Overwrite && entry_.ledger_place.load(std::memory_order_relaxed) == 0) { return; }
    install(how, 0, zero_page);
}

void ReleaseExecutor::restrict_access(Access access) {
    if (access == Access::None) { count(pages_.engine_.statistics().invalidations); }
    pages_.node_.backend->restrict_ranks(page_, 1, access, false);
}

bool ReleaseExecutor::is_mapped(Access access) const {
    const memory::RankMask own = memory::rank_bit(pages_.node_.topology->local_rank());
    const auto &rights = access == Access::Write ? entry_.rights.writers : entry_.rights.readers;
    return (rights.load(std::memory_order_relaxed) & own) != 0;
}

void ReleaseExecutor::grant_access(Access access) {
    pages_.coherence_.note_frame(entry_, page_);
    if (maps_ && entry_.waiters == 0 && !is_mapped(access)) { pages_.node_.backend->map(page_, 1, access); }
    wake_all(*pages_.node_.wait_slots, pages_.engine_, entry_.waiters);
}

void ReleaseExecutor::drop_frame() {
    if (pages_.coherence_.over_budget()) { pages_.coherence_.release_frame(entry_, page_); }
}

/// A page that was freed, and is written in its next life, stands there already.
void ReleaseExecutor::list() {
    ReleaseShared &shared = pages_.tables_.shared();
    const std::lock_guard locked(shared.lock);
    if (entry_.list_mark == pages_.tables_.open_mark()) { return; }
    entry_.list_mark = pages_.tables_.open_mark();
    const std::uint64_t at = shared.listed.load(std::memory_order_relaxed);
    DSM_CHECK(at < pages_.tables_.capacity(), "R11 a page is listed once", page_.value);
    pages_.tables_.open_list()[at] = page_.value;
    shared.listed.store(at + 1, std::memory_order_relaxed);
    shared.is_in_use.store(1, std::memory_order_relaxed);
}

void ReleaseExecutor::update_due() {
    ReleaseShared &shared = pages_.tables_.shared();
    const std::lock_guard locked(shared.lock);
    entry_.update_place = protocol::note_update_due(shared.update_rounds);
    shared.updates.fetch_add(1, std::memory_order_relaxed);
}

void ReleaseExecutor::update_done() {
    ReleaseShared &shared = pages_.tables_.shared();
    const std::lock_guard locked(shared.lock);
    const std::uint32_t before = shared.updates.fetch_sub(1, std::memory_order_release);
    DSM_CHECK(before != 0, "R8 an update that is done was due", page_.value);
    if (protocol::note_update_done(shared.update_rounds, entry_.update_place) || shared.range_waiters != 0) {
        wake_all(*pages_.node_.wait_slots, pages_.engine_, shared.update_waiters);
    }
}

/// The record that is being handled is kept by whoever handles it, before any of its bytes is used: see
/// ReleasePages::is_kept(). Here are left those without bytes.
void ReleaseExecutor::keep(const ReleaseMessage &message) {
    std::byte record[outbox_slot_bytes];
    ReleaseRecordHead head_of_record = head();
    const std::size_t wire_bytes =
        protocol::encode(message, {record + sizeof head_of_record, sizeof record - sizeof head_of_record});
    head_of_record.wire_bytes = static_cast<std::uint16_t>(wire_bytes);
    std::memcpy(record, &head_of_record, sizeof head_of_record);
    pages_.kept_.keep(page_, {record, sizeof head_of_record + wire_bytes});
}

} // namespace dsm::rt
