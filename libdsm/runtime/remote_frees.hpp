// Frees of small blocks that belong to another node's heap. Each would cost a round trip; so they are collected, per
// owner, and sent together: when a batch is full, when this rank needs memory, and latest after a millisecond.
//
//   dsm_free --add--> batch of the owner --FreedBlocks--> the owner's first rank: frees them in its node's heap
//                                        <--how many------
//
// At most batches_in_flight_max are unanswered for each owner: who frees faster than that waits, so that nothing piles
// up. The owner judges them: what is no live block ends the job there, with the rank named that freed it. Until then
// the blocks count as live, so nothing is ever handed out twice.
#pragma once

#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/sync_drop.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace dsm::rt {

class RemoteFrees final : public RecordService, public TimerHandler {
public:
    /// `on_release` is called on the driver when frees of others have left chunks to give back; it must not wait.
    RemoteFrees(Node &node, Engine &engine, SyncDrops &drops, std::function<void()> on_release);
    /// Takes the engine's timer and hands on what is not its own. Once, before start.
    void chain_timer(TimerHandler &next);

    /// Notes a free. Any thread that may wait.
    void add(NodeId owner, memory::SegmentOffset offset);
    /// Sends what was noted, as far as that needs no waiting. True if that was all.
    bool flush();
    /// Sends all and returns when every owner has judged it. Any thread that may wait.
    void drain();
    std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    void on_timer(std::uint64_t key) override;

private:
    static constexpr std::size_t batch_blocks = 64;
    static constexpr std::uint32_t batches_in_flight_max = 16;
    struct Batch {
        FutexMutex lock;
        NodeId owner;
        std::uint32_t count = 0; ///< guarded by lock, as are the blocks
        std::array<memory::SegmentOffset, batch_blocks> blocks;
        std::atomic<std::uint32_t> in_flight{0};
        std::atomic<std::uint32_t> waiters{0}; ///< bits of the threads to wake at the next answer
    };
    Batch &batch_of(NodeId owner);
    bool send(Batch &batch);
    bool send_if_any(Batch &batch);
    void on_answer(NodeId owner);
    bool free_here(memory::SegmentOffset offset, Rank who);
    template <class Ready> void wait_for(Batch &batch, Ready ready);

    Node &node_;
    Engine &engine_;
    SyncDrops &drops_;
    const std::function<void()> on_release_;
    TimerHandler *next_timer_ = nullptr;
    std::atomic<std::uint64_t> count_{0};
    std::atomic<bool> timer_set_{false};
    std::vector<std::atomic<Batch *>> batches_; ///< by owner; nullptr until the first free
    FutexMutex making_;
    std::vector<std::unique_ptr<Batch>> made_; ///< guarded by making_
};

} // namespace dsm::rt
