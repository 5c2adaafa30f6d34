// The queue of waiting threads, linked by index through their records.
#include "libdsm/sync/wait_record.hpp"

namespace dsm::sync {

void WaitQueue::push(std::span<WaitRecord> records, WaitSlot slot) noexcept {
    records[slot.value].next = 0;
    if (head_ == 0) {
        head_ = slot.value + 1;
    } else {
        records[tail_ - 1].next = slot.value + 1;
    }
    tail_ = slot.value + 1;
}

bool WaitQueue::remove(std::span<WaitRecord> records, WaitSlot slot) noexcept {
    std::uint32_t before = 0;
    for (std::uint32_t link = head_; link != 0; before = link, link = records[link - 1].next) {
        if (link != slot.value + 1) { continue; }
        const std::uint32_t after = records[link - 1].next;
        (before == 0 ? head_ : records[before - 1].next) = after;
        if (tail_ == link) { tail_ = before; }
        records[link - 1].next = 0;
        return true;
    }
    return false;
}

} // namespace dsm::sync
