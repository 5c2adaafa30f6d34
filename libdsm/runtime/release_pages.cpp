// Faults, records and notices of release pages.
#include "libdsm/runtime/release_pages.hpp"

#include "libdsm/protocol/release/page_diff.hpp"
#include "libdsm/protocol/release/release_wire.hpp"
#include "libdsm/runtime/held_locks.hpp"
#include "libdsm/runtime/read_ahead.hpp"
#include "libdsm/runtime/release_executor.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace dsm::rt {

using protocol::ReleaseMessageKind;

// ---- This node's events

/// While it lives a page is stepped: what has changed then is noted.
class ReleasePages::Noted {
public:
    Noted(ReleasePages &pages, const PageEntry &entry, PageId page, const char *event, NodeId other = no_node)
        : history_(pages.history_), entry_(entry), page_(page), event_(event), other_(other), before_(entry.release) {}
    ~Noted() {
        const protocol::ReleasePageState &after = entry_.release;
        const bool is_changed =
            after.flags != before_.flags || after.access != before_.access || after.epoch != before_.epoch;
        if (is_changed) { history_.note_release(page_, event_, other_, before_, after); }
    }
    Noted(const Noted &) = delete;
    Noted &operator=(const Noted &) = delete;

private:
    PageHistory &history_;
    const PageEntry &entry_;
    const PageId page_;
    const char *const event_;
    const NodeId other_;
    const protocol::ReleasePageState before_;
};

ReleasePages::ReleasePages(Node &node, Engine &engine, Coherence &coherence, PageHistory &history,
                           protocol::ReleaseLimits limits, bool reads_ahead)
    : node_(node), engine_(engine), coherence_(coherence), tables_(*node.release), history_(history),
      protocol_(*node.sets, limits), reads_ahead_(reads_ahead) {
    engine_.serve(Service::ReleasePage, *this);
}

bool ReleasePages::try_map(const LockedBlock &at, Access wanted, bool is_hint) {
    PageEntry &entry = *at.entry;
    if (protocol::access_of(entry.release) < wanted) {
        const Noted noted(*this, entry, at.block.first, wanted == Access::Write ? "write fault" : "read fault");
        ReleaseExecutor effects(*this, entry, at.block.first, false);
        protocol_.on_fault(entry.release, at.context, {wanted, !is_hint, innermost_lock()}, effects);
    }
    const Access access = protocol::access_of(entry.release);
    if (access < wanted) { return false; }
    node_.backend->map(at.block.first, 1, access);
    entry.used = 1;
    return true;
}

/// Whether this node knows the page as one that another has touched first. Without any lock.
bool ReleasePages::is_of_others(const memory::SpanRecord &record, PageId page) {
    const memory::SegmentOffset offset = memory::offset_of(page);
    if (!memory::contains(record, offset)) { return false; }
    const LockedBlock at = coherence_.lock_block(offset, Access::Read);
    if (at.entry == nullptr) { return false; }
    const protocol::ReleasePageState &state = at.entry->release;
    const bool is_known = is_release(at.entry->attributes) && protocol::has(state, protocol::ReleaseFlag::Started);
    const bool is_of_others = is_known && !protocol::is_home(state);
    at.entry->lock.unlock();
    return is_of_others;
}

/// Where whoever touches a page first becomes its home, nothing is fetched ahead before the thread has met pages that
/// others have touched: it would take the homes of pages that it may never come to.
void ReleasePages::read_ahead(const LockedBlock &missed) {
    static thread_local ReadAhead misses __attribute__((tls_model("initial-exec")));
    if (!reads_ahead_) { return; }
    const ReadAhead::Batch batch = misses.on_miss(missed.block.first);
    if (batch.count == 0) { return; }
    const PageId before{missed.block.first.value - static_cast<std::uint64_t>(batch.stride)};
    if (missed.context.first_touch && !is_of_others(missed.record, before)) { return; }
    PageId page = batch.first;
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        const memory::SegmentOffset offset = memory::offset_of(page);
        if (!memory::contains(missed.record, offset)) { return; }
        const LockedBlock next = coherence_.lock_block(offset, Access::Read);
        if (next.entry == nullptr) { return; }
        if (is_release(next.entry->attributes)) { try_map(next, Access::Read, true); }
        next.entry->lock.unlock();
        page = PageId{page.value + static_cast<std::uint64_t>(batch.stride)};
    }
}

bool ReleasePages::try_pin(const LockedBlock &at, Access wanted) {
    PageEntry &entry = *at.entry;
    const Noted noted(*this, entry, at.block.first, "pin");
    ReleaseExecutor effects(*this, entry, at.block.first, false);
    if (!protocol_.try_pin(entry.release, at.context, wanted, effects)) { return false; }
    node_.backend->map(at.block.first, 1, protocol::access_of(entry.release));
    entry.used = 1;
    return true;
}

void ReleasePages::unpin(PageEntry &entry) {
    if (entry.release.pins == 0) { return; }
    protocol_.unpin(entry.release);
    wake_all(*node_.wait_slots, engine_, entry.waiters); // Who found no room for one more pin.
}

bool ReleasePages::evict(PageEntry &entry, PageId page) {
    const Noted noted(*this, entry, page, "eviction");
    ReleaseExecutor effects(*this, entry, page, false);
    return protocol_.on_evict(entry.release, coherence_.context_of(entry.attributes, page), effects);
}

void ReleasePages::give_up(PageEntry &entry, PageId page) {
    if (protocol::has(entry.release, protocol::ReleaseFlag::Stale)) {
        ReleaseExecutor(*this, entry, page, false).update_done();
    }
    entry.release.copyset.clear(*node_.sets);
}

NodeId ReleasePages::home_of(const PageEntry &entry) const {
    const bool is_started = protocol::has(entry.release, protocol::ReleaseFlag::Started);
    const bool is_untouched = !is_started || protocol::has(entry.release, protocol::ReleaseFlag::Untouched);
    return is_untouched ? no_node : entry.release.home;
}

void ReleasePages::on_notice(PageId page, const protocol::PageNotice &notice) {
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (!is_release(entry.attributes) || entry.dead != 0) { return; }
    if (races_) { races_->on_notice(entry, page); }
    const Noted noted(*this, entry, page, "notice", notice.writer);
    ReleaseExecutor effects(*this, entry, page, false);
    protocol_.on_notice(entry.release, coherence_.context_of(entry.attributes, page), notice, effects);
}

void ReleasePages::on_notice_of_all() {
    for (std::uint32_t chunk = 0; chunk < node_.chunk_count(); ++chunk) {
        if (node_.touched[chunk].load(std::memory_order_relaxed) == 0) { continue; }
        const std::uint64_t first = chunk * memory::pages_per_chunk;
        for (std::uint64_t page = first; page < first + memory::pages_per_chunk; ++page) {
            on_notice(PageId{page}, {no_node, 0});
        }
    }
}

void ReleasePages::await_update(PageId page, std::uint64_t round, Waiter &waiter) {
    PageEntry &entry = (*node_.pages)[page];
    ReleaseShared &shared = tables_.shared();
    while (true) {
        {
            const std::lock_guard page_locked(entry.lock);
            if (!is_release(entry.attributes) || !protocol::has(entry.release, protocol::ReleaseFlag::Stale)) {
                return;
            }
            const std::lock_guard locked(shared.lock);
            if (protocol::are_updates_done(shared.update_rounds, round)) { return; }
            waiter.add_to(shared.update_waiters);
        }
        waiter.wait({"page", page.value});
    }
}

protocol::CloseOutcome ReleasePages::close(PageId page, std::uint64_t interval) {
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (entry.list_mark == tables_.closing_mark()) { entry.list_mark = 0; }
    if (!is_release(entry.attributes) || entry.dead != 0) { return {}; }
    const Noted noted(*this, entry, page, "end of an interval");
    ReleaseExecutor effects(*this, entry, page, false);
    return protocol_.on_close(entry.release, coherence_.context_of(entry.attributes, page), interval, effects);
}

void ReleasePages::on_published(PageId page, std::uint64_t interval) {
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (!is_release(entry.attributes) || entry.dead != 0) { return; }
    ReleaseExecutor effects(*this, entry, page, false);
    protocol_.on_published(entry.release, coherence_.context_of(entry.attributes, page), interval, effects);
}

bool ReleasePages::go_with_token(PageId page, NodeId to) {
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (!is_release(entry.attributes) || entry.dead != 0) { return false; }
    const Noted noted(*this, entry, page, "token", to);
    ReleaseExecutor effects(*this, entry, page, false);
    if (protocol_.on_token(entry.release, coherence_.context_of(entry.attributes, page), to, effects)) { return true; }
    note_binding(entry, page); // Not now, but with the next.
    return false;
}

// ---- Records

void ReleasePages::on_record(std::int32_t, std::span<const std::byte> bytes) {
    const auto record = decoded(bytes);
    const PageId page = record.message.page;
    PageEntry &entry = (*node_.pages)[page];
    unsigned acknowledged = 0; // Parts of diffs of this node.
    {
        const std::lock_guard locked(entry.lock);
        acknowledged += take(record, bytes, entry);
        while (std::exchange(gives_kept_, false)) { acknowledged += give_kept(page, entry); }
    }
    for (; acknowledged != 0; --acknowledged) { ordering_->on_flush_part_done(); }
}

ReleaseRecord ReleasePages::decoded(std::span<const std::byte> bytes) const {
    const auto record = decode_release_record(bytes, node_.segment.page_count(), node_.topology->node_count());
    DSM_CHECK(record.has_value(), "P8 a release record has a head, a message and a part of a page", bytes.size());
    return *record;
}

/// Returns how many parts of this node's diffs it acknowledges. So does everything below.
unsigned ReleasePages::take(const ReleaseRecord &record, std::span<const std::byte> bytes, PageEntry &entry) {
    if (!coherence_.adopt(entry, record.message.page, record.attributes)) { return take_late(record, entry); }
    if (record.message.kind == ReleaseMessageKind::Update) {
        take_update(record, entry);
        return 0;
    }
    const bool has_part = !record.part.empty() || record.head.is_packed != 0;
    if (has_part && record.message.kind == ReleaseMessageKind::Home) { // Its bytes are used together.
        homes_.keep(record.message.page, bytes);
        return is_complete(record, entry) ? use_home(record.message.page, entry) : 0;
    }
    ReleaseExecutor effects(*this, entry, record.message.page, true);
    if (has_part) {
        effects.install_bytes_of(record, protocol_.install_of(entry.release, record.message));
        if (!is_complete(record, entry)) { return 0; }
    }
    if (races_ && record.message.kind == ReleaseMessageKind::Flush) { races_->on_flush(record, entry); }
    return step(record.message, entry, effects);
}

/// Unasked, and whole; it may be of no use. From a twin that is being renewed each byte comes as it was or newer, and
/// of what is newer a notice will tell.
void ReleasePages::take_update(const ReleaseRecord &record, PageEntry &entry) {
    const protocol::ReleaseMessage &message = record.message;
    const auto how = protocol_.install_of(entry.release, message);
    const bool is_elsewhere = record.head.place == BytesPlace::SenderTwin;
    const bool is_out_of_reach = is_elsewhere && !node_.bulk.twins[message.from.value].mapped();
    if (how == protocol::Install::Nothing || is_out_of_reach) { return; }
    ReleaseExecutor effects(*this, entry, message.page, true);
    effects.install_bytes_of(record, how);
    step(message, entry, effects);
}

unsigned ReleasePages::step(const protocol::ReleaseMessage &message, PageEntry &entry, ReleaseExecutor &effects) {
    if (message.contents == protocol::Contents::Bytes) {
        count(engine_.statistics().page_copies);
        coherence_.note_frame(entry, message.page);
    }
    const protocol::PageContext context = coherence_.context_of(entry.attributes, message.page);
    const Noted noted(*this, entry, message.page, protocol::name_of(message.kind), message.from);
    const bool acknowledges = protocol_.on_message(entry.release, context, message, effects);
    if (message.kind == ReleaseMessageKind::Home) { note_home(entry, message.page); }
    return acknowledges ? 1 : 0;
}

/// All of a Home has come. It may have to wait; diffs of this node that came home before it are part of it (R13).
unsigned ReleasePages::use_home(PageId page, PageEntry &entry) {
    std::byte image[page_bytes];
    protocol::ReleaseMessage message{};
    homes_.for_each(page, [&](std::span<const std::byte> bytes) {
        const ReleaseRecord part = decoded(bytes);
        if (part.head.is_packed != 0) {
            ReleaseExecutor::unpack(part.part, image);
        } else {
            std::memcpy(image + part.head.part_offset, part.part.data(), part.part.size());
        }
        message = part.message;
    });
    if (protocol_.must_wait(entry.release, message)) { return 0; }
    kept_.for_each(page, [&](std::span<const std::byte> bytes) {
        const protocol::ReleaseMessage kept = decoded(bytes).message;
        const bool is_own = kept.kind == ReleaseMessageKind::Flush && kept.origin == node_.topology->self_node();
        if (is_own) { DSM_CHECK(protocol::apply_diff(kept.diff, image), "P9 a diff lies in its page", page.value); }
    });
    while (homes_.count_of(page) != 0) { homes_.take(page); }
    ReleaseExecutor effects(*this, entry, page, true);
    effects.install(protocol_.install_of(entry.release, message), 0, image);
    return step(message, entry, effects);
}

/// Whether the allocation of a Home that has waited has ended.
bool ReleasePages::is_late_home(PageId page, const PageEntry &entry) const {
    bool is_late = false;
    homes_.for_each(page, [&](std::span<const std::byte> bytes) {
        is_late = entry.dead != 0 || decoded(bytes).attributes.generation != entry.attributes.generation;
    });
    return is_late;
}

/// It still acknowledges the diff that it answers.
unsigned ReleasePages::drop_home(PageId page) {
    bool acknowledges = false;
    homes_.for_each(page, [&](std::span<const std::byte> bytes) {
        acknowledges = decoded(bytes).message.reason == protocol::HomeReason::Flush;
    });
    while (homes_.count_of(page) != 0) { homes_.take(page); }
    return acknowledges ? 1 : 0;
}

/// What came too early for the page is looked at again.
unsigned ReleasePages::give_kept(PageId page, PageEntry &entry) {
    unsigned acknowledged = 0;
    const bool has_home = homes_.count_of(page) != 0 && entry.home_received == 0;
    if (has_home) { acknowledged += is_late_home(page, entry) ? drop_home(page) : use_home(page, entry); }
    for (std::size_t tries = kept_.count_of(page); tries != 0; --tries) {
        const auto bytes = kept_.take(page);
        acknowledged += take(decoded(bytes), bytes, entry);
    }
    return acknowledged;
}

/// Counts a part of a page, and tells whether it was the last. Parts of a Data and of a Home may be under way at once.
/// Those of a Home are counted beyond the end of the allocation, since the last of them acknowledges a diff.
bool ReleasePages::is_complete(const ReleaseRecord &record, PageEntry &entry) {
    if (record.message.contents == protocol::Contents::Lines) { return true; } // In one record always.
    const std::size_t bytes = record.head.is_packed != 0 ? page_bytes : record.part.size();
    if (record.message.kind != ReleaseMessageKind::Home) {
        entry.bulk_received = static_cast<std::uint32_t>((entry.bulk_received + bytes) % page_bytes);
        return entry.bulk_received == 0;
    }
    DSM_CHECK(entry.home_received == 0 || entry.home_generation == record.head.generation,
              "P13 the parts of one Home come before those of the next", record.message.page.value);
    entry.home_generation = record.head.generation;
    entry.home_received = static_cast<std::uint16_t>((entry.home_received + bytes) % page_bytes);
    return entry.home_received == 0;
}

/// A home has come here.
void ReleasePages::note_home(const PageEntry &entry, PageId page) {
    if (!protocol::is_home(entry.release)) { return; } // It has to wait.
    count(engine_.statistics().homes_moved);
    note_binding(entry, page);
}

void ReleasePages::note_binding(const PageEntry &entry, PageId page) {
    if (!protocol::has(entry.release, protocol::ReleaseFlag::Bound)) { return; }
    const std::lock_guard locked(tables_.shared().lock);
    tables_.shared().bound.add(entry.release.lock, page);
}

/// The page's allocation has ended here. Nobody waits for it for ever.
unsigned ReleasePages::take_late(const ReleaseRecord &record, PageEntry &entry) {
    const protocol::ReleaseMessage &message = record.message;
    // What was kept of this allocation is late as well.
    gives_kept_ = kept_.count_of(message.page) != 0 || homes_.count_of(message.page) != 0;
    switch (message.kind) {
    case ReleaseMessageKind::FlushAck:
        return 1;
    case ReleaseMessageKind::Home:
        if ((!record.part.empty() || record.head.is_packed != 0) && !is_complete(record, entry)) { return 0; }
        while (homes_.count_of(message.page) != 0) { homes_.take(message.page); }
        return message.reason == protocol::HomeReason::Flush ? 1 : 0;
    case ReleaseMessageKind::Flush:
        if (message.origin == node_.topology->self_node()) { return 1; }
        answer_late(record);
        return 0;
    case ReleaseMessageKind::Fetch:
    case ReleaseMessageKind::Data:
    case ReleaseMessageKind::Update:
        return 0;
    }
    return 0;
}

void ReleasePages::answer_late(const ReleaseRecord &record) {
    protocol::ReleaseMessage answer{};
    answer.kind = ReleaseMessageKind::FlushAck;
    answer.from = node_.topology->self_node();
    answer.origin = record.message.origin;
    answer.page = record.message.page;
    std::byte bytes[sizeof(ReleaseRecordHead) + protocol::release_record_bytes];
    ReleaseRecordHead head = record.head;
    const std::size_t wire_bytes = protocol::encode(answer, {bytes + sizeof head, protocol::release_record_bytes});
    head.wire_bytes = static_cast<std::uint16_t>(wire_bytes);
    std::memcpy(bytes, &head, sizeof head);
    engine_.post(node_.topology->agent(answer.origin, answer.page.value), {bytes, sizeof head + wire_bytes});
}

} // namespace dsm::rt
