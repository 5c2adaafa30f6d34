// Blocks of allocations, one at a time under their locks: for faults, for ranges that are brought in ahead, for pins.
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/page_executor.hpp"
#include "libdsm/runtime/pins.hpp"
#include "libdsm/runtime/release_pages.hpp"

#include <cerrno>
#include <mutex>

namespace dsm::rt {
namespace {

PageAttributes attributes_of(const memory::SpanRecord &record, PageId block, std::uint32_t node_count) {
    const bool first_touch = record.homes == memory::HomePolicy::FirstTouch;
    if (record.memory == memory::MemoryKind::Release) {
        return {record.generation, memory::home_of(record, block, node_count), page_shift,
                first_touch ? PageOrigin::ReleaseFirstTouch : PageOrigin::ReleaseZeros};
    }
    const PageOrigin zeros = first_touch ? PageOrigin::FirstTouch : PageOrigin::Zeros;
    return {record.generation, memory::home_of(record, block, node_count), record.block_shift,
            record.kind == memory::SpanKind::Bound ? PageOrigin::File : zeros};
}

} // namespace

LockedBlock Coherence::lock_block(memory::SegmentOffset offset, Access wanted) {
    while (true) {
        const auto record = spans_.find(offset);
        if (!record || !memory::contains(*record, offset)) { return {nullptr, EINVAL, {}, {}, {}}; }
        if (wanted == Access::Write && record->read_only != 0) { return {nullptr, EACCES, {}, {}, {}}; }
        const memory::PageBlock block = memory::block_of(*record, memory::page_of(offset));
        const PageAttributes attributes = attributes_of(*record, block.first, node_.topology->node_count());
        PageEntry &entry = (*node_.pages)[block.first];
        if (over_budget()) { evict_some(); }
        entry.lock.lock();
        if (adopt(entry, block.first, attributes)) {
            return {&entry, 0, *record, block, context_of(attributes, block.first)};
        }
        entry.lock.unlock();
        spans_.forget(*record);
    }
}

/// Gives this rank what access the node has; whoever waited for that has had its turn.
void Coherence::map(const LockedBlock &at, PageExecutor &effects) {
    PageEntry &entry = *at.entry;
    node_.backend->map(at.block.first, at.block.page_count, protocol::access_of(entry.state));
    entry.used = 1;
    protocol_.on_accessed(entry, at.context, now_us(), effects);
}

bool Coherence::try_map(const LockedBlock &at, Access wanted, bool is_hint) {
    PageEntry &entry = *at.entry;
    if (is_release(entry.attributes)) { return release_->try_map(at, wanted, is_hint); }
    PageExecutor effects(*this, entry, at.block.first);
    if (protocol::access_of(entry.state) < wanted) {
        if (is_hint) {
            protocol_.on_prefetch(entry, at.context, wanted, now_us(), effects);
        } else {
            protocol_.on_fault(entry, at.context, wanted, now_us(), effects);
        }
    }
    if (protocol::access_of(entry.state) < wanted) { return false; }
    map(at, effects);
    return true;
}

bool Coherence::try_pin(const LockedBlock &at, Access wanted) {
    PageEntry &entry = *at.entry;
    if (is_release(entry.attributes)) { return release_->try_pin(at, wanted); }
    PageExecutor effects(*this, entry, at.block.first);
    if (!protocol_.try_pin(entry, at.context, wanted, now_us(), effects)) { return false; }
    map(at, effects);
    return true;
}

void Coherence::unpin(PageId block, std::uint32_t generation) {
    PageEntry &entry = (*node_.pages)[block];
    const std::lock_guard locked(entry.lock);
    if (entry.attributes.generation != generation || entry.dead != 0) { return; }
    if (is_release(entry.attributes)) { return release_->unpin(entry); }
    if (entry.state.pins == 0) { return; }
    PageExecutor effects(*this, entry, block);
    protocol_.unpin(entry, context_of(entry.attributes, block), now_us(), effects);
}

void Coherence::unlock_and_wait(const LockedBlock &at, bool missed) {
    Waiter waiter(*node_.wait_slots, engine_, self_);
    waiter.add_to(at.entry->waiters);
    at.entry->lock.unlock();
    if (missed && at.record.memory == memory::MemoryKind::Release) { release_->read_ahead(at); }
    waiter.wait({"page", at.block.first.value});
}

void Coherence::drop_copy(const LockedBlock &at) {
    PageEntry &entry = *at.entry;
    if (is_release(entry.attributes)) {
        evict_release(entry, at.block.first);
        return;
    }
    if (protocol::access_of(entry.state) != Access::Read || protocol::owns(entry.state)) { return; }
    PageExecutor effects(*this, entry, at.block.first);
    const auto outcome = protocol_.on_evict(entry, at.context, now_us(), effects);
    if (outcome == protocol::Eviction::Dropped) { release_frame(entry, at.block.first); }
}

bool Coherence::must_keep(PageId first, std::size_t count) { return pins_ != nullptr && pins_->holds(first, count); }

bool Coherence::keeps_others(PageId block) {
    PageEntry &entry = (*node_.pages)[block];
    if (!entry.lock.try_lock()) { return false; }
    const bool keeps = entry.dead == 0 && !is_release(entry.attributes) && protocol::is_pin_in_the_way(entry.state);
    entry.lock.unlock();
    return keeps;
}

} // namespace dsm::rt
