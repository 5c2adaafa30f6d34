// Pinning and unpinning ranges, and the watch over them.
#include "libdsm/runtime/pins.hpp"

#include "libdsm/runtime/pin_hold.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

/// How often in the span of the limit the pins are looked at.
constexpr int looks_per_timeout = 16;

} // namespace

int Pins::pin(memory::SegmentOffset begin, std::size_t bytes, Access wanted) {
    if (holds_pin()) { return EDEADLK; }
    if (coherence_ != nullptr && bytes / page_bytes > node_.cache_pages / 2) { return ENOMEM; }
    if (const int error = ranges_.touch(begin, bytes, wanted); error != 0) { return error; }
    Pin *pin = enter(begin, bytes);
    if (pin == nullptr) { return EAGAIN; }
    const int error = coherence_ == nullptr ? 0 : pin_blocks(begin, begin + bytes, wanted);
    if (error != 0) {
        leave(*pin);
        return error;
    }
    own_pin = {begin, bytes, pin};
    const std::lock_guard locked(lock_);
    pin->is_whole = true;
    return 0;
}

int Pins::pin_blocks(memory::SegmentOffset begin, memory::SegmentOffset end, Access wanted) {
    for (memory::SegmentOffset at = begin; at < end;) {
        const LockedBlock block = coherence_->lock_block(at, wanted);
        if (block.entry == nullptr) { // It was freed meanwhile.
            unpin_blocks(begin, at);
            return block.error;
        }
        if (!coherence_->try_pin(block, wanted)) {
            coherence_->unlock_and_wait(block);
            continue;
        }
        block.entry->lock.unlock();
        at = end_of(block.block);
    }
    engine_.kick();
    return 0;
}

void Pins::unpin_blocks(memory::SegmentOffset begin, memory::SegmentOffset end) {
    for (memory::SegmentOffset at = begin; at < end;) {
        const auto record = node_.spans->lookup(memory::page_of(at));
        if (!record) { // Freed while it was pinned, and every trace of it with it.
            at = (at / memory::chunk_bytes + 1) * memory::chunk_bytes;
            continue;
        }
        const memory::PageBlock block = memory::block_of(*record, memory::page_of(at));
        coherence_->unpin(block.first, record->generation);
        at = end_of(block);
    }
    engine_.kick();
}

int Pins::unpin(memory::SegmentOffset begin, std::size_t bytes) {
    if (own_pin.begin != begin || own_pin.bytes != bytes || bytes == 0) { return EINVAL; }
    Pin *pin = static_cast<Pin *>(own_pin.place);
    own_pin = {};
    if (coherence_ != nullptr) { unpin_blocks(begin, begin + bytes); }
    leave(*pin);
    return 0;
}

Pins::Pin *Pins::enter(memory::SegmentOffset begin, std::size_t bytes) {
    const std::int64_t thread = ::syscall(SYS_gettid);
    const std::lock_guard locked(lock_);
    const auto place = std::find_if(pins_.begin(), pins_.end(), [](const Pin &one) { return one.bytes == 0; });
    if (place == pins_.end()) { return nullptr; }
    *place = {begin, bytes, thread, 0, false};
    count_.fetch_add(1, std::memory_order_release);
    return &*place;
}

void Pins::leave(Pin &pin) {
    const std::lock_guard locked(lock_);
    pin = {};
    count_.fetch_sub(1, std::memory_order_release);
}

bool Pins::holds(PageId first, std::size_t count) const {
    if (count_.load(std::memory_order_acquire) == 0) { return false; }
    const memory::SegmentOffset begin = memory::offset_of(first);
    const memory::SegmentOffset end = begin + count * page_bytes;
    const std::lock_guard locked(lock_);
    return std::any_of(pins_.begin(), pins_.end(), [&](const Pin &pin) {
        return pin.bytes != 0 && pin.begin < end && begin < pin.begin + pin.bytes;
    });
}

void Pins::watch() {
    if (count_.load(std::memory_order_relaxed) == 0 || timeout_ns_ == 0) { return; }
    const Nanoseconds now = now_ns();
    if (now - watched_at_ < timeout_ns_ / looks_per_timeout) { return; }
    watched_at_ = now;
    Pin late{};
    {
        const std::lock_guard locked(lock_);
        for (Pin &pin : pins_) {
            if (pin.bytes == 0 || !pin.is_whole || !keeps_others(pin)) {
                pin.wanted_since = 0;
            } else if (pin.wanted_since == 0) {
                pin.wanted_since = now;
            } else if (now - pin.wanted_since > timeout_ns_) {
                late = pin;
            }
        }
    }
    if (late.bytes != 0) { report(late); }
}

bool Pins::keeps_others(const Pin &pin) {
    const memory::SegmentOffset end = pin.begin + pin.bytes;
    for (memory::SegmentOffset at = pin.begin; coherence_ != nullptr && at < end;) {
        const auto record = node_.spans->lookup(memory::page_of(at));
        if (!record) { return false; }
        const memory::PageBlock block = memory::block_of(*record, memory::page_of(at));
        if (coherence_->keeps_others(block.first)) { return true; }
        at = end_of(block);
    }
    return false;
}

void Pins::report(const Pin &pin) const {
    end_job(exit_program_error,
            "a pin of %zu bytes of shared memory at %p, held by thread %lld, has kept other nodes waiting for longer "
            "than DSM_TIMEOUT (%.0f s): between dsm_pin() and dsm_unpin() wait for nobody",
            pin.bytes, node_.address_of(pin.begin), static_cast<long long>(pin.thread),
            static_cast<double>(timeout_ns_) / 1e9);
}

} // namespace dsm::rt
