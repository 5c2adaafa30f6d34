// Atomics of this rank's threads: every operation is done at the value's home, the home of the page that it stands in
// (with first touch, of the page's arbiter), never in the page.
//
//   home elsewhere:  caller --AtomicOperate--> agent of the home --answer: the value before--> caller
//   home here:       the calling thread itself, in the node's shared memory; no message
//   wait:            caller --AtomicWait--> home: in the queue, or "it has another value" --answer--> caller
//   notify:          caller --AtomicNotify--> home --AtomicWake--> whoever waits, and looks again
//
// An operation returns when the home has done it, stores too. So each thread's operations reach their homes one after
// another, and what a thread has seen happened before whatever it does next: all orders are sequentially consistent. In
// release-consistent memory the release orders will flush and hand over write notices before the request, and the
// acquire orders take in those of the answer; both belong into operate().
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/spans.hpp"
#include "libdsm/runtime/sync_memory.hpp"

#include <cstdint>

namespace dsm::rt {

/// What is to be done with the value of an object; travels as it is.
struct AtomicRequest {
    LockId object;
    std::uint64_t operand;
    std::uint64_t expected; ///< CompareExchange alone
    sync::AtomicOperation operation;
    std::uint8_t bytes; ///< 1, 2, 4, 8
    std::uint8_t reserved[6];
};

class Atomics final : public CallHandler {
public:
    Atomics(Node &node, Engine &engine, Calls &calls, Spans &spans);

    // Errno codes: EINVAL when the object stands in no allocation. Any thread that may wait.

    /// `before` is the value before the operation; a comparison has succeeded if that is the expected one.
    int operate(const AtomicRequest &request, std::uint64_t &before);
    /// Returns when the value is another than `old`, having been so when a notification came or when asked at first.
    int wait(LockId object, std::uint64_t old);
    /// Not waited for. Wakes the longest waiting thread, or all.
    int notify(LockId object, bool all);

    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    struct WaitRequest {
        LockId object;
        std::uint64_t old;
        Rank rank;
        sync::WaitSlot slot;
    };
    struct NotifyRequest {
        LockId object;
        std::uint64_t all;
    };
    enum class WaitAnswer : std::uint32_t { Changed, Queued, NoRoom };

    /// no_node outside every allocation.
    NodeId home_of(LockId object);
    std::uint64_t operate_here(const AtomicRequest &request);
    WaitAnswer queue_here(const WaitRequest &request);
    void notify_here(const NotifyRequest &request);
    void wake_here(sync::WaitSlot slot);
    sync::AtomicWaiterPool pool() { return {memory_.atomic_pool, {memory_.atomic_waiters, atomic_waiters_max}}; }
    Rank agent(NodeId home, LockId object) const { return node_.topology->agent(home, object.value); }

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    Spans &spans_;
    SyncMemory &memory_;
    SyncTable &table_;
};

} // namespace dsm::rt
