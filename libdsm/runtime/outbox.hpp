// Where threads leave records for the driver of the engine: fixed slots and a lock-free queue of their numbers.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/ids.hpp"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/stack.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <sys/mman.h>

namespace dsm::rt {

/// Threads that do not drive send few records at a time: a request, a handful of invalidations, at worst the pieces of
/// a block for readers that it had kept waiting. The bound is in docs/architecture.md.
constexpr std::size_t outbox_slots = 32768;
/// A page, or a piece of a block, with its head and an encoded copyset.
constexpr std::size_t outbox_slot_bytes = 6656;

struct OutboxItem {
    Rank to;
    std::uint16_t head_bytes;
    std::uint16_t body_bytes;
    std::byte bytes[outbox_slot_bytes - 8]; ///< head, then body
};
static_assert(sizeof(OutboxItem) == outbox_slot_bytes);

/// Slots are taken by any thread and given back by the driver. Memory is reserved, not touched, until a slot is used;
/// the free list is a stack, so few slots are ever touched.
class Outbox {
public:
    Outbox() {
        void *memory = ::mmap(nullptr, outbox_slots * outbox_slot_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        DSM_CHECK(memory != MAP_FAILED, "memory for the outbox", outbox_slots * outbox_slot_bytes);
        items_ = static_cast<OutboxItem *>(memory);
        for (std::uint16_t slot = outbox_slots; slot > 0; --slot) { free_.push(static_cast<std::uint16_t>(slot - 1)); }
    }
    ~Outbox() { ::munmap(items_, outbox_slots * outbox_slot_bytes); }
    Outbox(const Outbox &) = delete;
    Outbox &operator=(const Outbox &) = delete;

    /// Copies a record into a slot and queues it. Running out of slots is a broken invariant.
    void push(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) {
        std::uint16_t slot = 0;
        DSM_CHECK(free_.pop(slot), "E1 a slot is free for every record that the bound allows", to.value);
        OutboxItem &item = items_[slot];
        DSM_CHECK(head.size() + body.size() <= sizeof item.bytes, "E10 a record fits a slot",
                  head.size() + body.size());
        item.to = to;
        item.head_bytes = static_cast<std::uint16_t>(head.size());
        item.body_bytes = static_cast<std::uint16_t>(body.size());
        std::memcpy(item.bytes, head.data(), head.size());
        if (!body.empty()) { std::memcpy(item.bytes + head.size(), body.data(), body.size()); }
        filled_.fetch_add(1, std::memory_order_relaxed);
        DSM_CHECK(queue_.push(slot), "E1 a slot is free for every record that the bound allows", to.value);
    }

    /// Hands every queued item to `consume` and gives its slot back. Returns how many there were. Driver only.
    template <class Consume> std::size_t consume_all(Consume consume) {
        std::size_t count = 0;
        std::uint16_t slot = 0;
        while (queue_.pop(slot)) {
            consume(items_[slot]);
            free_.push(slot);
            filled_.fetch_sub(1, std::memory_order_relaxed);
            ++count;
        }
        return count;
    }
    bool empty() const { return queue_.empty(); }
    /// Whether it is half full: who has much to send lets it be emptied first.
    bool is_crowded() const { return filled_.load(std::memory_order_relaxed) > outbox_slots / 2; }

private:
    OutboxItem *items_ = nullptr;
    std::atomic<std::uint32_t> filled_{0};
    boost::lockfree::stack<std::uint16_t, boost::lockfree::capacity<outbox_slots>> free_;
    boost::lockfree::queue<std::uint16_t, boost::lockfree::capacity<outbox_slots>> queue_;
};

} // namespace dsm::rt
