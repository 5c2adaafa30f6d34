// Ranges that threads of this rank hold at their node: dsm_pin() and dsm_unpin().
//
// The blocks of a range are pinned in rising order, and a thread keeps those that it has while it waits for the next.
// Nobody waits in a circle, since a holder waits for blocks of higher numbers alone: a thread has one range at a time,
// and between pinning and unpinning it waits for nothing at all. The range is brought in first, so that the waits are
// short. docs/decisions/0016-pins-in-order.md.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/runtime/range_access.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace dsm::rt {

class Pins {
public:
    /// `coherence` is nullptr with one node. timeout_s as DSM_TIMEOUT; 0: never.
    Pins(Node &node, Engine &engine, RangeAccess &ranges, Coherence *coherence, double timeout_s)
        : node_(node), engine_(engine), ranges_(ranges), coherence_(coherence),
          timeout_ns_(static_cast<Nanoseconds>(timeout_s * 1e9)) {}

    /// 0; EINVAL, EACCES as RangeAccess::touch(); EDEADLK: this thread holds a range; ENOMEM: more than half of what
    /// the node may keep; EAGAIN: pins_per_rank ranges are held.
    int pin(memory::SegmentOffset begin, std::size_t bytes, Access wanted);
    /// 0; EINVAL: this thread does not hold just this range.
    int unpin(memory::SegmentOffset begin, std::size_t bytes);
    /// The chore of the progress thread: a range that has kept others waiting for longer than the limit ends the job.
    void watch();
    /// Whether a thread of this rank holds some of these pages, or is about to.
    bool holds(PageId first, std::size_t count) const;

    static constexpr std::size_t pins_per_rank = 256;

private:
    struct Pin {
        memory::SegmentOffset begin;
        std::size_t bytes; ///< 0: the place is free
        std::int64_t thread;
        Nanoseconds wanted_since; ///< 0: nobody waits for it, as far as is known
        bool is_whole;            ///< all of it is pinned; before, its own thread is waiting
    };
    Pin *enter(memory::SegmentOffset begin, std::size_t bytes);
    void leave(Pin &pin);
    int pin_blocks(memory::SegmentOffset begin, memory::SegmentOffset end, Access wanted);
    void unpin_blocks(memory::SegmentOffset begin, memory::SegmentOffset end);
    bool keeps_others(const Pin &pin);
    [[noreturn]] void report(const Pin &pin) const;

    Node &node_;
    Engine &engine_;
    RangeAccess &ranges_;
    Coherence *coherence_;
    const Nanoseconds timeout_ns_;
    mutable FutexMutex lock_; ///< guards the places
    std::atomic<int> count_{0};
    Nanoseconds watched_at_ = 0; ///< progress thread only
    std::array<Pin, pins_per_rank> pins_{};
};

} // namespace dsm::rt
