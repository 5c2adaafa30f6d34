// Faults and protocol messages of this rank.
#include "libdsm/runtime/coherence.hpp"

#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/runtime/page_executor.hpp"
#include "libdsm/runtime/page_records.hpp"
#include "libdsm/runtime/pin_hold.hpp"
#include "libdsm/runtime/release_pages.hpp"

#include <cstring>
#include <mutex>

namespace dsm::rt {
namespace {

/// How often eviction looks at a block before it leaves the rest for later.
constexpr int eviction_tries_max = 16;
constexpr int eviction_asks_max = 4;

/// Who holds a pin waits for nobody: what it waits for may be held by another who waits for this pin.
void check_not_pinning(const void *address) {
    if (!holds_pin()) { return; }
    end_job(exit_program_error,
            "a thread that holds a pin has accessed shared memory at %p, which is not at this node: between dsm_pin() "
            "and dsm_unpin() touch what is pinned alone",
            address);
}

} // namespace

Coherence::Coherence(Node &node, Engine &engine, SpanFinder &spans, PageHistory &history)
    : node_(node), engine_(engine), spans_(spans), protocol_(*node.sets, node.limits), self_(node.topology->self()) {
    engine_.serve(Service::Page, *this);
    engine_.serve(Service::Piece, *this);
    engine_.set_timer_handler(*this);
    protocol_.set_trace(&PageHistory::note, &history);
}

protocol::PageContext Coherence::context_of(const PageAttributes &attributes, PageId page) const {
    protocol::PageContext context{};
    context.page = page;
    context.self = node_.topology->self_node();
    context.home = attributes.home;
    context.node_count = node_.topology->node_count();
    context.first_touch =
        attributes.origin == PageOrigin::FirstTouch || attributes.origin == PageOrigin::ReleaseFirstTouch;
    context.in_file = attributes.origin == PageOrigin::File;
    return context;
}

memory::RankRights &Coherence::rights_of(PageId page) {
    const auto record = node_.spans->lookup(page);
    const PageId block = record ? memory::block_of(*record, page).first : page;
    return (*node_.pages)[block].rights;
}

/// Makes the entry one of this allocation. False when the entry has seen a younger one, or the end of this one.
bool Coherence::adopt(PageEntry &entry, PageId page, const PageAttributes &attributes) {
    const std::uint32_t known = entry.attributes.generation;
    if (known == attributes.generation) { return entry.dead == 0; }
    if (known > attributes.generation) { return false; }
    if (known != 0 && entry.dead == 0) { // The end of that allocation has not reached this node, and need not.
        give_up(entry, page);
        node_.frames.punch(page.value << page_shift, bytes_of_block(entry.attributes));
    }
    entry.attributes = attributes;
    entry.dead = 0;
    node_.touched[page.value / memory::pages_per_chunk].store(1, std::memory_order_relaxed);
    return true;
}

/// Nothing of the entry's allocation stays: no rights, no state, no place in the ledger. The frame is left to be
/// punched.
void Coherence::give_up(PageEntry &entry, PageId page) {
    if (entry.rights.readers.load(std::memory_order_relaxed) != 0) {
        node_.backend->restrict_ranks(page, pages_of(entry.attributes), Access::None, true);
    }
    forget_frame(entry);
    if (is_release(entry.attributes)) {
        release_->give_up(entry, page);
        entry.release = {};
    } else {
        entry.state.copyset.clear(*node_.sets);
        entry.state.readers.clear(*node_.sets);
        entry.state = {};
        protocol_.reset(entry, page, now_us());
    }
    entry.bulk_received = 0;
    wake_all(*node_.wait_slots, engine_, entry.waiters);
}

void Coherence::note_frame(PageEntry &entry, PageId page) {
    node_.ledger->add(page, pages_of(entry.attributes), entry.ledger_place);
    entry.used = 1;
}

void Coherence::forget_frame(PageEntry &entry) {
    if (entry.ledger_place.load(std::memory_order_relaxed) == 0) { return; }
    node_.ledger->remove(
        pages_of(entry.attributes), entry.ledger_place,
        [this](PageId other) -> std::atomic<std::uint32_t> & { return (*node_.pages)[other].ledger_place; });
}

void Coherence::release_frame(PageEntry &entry, PageId page) {
    if (entry.ledger_place.load(std::memory_order_relaxed) == 0) { return; }
    forget_frame(entry);
    node_.frames.punch(page.value << page_shift, bytes_of_block(entry.attributes));
}

bool Coherence::serve_fault(const void *address, bool is_write) {
    const memory::SegmentOffset offset = node_.offset_of(address);
    const Access wanted = is_write ? Access::Write : Access::Read;
    count(is_write ? engine_.statistics().write_faults : engine_.statistics().read_faults);
    bool waited = false;
    while (true) {
        const LockedBlock at = lock_block(offset, wanted);
        if (at.entry == nullptr) { return false; }
        if (try_map(at, wanted, false)) {
            at.entry->lock.unlock();
            engine_.kick();
            if (!waited) { count(engine_.statistics().faults_served_here); }
            return true;
        }
        check_not_pinning(address);
        unlock_and_wait(at, !waited);
        waited = true;
    }
}

void Coherence::on_record(std::int32_t, std::span<const std::byte> record) {
    if (static_cast<Service>(record[0]) == Service::Page) {
        on_page_record(record);
    } else {
        on_piece_record(record);
    }
}

protocol::PageMessage Coherence::decoded(std::span<const std::byte> wire) const {
    const auto message = protocol::decode_page_message(wire, node_.topology->node_count());
    DSM_CHECK(message.has_value(), "P2 a page record holds a message of the protocol", wire.size());
    return *message;
}

void Coherence::on_page_record(std::span<const std::byte> record) {
    const auto decoded_record = decode_page_record(record, node_.segment.page_count(), node_.topology->node_count());
    DSM_CHECK(decoded_record.has_value(), "P1 a page record has a head, a message and the tail of a block",
              record.size());
    const auto &[head, attributes, message, before_tail, tail] = *decoded_record;
    PageEntry &entry = (*node_.pages)[message.page];
    const std::lock_guard locked(entry.lock);
    if (!adopt(entry, message.page, attributes)) { return; } // Of an allocation that was freed.
    if (message.contents == protocol::Contents::Bytes && head.in_place == 0) {
        std::memcpy(node_.frames.frame(message.page) + head.tail_offset, tail.data(), tail.size());
        entry.bulk_received += static_cast<std::uint32_t>(tail.size());
        count(engine_.statistics().page_copies);
        if (entry.bulk_received != bytes_of_block(attributes)) { // Pieces are still on their way.
            stash(message.page, before_tail);
            return;
        }
        entry.bulk_received = 0;
    }
    if (message.contents == protocol::Contents::Bytes) { note_frame(entry, message.page); }
    deliver(entry, message.page, message);
}

void Coherence::deliver(PageEntry &entry, PageId page, const protocol::PageMessage &message) {
    PageExecutor effects(*this, entry, page);
    protocol_.on_message(entry, context_of(entry.attributes, page), message, now_us(), effects);
}

void Coherence::on_piece_record(std::span<const std::byte> record) {
    const auto piece = decode_piece_record(record, node_.segment.page_count());
    DSM_CHECK(piece.has_value(), "P4 a piece lies in its block", record.size());
    const auto &[head, bytes] = *piece;
    const PageId page{head.page};
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (entry.attributes.generation != head.generation || entry.dead != 0) { return; }
    DSM_CHECK(head.offset + bytes.size() <= bytes_of_block(entry.attributes), "P4 a piece lies in its block",
              page.value);
    std::memcpy(node_.frames.frame(page) + head.offset, bytes.data(), bytes.size());
    entry.bulk_received += static_cast<std::uint32_t>(bytes.size());
    if (entry.bulk_received == bytes_of_block(entry.attributes)) {
        entry.bulk_received = 0;
        deliver_stashed(entry, page);
    }
}

/// Keeps a reply whose bytes are not all there. At most one reply for a page is under way to a node.
void Coherence::stash(PageId page, std::span<const std::byte> record) {
    discard_stashed(page); // What is there is of an allocation that was freed.
    for (StashedReply &reply : stash_) {
        if (reply.page_plus_one != 0) { continue; }
        DSM_CHECK(record.size() <= reply.record.size(), "P5 a reply that may have to wait fits its place",
                  record.size());
        std::memcpy(reply.record.data(), record.data(), record.size());
        reply.bytes = static_cast<std::uint16_t>(record.size());
        reply.page_plus_one = page.value + 1;
        return;
    }
    DSM_CHECK(false, "P6 fewer replies wait for pieces than there are places", page.value);
}

void Coherence::discard_stashed(PageId page) {
    for (StashedReply &reply : stash_) {
        if (reply.page_plus_one == page.value + 1) { reply.page_plus_one = 0; }
    }
}

void Coherence::deliver_stashed(PageEntry &entry, PageId page) {
    for (StashedReply &reply : stash_) {
        PageRecordHead head;
        std::memcpy(&head, reply.record.data(), sizeof head);
        if (reply.page_plus_one != page.value + 1 || head.generation != entry.attributes.generation) { continue; }
        reply.page_plus_one = 0;
        note_frame(entry, page);
        const std::span<const std::byte> record(reply.record.data(), reply.bytes);
        deliver(entry, page, decoded(record.subspan(sizeof(PageRecordHead))));
        return;
    }
    DSM_CHECK(false, "P7 the last piece comes with or after its reply", page.value);
}

void Coherence::on_timer(std::uint64_t key) {
    const PageId page{key};
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    entry.timer_at_us = 0;
    if (entry.attributes.generation == 0 || entry.dead != 0 || is_release(entry.attributes)) { return; }
    PageExecutor effects(*this, entry, page);
    protocol_.on_timer(entry, context_of(entry.attributes, page), now_us(), effects);
}

void Coherence::kill_span(const memory::SpanRecord &record) {
    const std::uint64_t first = memory::page_of(memory::offset_of(record.first)).value;
    const std::uint64_t block_pages = memory::block_of(record, PageId{first}).page_count;
    for (std::uint32_t chunk = 0; chunk < record.chunk_count; ++chunk) {
        if (node_.touched[record.first.value + chunk].load(std::memory_order_relaxed) == 0) { continue; }
        const std::uint64_t begin = first + chunk * memory::pages_per_chunk;
        for (std::uint64_t page = begin; page < begin + memory::pages_per_chunk; page += block_pages) {
            PageEntry &entry = (*node_.pages)[PageId{page}];
            const std::lock_guard locked(entry.lock);
            if (entry.attributes.generation != record.generation || entry.dead != 0) { continue; }
            give_up(entry, PageId{page});
            entry.dead = 1;
        }
    }
}

bool Coherence::evict(PageEntry &entry, PageId page) {
    if (entry.attributes.generation == 0 || entry.dead != 0) { return false; }
    if (entry.used != 0) { // A second chance: it goes when the hand comes round and nobody has mapped it since.
        entry.used = 0;
        return false;
    }
    if (is_release(entry.attributes)) { return evict_release(entry, page); }
    if (!protocol::holds_frame(entry.state) && protocol::pending_of(entry.state) == protocol::Pending::None) {
        release_frame(entry, page); // Left over from a copy that was given up.
        return true;
    }
    if (protocol::has(entry.state, protocol::Flag::Evicting)) { return false; } // Its home has been asked already.
    PageExecutor effects(*this, entry, page);
    const auto outcome = protocol_.on_evict(entry, context_of(entry.attributes, page), now_us(), effects);
    if (outcome == protocol::Eviction::Dropped) {
        release_frame(entry, page);
        count(engine_.statistics().evictions);
        return true;
    }
    if (outcome == protocol::Eviction::Asked) { count(engine_.statistics().evictions); }
    return outcome == protocol::Eviction::Asked;
}

bool Coherence::evict_release(PageEntry &entry, PageId page) {
    if (!release_->evict(entry, page)) { return false; }
    release_frame(entry, page);
    count(engine_.statistics().evictions);
    return true;
}

bool Coherence::evict_some() {
    int gone = 0;
    for (int tries = 0; tries < eviction_tries_max && gone < eviction_asks_max && over_budget(); ++tries) {
        PageId page{};
        if (!node_.ledger->advance(page)) { break; }
        PageEntry &entry = (*node_.pages)[page];
        if (!entry.lock.try_lock()) { continue; }
        gone += evict(entry, page) ? 1 : 0;
        entry.lock.unlock();
    }
    if (gone > 0) { engine_.kick(); }
    return gone > 0;
}

bool Coherence::keep_budget() { return over_budget() && evict_some() && over_budget(); }

bool Coherence::readable_here(const void *address) {
    const memory::RankMask own = memory::rank_bit(node_.topology->local_rank());
    return (rights_of(node_.segment.page_of(address)).readers.load(std::memory_order_relaxed) & own) != 0;
}

NodeId Coherence::first_toucher(PageId block, std::uint32_t generation) {
    PageEntry &entry = (*node_.pages)[block];
    const std::lock_guard locked(entry.lock);
    if (entry.attributes.generation != generation || entry.dead != 0) { return no_node; }
    return is_release(entry.attributes) ? release_->home_of(entry) : protocol::first_toucher(entry.state);
}

void Coherence::describe(PageId page) const {
    const PageEntry &entry = (*node_.pages)[page];
    char text[512];
    if (is_release(entry.attributes)) {
        protocol::describe(entry.release, text, sizeof text);
    } else {
        protocol::describe(entry.state, text, sizeof text);
    }
    log_line("page %llu: generation %u%s, home node %u, block 2^%u, readers %llx, writers %llx, frame %s, %s",
             static_cast<unsigned long long>(page.value), entry.attributes.generation,
             entry.dead != 0 ? " (freed)" : "", entry.attributes.home.value, entry.attributes.block_shift,
             static_cast<unsigned long long>(entry.rights.readers.load(std::memory_order_relaxed)),
             static_cast<unsigned long long>(entry.rights.writers.load(std::memory_order_relaxed)),
             entry.ledger_place.load(std::memory_order_relaxed) != 0 ? "present" : "none", text);
}

} // namespace dsm::rt
