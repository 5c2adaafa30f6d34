// Batches of frees on their way to the nodes that own the blocks.
#include "libdsm/runtime/remote_frees.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>
#include <mutex>

namespace dsm::rt {
namespace {

/// The other timers' keys are numbers of pages.
constexpr std::uint64_t timer_key = ~std::uint64_t{0};
constexpr Nanoseconds batch_age_max_ns = 1'000'000;

struct FreedBlocksHead {
    Service service;
    std::uint8_t count;
    std::uint8_t reserved[6];
};

const char *text_of(memory::HeapStatus status) {
    return status == memory::HeapStatus::NotAllocated ? "the block is not allocated (freed twice?)"
                                                      : "not a pointer that dsm_malloc or dsm_alloc gave";
}

} // namespace

RemoteFrees::RemoteFrees(Node &node, Engine &engine, SyncDrops &drops, std::function<void()> on_release)
    : node_(node), engine_(engine), drops_(drops), on_release_(std::move(on_release)),
      batches_(node.topology->node_count()) {
    engine_.serve(Service::FreedBlocks, *this);
}

void RemoteFrees::chain_timer(TimerHandler &next) {
    next_timer_ = &next;
    engine_.set_timer_handler(*this);
}

RemoteFrees::Batch &RemoteFrees::batch_of(NodeId owner) {
    std::atomic<Batch *> &place = batches_[owner.value];
    if (Batch *batch = place.load(std::memory_order_acquire)) { return *batch; }
    const std::lock_guard guard(making_);
    if (Batch *batch = place.load(std::memory_order_relaxed)) { return *batch; }
    made_.push_back(std::make_unique<Batch>());
    made_.back()->owner = owner;
    place.store(made_.back().get(), std::memory_order_release);
    return *made_.back();
}

template <class Ready> void RemoteFrees::wait_for(Batch &batch, Ready ready) {
    const std::uint32_t bit = engine_.next_bit();
    const Rank peer = node_.topology->first_rank_of(batch.owner);
    engine_.wait({"answer of rank", static_cast<std::uint64_t>(peer.value)}, bit, [&] {
        batch.waiters.fetch_or(bit); // Before the look, so that an answer that comes after it wakes.
        return ready();
    });
}

void RemoteFrees::add(NodeId owner, memory::SegmentOffset offset) {
    count_.fetch_add(1, std::memory_order_relaxed);
    Batch &batch = batch_of(owner);
    bool noted = false;
    bool full = false;
    while (!noted) {
        {
            const std::lock_guard guard(batch.lock);
            if (batch.count < batch_blocks || send(batch)) {
                batch.blocks[batch.count++] = offset;
                noted = true;
                full = batch.count == batch_blocks && send(batch);
            }
        }
        if (!noted) {
            wait_for(batch, [&] { return batch.in_flight.load() < batches_in_flight_max; });
        }
    }
    if (full) { engine_.kick(); }
    if (!timer_set_.load(std::memory_order_relaxed) && !timer_set_.exchange(true)) {
        engine_.add_timer(now_ns() + batch_age_max_ns, timer_key);
    }
}

/// The caller holds the batch's lock. False, with nothing done, when too many are unanswered.
bool RemoteFrees::send(Batch &batch) {
    if (batch.in_flight.load() >= batches_in_flight_max) { return false; }
    batch.in_flight.fetch_add(1);
    const FreedBlocksHead head{Service::FreedBlocks, static_cast<std::uint8_t>(batch.count), {}};
    const std::span blocks(batch.blocks.data(), batch.count);
    engine_.post(node_.topology->first_rank_of(batch.owner), bytes_of(head), std::as_bytes(blocks));
    batch.count = 0;
    return true;
}

bool RemoteFrees::flush() {
    bool all_sent = true;
    {
        const std::lock_guard making(making_);
        for (const auto &batch : made_) {
            if (!send_if_any(*batch)) { all_sent = false; }
        }
    }
    engine_.kick();
    return all_sent;
}

void RemoteFrees::drain() {
    for (std::size_t at = 0;; ++at) {
        Batch *batch = nullptr;
        {
            const std::lock_guard making(making_);
            if (at == made_.size()) { return; }
            batch = made_[at].get();
        }
        while (!send_if_any(*batch)) {
            wait_for(*batch, [batch] { return batch->in_flight.load() < batches_in_flight_max; });
        }
        engine_.kick();
        wait_for(*batch, [batch] { return batch->in_flight.load() == 0; });
    }
}

bool RemoteFrees::send_if_any(Batch &batch) {
    const std::lock_guard guard(batch.lock);
    return batch.count == 0 || send(batch);
}

void RemoteFrees::on_timer(std::uint64_t key) {
    if (key != timer_key) { return next_timer_->on_timer(key); }
    timer_set_.store(false); // Before the flush: who adds from here on sets it anew.
    if (!flush() && !timer_set_.exchange(true)) { engine_.add_timer(now_ns() + batch_age_max_ns, timer_key); }
}

void RemoteFrees::on_answer(NodeId owner) {
    Batch &batch = batch_of(owner);
    batch.in_flight.fetch_sub(1);
    const std::uint32_t waiters = batch.waiters.exchange(0);
    if (waiters != 0) { engine_.wake(node_.topology->self(), waiters); }
}

/// True when there are chunks to give back.
bool RemoteFrees::free_here(memory::SegmentOffset offset, Rank who) {
    const memory::HeapFree freed = node_.heap->free_block(offset);
    if (freed.status != memory::HeapStatus::Ok) {
        end_job(exit_program_error, "dsm_free(%p): %s; freed by rank %d", node_.address_of(offset),
                text_of(freed.status), who.value);
    }
    return freed.release_pending;
}

void RemoteFrees::on_record(std::int32_t from_rank, std::span<const std::byte> record) {
    FreedBlocksHead head{};
    DSM_CHECK(record.size() >= sizeof head, "F1 a record of freed blocks has its head", record.size());
    std::memcpy(&head, record.data(), sizeof head);
    DSM_CHECK(record.size() == sizeof head + head.count * sizeof(memory::SegmentOffset),
              "F1 a record of freed blocks holds as many as it says", record.size());
    if (head.count == 0) { return on_answer(node_.topology->node_of(Rank{from_rank})); }
    bool release_pending = false;
    for (std::size_t at = 0; at < head.count; ++at) {
        memory::SegmentOffset offset = 0;
        std::memcpy(&offset, record.data() + sizeof head + at * sizeof offset, sizeof offset);
        const bool waits = drops_.before_free(offset, [this, offset, from_rank] {
            if (free_here(offset, Rank{from_rank})) { on_release_(); }
        });
        if (!waits && free_here(offset, Rank{from_rank})) { release_pending = true; }
    }
    engine_.post(Rank{from_rank}, bytes_of(FreedBlocksHead{Service::FreedBlocks, 0, {}}));
    if (release_pending) { on_release_(); }
}

} // namespace dsm::rt
