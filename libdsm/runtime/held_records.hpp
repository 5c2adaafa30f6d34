// Records of this rank that wait until an interval of its node is published. Slots of fixed number, memory touched as
// it is used, in the order of their coming, which is that of their tickets.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/protocol/release/interval.hpp"
#include "libdsm/runtime/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

struct HeldRecord {
    protocol::IntervalTicket ticket;
    Rank to;
    std::uint32_t head_bytes;
    std::uint32_t body_bytes;
    std::byte bytes[outbox_slot_bytes - 16];
    std::span<const std::byte> head() const { return {bytes, head_bytes}; }
    std::span<const std::byte> body() const { return {bytes + head_bytes, body_bytes}; }
};

class HeldRecords {
public:
    HeldRecords();
    ~HeldRecords();
    HeldRecords(const HeldRecords &) = delete;
    HeldRecords &operator=(const HeldRecords &) = delete;

    void push(protocol::IntervalTicket ticket, Rank to, std::span<const std::byte> head,
              std::span<const std::byte> body);
    /// Takes the oldest into `out` if its interval is published.
    bool pop_due(const protocol::IntervalState &intervals, HeldRecord &out);

    std::uint64_t size() const { return end_ - first_; }

private:
    static constexpr std::size_t slots = 8192;
    HeldRecord *records_;
    std::uint64_t first_ = 0;
    std::uint64_t end_ = 0;
};

} // namespace dsm::rt
