// A bounded store of records in memory that the ranks of a node share: a lock-free list of free ones, linked by index
// (Treiber 1986, with a counter beside the head against reuse). Zeroed memory is a pool with every record free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::sync {

/// The shared part of a pool; the records follow wherever the caller put them.
struct PoolHead {
    std::uint64_t free_head; ///< changes << 32 | index + 1 of the first free record that was used before
    std::uint32_t used;      ///< records ever used: those from here on are free as well
    std::uint32_t reserved;
};

/// A view of a pool. Record is trivially copyable and has a std::uint32_t `next`. Any thread, no lock needed.
template <class Record> class RecordPool {
public:
    RecordPool(PoolHead &head, std::span<Record> records) noexcept : head_(head), records_(records) {}

    /// Index + 1 of a record that is now the caller's; 0 when all are in use.
    std::uint32_t take() noexcept {
        std::atomic_ref free_head(head_.free_head);
        std::uint64_t seen = free_head.load(std::memory_order_acquire);
        while (static_cast<std::uint32_t>(seen) != 0) {
            const auto link = static_cast<std::uint32_t>(seen);
            // May be stale when another thread takes the record first; then the exchange fails and it is not used.
            const std::uint32_t after = std::atomic_ref(at(link).next).load(std::memory_order_relaxed);
            if (free_head.compare_exchange_weak(seen, changed(seen, after), std::memory_order_acquire)) { return link; }
        }
        std::atomic_ref used(head_.used);
        std::uint32_t count = used.load(std::memory_order_relaxed);
        while (count < records_.size()) {
            if (used.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) { return count + 1; }
        }
        return 0;
    }

    void give_back(std::uint32_t link) noexcept {
        std::atomic_ref free_head(head_.free_head);
        std::uint64_t seen = free_head.load(std::memory_order_relaxed);
        do {
            std::atomic_ref(at(link).next).store(static_cast<std::uint32_t>(seen), std::memory_order_relaxed);
        } while (!free_head.compare_exchange_weak(seen, changed(seen, link), std::memory_order_release,
                                                  std::memory_order_relaxed));
    }

    Record &at(std::uint32_t link) const noexcept { return records_[link - 1]; }
    std::size_t capacity() const noexcept { return records_.size(); }

private:
    static std::uint64_t changed(std::uint64_t seen, std::uint32_t link) noexcept {
        return (((seen >> 32) + 1) << 32) | link;
    }

    PoolHead &head_;
    std::span<Record> records_;
};

} // namespace dsm::sync
