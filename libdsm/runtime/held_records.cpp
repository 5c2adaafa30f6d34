// The ring of held records.
#include "libdsm/runtime/held_records.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>
#include <sys/mman.h>

namespace dsm::rt {

HeldRecords::HeldRecords() {
    void *memory = ::mmap(nullptr, slots * sizeof(HeldRecord), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    DSM_CHECK(memory != MAP_FAILED, "memory for held records", slots * sizeof(HeldRecord));
    records_ = static_cast<HeldRecord *>(memory);
}

HeldRecords::~HeldRecords() { ::munmap(records_, slots * sizeof(HeldRecord)); }

void HeldRecords::push(protocol::IntervalTicket ticket, Rank to, std::span<const std::byte> head,
                       std::span<const std::byte> body) {
    HeldRecord &record = records_[end_ % slots];
    DSM_CHECK(end_ - first_ < slots && head.size() + body.size() <= sizeof record.bytes,
              "E11 there is a place for what follows an interval", head.size() + body.size());
    record.ticket = ticket;
    record.to = to;
    record.head_bytes = static_cast<std::uint32_t>(head.size());
    record.body_bytes = static_cast<std::uint32_t>(body.size());
    std::memcpy(record.bytes, head.data(), head.size());
    if (!body.empty()) { std::memcpy(record.bytes + head.size(), body.data(), body.size()); }
    ++end_;
}

bool HeldRecords::pop_due(const protocol::IntervalState &intervals, HeldRecord &out) {
    if (first_ == end_) { return false; }
    const HeldRecord &record = records_[first_ % slots];
    if (!protocol::is_due(intervals, record.ticket)) { return false; }
    std::memcpy(&out, &record, sizeof out - sizeof out.bytes + record.head_bytes + record.body_bytes);
    ++first_;
    if (first_ == end_) { first_ = end_ = 0; } // The first slots are in the cache.
    return true;
}

} // namespace dsm::rt
