// The queue of threads that wait at an object's home, first come, first served, and how calls are answered. Common to
// read-write locks, semaphores, latches and onces; what each grants when is in their own files.
//
// A state is stepped under the lock of its table entry. A thread of the home node steps it directly, with itself as the
// waiter, instead of sending a message.
#pragma once

#include "libdsm/sync/home_message.hpp"
#include "libdsm/sync/record_pool.hpp"

#include <cstdint>

namespace dsm::sync {

/// A thread that waits for some object whose home is this node.
struct HomeRecord {
    HomeWaiter waiter;
    LockOwner owner;
    HomeOperation operation;
    std::uint32_t next; ///< link of the next one; 0 at the end
};

/// Zeroed memory is an empty queue.
struct HomeQueue {
    std::uint32_t head; ///< link into the pool
    std::uint32_t tail;
    bool empty() const noexcept { return head == 0; }
};

struct HomeContext {
    LockId id;
    RecordPool<HomeRecord> pool;
    HomeMutation mutation = HomeMutation::None;
};

/// One step on one object: its queue, and what to call.
class HomeStep {
public:
    HomeStep(HomeObjectKind object, HomeQueue &queue, const HomeContext &context, HomeEffects &effects) noexcept
        : object_(object), queue_(queue), context_(context), effects_(effects), pool_(context.pool) {}

    void answer(const HomeWaiter &waiter, HomeResult result, std::uint32_t number = 0);
    /// The request cannot be granted now: puts the thread into the queue or refuses it, as its manner says. False when
    /// it does not wait.
    bool queue_or_refuse(const HomeMessage &request);
    const HomeRecord &front() const noexcept { return pool_.at(queue_.head); }
    /// Takes the first out of the queue, which is not empty.
    HomeRecord pop();
    void on_cancel(const HomeMessage &cancel);
    /// H9: an object that was initialised again starts afresh, with `value` as it was given then, when it is first used
    /// and nobody waits. False when somebody does.
    bool is_of_this_incarnation(const HomeMessage &request, std::uint64_t &incarnation, std::uint32_t &value);
    bool planted(HomeMutation mutation) const noexcept { return context_.mutation == mutation; }
    HomeQueue &queue() const noexcept { return queue_; }

private:
    void send(const HomeWaiter &waiter, HomeMessageKind kind, HomeResult result, std::uint32_t number);
    bool remove(const HomeWaiter &waiter);

    HomeObjectKind object_;
    HomeQueue &queue_;
    const HomeContext &context_;
    HomeEffects &effects_;
    RecordPool<HomeRecord> pool_;
};

/// Ends the job: the message is none for this object's home.
[[noreturn]] void impossible_at_home(const HomeMessage &message) noexcept;

/// What has come to a home, to the part of the object's step that handles it.
template <class Step> void dispatch(Step &&step, const HomeMessage &message) {
    switch (message.kind) {
    case HomeMessageKind::Request:
        step.on_request(message);
        break;
    case HomeMessageKind::Cancel:
        step.on_cancel(message);
        break;
    case HomeMessageKind::Answer:
    case HomeMessageKind::Queued:
    case HomeMessageKind::CancelAck:
    case HomeMessageKind::CancelLate:
        impossible_at_home(message);
    }
}

} // namespace dsm::sync
