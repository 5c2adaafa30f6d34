// Effects of the page protocol: messages with or without bytes, rights, frames, timers, wake-ups.
#include "libdsm/runtime/page_executor.hpp"

#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/runtime/page_records.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::rt {
namespace {

/// Room for an encoded message: fixed part and copyset.
constexpr std::size_t wire_bytes_max = protocol::encoded_page_message_bytes_max;

/// Where a thread keeps the bytes of a frame between taking it from all ranks and sending it. Reserved once per thread,
/// never touched beyond the largest block it has handled.
std::byte *save_area() {
    static thread_local std::byte *area __attribute__((tls_model("initial-exec"))) = nullptr;
    if (area == nullptr) {
        void *memory = ::mmap(nullptr, block_bytes_max, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        DSM_CHECK(memory != MAP_FAILED, "memory for a block on its way", block_bytes_max);
        area = static_cast<std::byte *>(memory);
    }
    return area;
}

} // namespace

std::span<const std::byte> PageExecutor::block_bytes() const {
    const std::byte *bytes = saved_ ? save_area() : coherence_.node_.frames.frame(page_);
    return {bytes, bytes_of_block(attributes_)};
}

void PageExecutor::send(NodeId to, const protocol::PageMessage &message) {
    std::byte wire[wire_bytes_max];
    const std::size_t wire_bytes = protocol::encode(message, wire);
    const Rank agent = coherence_.node_.topology->agent(to, page_.value);
    PageRecordHead head{Service::Page,
                        attributes_.block_shift,
                        attributes_.origin,
                        0,
                        attributes_.generation,
                        attributes_.home,
                        static_cast<std::uint16_t>(wire_bytes),
                        static_cast<std::uint32_t>(bytes_of_block(attributes_))};
    if (message.contents == protocol::Contents::Bytes) {
        send_bytes(to, agent, bytes_of(head), {wire, wire_bytes});
        return;
    }
    std::byte record[sizeof head + wire_bytes_max];
    std::memcpy(record, &head, sizeof head);
    std::memcpy(record + sizeof head, wire, wire_bytes);
    coherence_.engine_.post(agent, {record, sizeof head + wire_bytes});
}

void PageExecutor::send_bytes(NodeId to, Rank agent, std::span<const std::byte> head_bytes,
                              std::span<const std::byte> wire) {
    Engine &engine = coherence_.engine_;
    Node &node = coherence_.node_;
    const auto bytes = block_bytes();
    PageRecordHead head;
    std::memcpy(&head, head_bytes.data(), sizeof head);
    count(engine.statistics().pages_sent);
    count(engine.statistics().page_copies);
    std::byte record[sizeof head + wire_bytes_max];
    std::memcpy(record + sizeof head, wire.data(), wire.size());
    const auto whole_head = [&] {
        std::memcpy(record, &head, sizeof head);
        return std::span<const std::byte>(record, sizeof head + wire.size());
    };
    // A thread that does not drive may not enter MPI: it leaves messages in the outbox, no longer than a slot.
    const BulkWay way =
        node.bulk.to(to) == BulkWay::OneSided && !engine.driving() ? BulkWay::ActiveMessage : node.bulk.to(to);
    switch (way) {
    case BulkWay::Direct:
        // The receiver has asked for this page and has no access to it, so nobody there looks at the frame before the
        // reply (invariant S8 of docs/protocol.md).
        std::memcpy(node.bulk.frames[to.value].frame(page_), bytes.data(), bytes.size());
        head.in_place = 1;
        engine.post(agent, whole_head());
        return;
    case BulkWay::OneSided:
        head.in_place = 1;
        engine.post_after_put(agent, whole_head(), {page_.value << page_shift}, bytes);
        return;
    case BulkWay::ActiveMessage:
        break;
    }
    // The last part goes with the reply itself, the others before it in pieces of what MPI takes at once.
    const std::size_t record_max = engine.record_bytes_max(agent);
    const std::size_t tail = std::min(bytes.size(), record_max - sizeof head - wire.size());
    const std::size_t piece_max = record_max - sizeof(PieceRecordHead);
    const std::size_t tail_offset = bytes.size() - tail;
    for (std::size_t offset = 0; offset < tail_offset;) {
        const std::size_t part = std::min(piece_max, tail_offset - offset);
        const PieceRecordHead piece{
            Service::Piece, attributes_.block_shift, 0, attributes_.generation, static_cast<std::uint32_t>(offset), 0,
            page_.value};
        engine.post(agent, bytes_of(piece), bytes.subspan(offset, part));
        offset += part;
    }
    head.tail_offset = static_cast<std::uint32_t>(tail_offset);
    engine.post(agent, whole_head(), bytes.subspan(tail_offset));
}

void PageExecutor::restrict_access(Access access) {
    Node &node = coherence_.node_;
    memory::FaultBackend &backend = *node.backend;
    const std::uint32_t pages = pages_of(attributes_);
    if (access != Access::None) {
        backend.restrict_ranks(page_, pages, access, false);
        return;
    }
    count(coherence_.engine_.statistics().invalidations);
    const memory::RankMask own = memory::rank_bit(node.topology->local_rank());
    const bool others_map = (entry_.rights.readers.load(std::memory_order_relaxed) & ~own) != 0;
    if (!others_map) {
        backend.restrict_ranks(page_, pages, Access::None, false);
        return;
    }
    // Taking a page from other ranks may cost its frame: protect first, then save the bytes, then take it away.
    backend.restrict_ranks(page_, pages, Access::Read, false);
    std::memcpy(save_area(), node.frames.frame(page_), bytes_of_block(attributes_));
    count(coherence_.engine_.statistics().page_copies);
    saved_ = true;
    backend.restrict_ranks(page_, pages, Access::None, true);
}

void PageExecutor::grant_access(Access access) {
    if (access != Access::None) { coherence_.note_frame(entry_, page_); }
    wake_waiters();
}

void PageExecutor::drop_frame() {
    if (saved_ || coherence_.over_budget()) { coherence_.release_frame(entry_, page_); }
}

void PageExecutor::zero_frame() {
    // A block that is not in the ledger has no frame: what the store holds there reads as zeros.
    if (entry_.ledger_place.load(std::memory_order_relaxed) == 0) { return; }
    std::memset(coherence_.node_.frames.frame(page_), 0, bytes_of_block(attributes_));
}

void PageExecutor::set_timer(protocol::TimeUs at) {
    // One timer a page is enough, unless it would come too late. A zero time stands for none.
    if (entry_.timer_at_us != 0 && entry_.timer_at_us <= at) { return; }
    entry_.timer_at_us = at;
    coherence_.engine_.add_timer(static_cast<Nanoseconds>(at) * 1000, page_.value);
}

void PageExecutor::wake_waiters() { wake_all(*coherence_.node_.wait_slots, coherence_.engine_, entry_.waiters); }

} // namespace dsm::rt
