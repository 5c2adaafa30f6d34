// The ring of held records.
#include "libdsm/runtime/held_records.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>
#include <sys/mman.h>

namespace dsm::rt {

HeldRecords::HeldRecords(std::size_t ring_bytes) : ring_bytes_(ring_bytes) {
    static_assert((sizeof(Head) & (sizeof(Head) - 1)) == 0 && ring_bytes_default % sizeof(Head) == 0);
    void *memory =
        ::mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    DSM_CHECK(memory != MAP_FAILED, "memory for held records", ring_bytes_);
    ring_ = static_cast<std::byte *>(memory);
}

HeldRecords::~HeldRecords() { ::munmap(ring_, ring_bytes_); }

void HeldRecords::push(protocol::IntervalTicket ticket, Rank to, std::span<const std::byte> head,
                       std::span<const std::byte> body) {
    const std::size_t content = head.size() + body.size();
    const std::size_t bytes = bytes_of(content);
    const std::size_t to_end = ring_bytes_ - end_ % ring_bytes_;
    const bool has_gap = bytes > to_end;
    DSM_CHECK(content <= sizeof(HeldRecord::bytes) && end_ - first_ + bytes + (has_gap ? to_end : 0) <= ring_bytes_,
              "E11 there is a place for what follows an interval", content);
    if (has_gap) {
        const Head rest{{}, {}, gap, 0};
        std::memcpy(place(end_), &rest, sizeof rest);
        end_ += to_end;
    }
    const Head front{ticket, to, static_cast<std::uint32_t>(head.size()), static_cast<std::uint32_t>(body.size())};
    std::byte *const at = place(end_);
    std::memcpy(at, &front, sizeof front);
    std::memcpy(at + sizeof front, head.data(), head.size());
    if (!body.empty()) { std::memcpy(at + sizeof front + head.size(), body.data(), body.size()); }
    end_ += bytes;
    ++count_;
}

bool HeldRecords::pop_due(const protocol::IntervalState &intervals, HeldRecord &out) {
    if (count_ == 0) { return false; }
    Head front;
    std::memcpy(&front, place(first_), sizeof front);
    if (front.head_bytes == gap) {
        first_ += ring_bytes_ - first_ % ring_bytes_;
        std::memcpy(&front, place(first_), sizeof front);
    }
    if (!protocol::is_due(intervals, front.ticket)) { return false; }
    const std::size_t content = front.head_bytes + front.body_bytes;
    out.to = front.to;
    out.head_bytes = front.head_bytes;
    out.body_bytes = front.body_bytes;
    std::memcpy(out.bytes, place(first_) + sizeof front, content);
    first_ += bytes_of(content);
    --count_;
    if (count_ == 0) { first_ = end_ = 0; } // The first bytes are in the cache.
    return true;
}

} // namespace dsm::rt
