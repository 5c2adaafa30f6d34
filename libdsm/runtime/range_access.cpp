// Bringing in and giving up ranges, block by block.
#include "libdsm/runtime/range_access.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace dsm::rt {
namespace {

/// Requests of one touch that are under way at once.
constexpr std::size_t requests_at_once = 64;

} // namespace

/// One look at the block around `at`: maps it if the node has it, asks if not, and with Manner::Wait waits for it.
RangeAccess::Look RangeAccess::look(memory::SegmentOffset at, memory::SegmentOffset end, Access wanted, Manner manner) {
    while (true) {
        const LockedBlock block = coherence_->lock_block(at, wanted);
        if (block.entry == nullptr) { return {block.error, false, end}; }
        const memory::SegmentOffset next = std::min(end, end_of(block.block));
        if (!memory::contains(block.record, next - 1)) {
            block.entry->lock.unlock();
            return {EINVAL, false, end};
        }
        const bool is_here = coherence_->try_map(block, wanted, manner == Manner::Hint);
        if (is_here || manner != Manner::Wait) {
            block.entry->lock.unlock();
            return {0, is_here, next};
        }
        coherence_->unlock_and_wait(block);
    }
}

int RangeAccess::touch(memory::SegmentOffset begin, std::size_t bytes, Access wanted) {
    const memory::SegmentOffset end = begin + bytes;
    if (coherence_ == nullptr) { return open(begin, end, wanted); }
    std::array<Look, requests_at_once> asked;
    std::size_t ask_count = 0;
    std::size_t done_count = 0;
    memory::SegmentOffset ahead = begin;
    for (memory::SegmentOffset at = begin; at < end; ++done_count) {
        if (ask_count - done_count <= requests_at_once / 2) { // In runs, so that packets are full.
            for (; ahead < end && ask_count - done_count < requests_at_once; ++ask_count) {
                Look &ask = asked[ask_count % requests_at_once];
                ask = look(ahead, end, wanted, Manner::Ask);
                if (ask.error != 0) { return ask.error; }
                ahead = ask.next;
            }
            engine_.kick();
        }
        const Look &ask = asked[done_count % requests_at_once];
        const Look come = ask.is_here ? ask : look(at, end, wanted, Manner::Wait);
        if (come.error != 0) { return come.error; }
        at = come.next;
    }
    engine_.kick();
    return 0;
}

int RangeAccess::prefetch(memory::SegmentOffset begin, std::size_t bytes, Access wanted) {
    const memory::SegmentOffset end = begin + bytes;
    if (coherence_ == nullptr) { return open(begin, end, wanted); }
    std::size_t blocks = 0;
    for (memory::SegmentOffset at = begin; at < end && blocks < prefetch_blocks_max; ++blocks) {
        const Look ask = look(at, end, wanted, Manner::Hint);
        if (ask.error != 0) { return ask.error; }
        at = ask.next;
        if (blocks % requests_at_once == requests_at_once - 1) { engine_.kick(); }
    }
    engine_.kick();
    return 0;
}

int RangeAccess::give_up(memory::SegmentOffset begin, std::size_t bytes) {
    if (coherence_ == nullptr) { return 0; }
    const memory::SegmentOffset end = begin + bytes;
    for (memory::SegmentOffset at = begin; at < end;) {
        const LockedBlock block = coherence_->lock_block(at, Access::Read);
        if (block.entry == nullptr) { return block.error; }
        const memory::SegmentOffset next = end_of(block.block);
        const bool is_whole = memory::offset_of(block.block.first) >= begin && next <= end;
        if (is_whole) { coherence_->drop_copy(block); }
        block.entry->lock.unlock();
        at = next;
    }
    engine_.kick();
    return 0;
}

int RangeAccess::open(memory::SegmentOffset begin, memory::SegmentOffset end, Access wanted) {
    for (memory::SegmentOffset at = begin; at < end;) {
        const auto record = spans_.find(at);
        if (!record || !memory::contains(*record, at)) { return EINVAL; }
        if (wanted == Access::Write && record->read_only != 0) { return EACCES; }
        const memory::SegmentOffset live_end = memory::offset_of(record->first) + record->bytes;
        const memory::SegmentOffset stop = std::min(end, live_end);
        for (; at < stop; at = std::min(stop, (at / memory::area_bytes + 1) * memory::area_bytes)) {
            opener_.open_area(node_.address_of(at), wanted == Access::Write);
        }
    }
    return 0;
}

} // namespace dsm::rt
