// Where threads leave records for the driver of the engine: fixed slots and a lock-free queue of their numbers.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/ids.hpp"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/stack.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <sys/mman.h>

namespace dsm::rt {

constexpr std::size_t outbox_slots = 8192;
/// A page, its head and an encoded copyset.
constexpr std::size_t outbox_slot_bytes = 6144;
/// Records that carry a whole large block (one-sided only) use a slot of the second kind.
constexpr std::size_t outbox_block_slots = 64;

struct OutboxItem {
    Rank to;
    bool put; ///< `body` goes to window_offset before the record is sent
    std::uint16_t head_bytes;
    std::uint32_t body_bytes;
    std::uint64_t window_offset;
    std::byte *bytes; ///< head, then body
};

/// Slots are taken by any thread and given back by the driver. Memory is reserved, not touched, until a slot is used;
/// the free list is a stack, so few slots are ever touched.
class Outbox {
public:
    Outbox() {
        bytes_ = reserve(outbox_slots * outbox_slot_bytes);
        block_bytes_ = reserve(outbox_block_slots * block_slot_bytes);
        items_ = reinterpret_cast<OutboxItem *>(reserve((outbox_slots + outbox_block_slots) * sizeof(OutboxItem)));
        for (std::uint16_t slot = outbox_slots; slot > 0; --slot) { free_.push(static_cast<std::uint16_t>(slot - 1)); }
        for (std::uint16_t slot = outbox_block_slots; slot > 0; --slot) {
            free_blocks_.push(static_cast<std::uint16_t>(outbox_slots + slot - 1));
        }
    }
    ~Outbox() {
        ::munmap(bytes_, outbox_slots * outbox_slot_bytes);
        ::munmap(block_bytes_, outbox_block_slots * block_slot_bytes);
        ::munmap(items_, (outbox_slots + outbox_block_slots) * sizeof(OutboxItem));
    }
    Outbox(const Outbox &) = delete;
    Outbox &operator=(const Outbox &) = delete;

    /// Copies a record into a slot and queues it. The bound on records in flight (docs/architecture.md) is below the
    /// number of slots: running out of them is a broken invariant.
    void push(Rank to, std::span<const std::byte> head, std::span<const std::byte> body, bool put,
              std::uint64_t window_offset) {
        const bool small = head.size() + body.size() <= outbox_slot_bytes;
        std::uint16_t slot = 0;
        const bool found = small ? free_.pop(slot) : free_blocks_.pop(slot);
        DSM_CHECK(found, "E1 a slot is free for every record that the bound allows", to.value);
        OutboxItem &item = items_[slot];
        item = {to,
                put,
                static_cast<std::uint16_t>(head.size()),
                static_cast<std::uint32_t>(body.size()),
                window_offset,
                small ? bytes_ + slot * outbox_slot_bytes : block_bytes_ + (slot - outbox_slots) * block_slot_bytes};
        std::memcpy(item.bytes, head.data(), head.size());
        if (!body.empty()) { std::memcpy(item.bytes + head.size(), body.data(), body.size()); }
        DSM_CHECK(queue_.push(slot), "E1 a slot is free for every record that the bound allows", to.value);
    }

    /// Hands every queued item to `consume` and gives its slot back. Returns how many there were. Driver only.
    template <class Consume> std::size_t consume_all(Consume consume) {
        std::size_t count = 0;
        std::uint16_t slot = 0;
        while (queue_.pop(slot)) {
            consume(items_[slot]);
            if (slot < outbox_slots) {
                free_.push(slot);
            } else {
                free_blocks_.push(slot);
            }
            ++count;
        }
        return count;
    }
    bool empty() const { return queue_.empty(); }

private:
    static constexpr std::size_t block_slot_bytes = block_bytes_max + page_bytes;
    static std::byte *reserve(std::size_t bytes) {
        void *memory =
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        DSM_CHECK(memory != MAP_FAILED, "memory for the outbox", bytes);
        return static_cast<std::byte *>(memory);
    }
    std::byte *bytes_ = nullptr;
    std::byte *block_bytes_ = nullptr;
    OutboxItem *items_ = nullptr;
    boost::lockfree::stack<std::uint16_t, boost::lockfree::capacity<outbox_slots>> free_;
    boost::lockfree::stack<std::uint16_t, boost::lockfree::capacity<outbox_block_slots>> free_blocks_;
    boost::lockfree::queue<std::uint16_t, boost::lockfree::capacity<outbox_slots + outbox_block_slots>> queue_;
};

} // namespace dsm::rt
