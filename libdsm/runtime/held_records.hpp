// Records of this rank that wait until an interval of its node is published: a ring of bytes, touched as it is used, in
// the order of their coming. One whose ticket is older than that of the one before waits with that one.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/protocol/release/interval.hpp"
#include "libdsm/runtime/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

/// One that is taken out.
struct HeldRecord {
    Rank to;
    std::uint32_t head_bytes;
    std::uint32_t body_bytes;
    std::byte bytes[sizeof(OutboxItem::bytes)];
    std::span<const std::byte> head() const { return {bytes, head_bytes}; }
    std::span<const std::byte> body() const { return {bytes + head_bytes, body_bytes}; }
};

class HeldRecords {
public:
    /// Room for one record, of 100 bytes or so, of half a million threads.
    static constexpr std::size_t ring_bytes_default = std::size_t{64} << 20;

    explicit HeldRecords(std::size_t ring_bytes = ring_bytes_default);
    ~HeldRecords();
    HeldRecords(const HeldRecords &) = delete;
    HeldRecords &operator=(const HeldRecords &) = delete;

    void push(protocol::IntervalTicket ticket, Rank to, std::span<const std::byte> head,
              std::span<const std::byte> body);
    /// Takes the oldest into `out` if its interval is published.
    bool pop_due(const protocol::IntervalState &intervals, HeldRecord &out);

    std::uint64_t size() const { return count_; }

private:
    struct Head {
        protocol::IntervalTicket ticket;
        Rank to;
        std::uint32_t head_bytes; ///< or `gap`: the rest of the ring, to its end, is not used this time
        std::uint32_t body_bytes;
    };
    static constexpr std::uint32_t gap = UINT32_MAX;
    static std::size_t bytes_of(std::size_t content) {
        return (sizeof(Head) + content + sizeof(Head) - 1) & ~(sizeof(Head) - 1);
    }
    std::byte *place(std::uint64_t at) const { return ring_ + at % ring_bytes_; }

    const std::size_t ring_bytes_; ///< a multiple of sizeof(Head)
    std::byte *ring_;
    std::uint64_t first_ = 0; ///< of the oldest; counted on, not round
    std::uint64_t end_ = 0;
    std::uint64_t count_ = 0;
};

} // namespace dsm::rt
