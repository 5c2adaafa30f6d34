// Ranges of shared memory brought to this node, or given up, before anybody faults: the hints of access.h.
//
//   touch:     ask(a), ask(a+1), ... ask(a+63); wait(a), ask(a+64); wait(a+1), ask(a+65); ...
//   prefetch:  the same without the waits
#pragma once

#include "libdsm/runtime/coherence.hpp"

#include <cstddef>

namespace dsm::rt {

/// With one node: how this rank's view of an area is opened.
class AreaOpener {
public:
    virtual ~AreaOpener() = default;
    /// The area around an address of an allocation may be accessed from now on.
    virtual void open_area(void *address, bool is_write) = 0;
};

class RangeAccess {
public:
    /// `coherence` is nullptr with one node; `opener` is used then alone.
    RangeAccess(Node &node, Engine &engine, SpanFinder &spans, Coherence *coherence, AreaOpener &opener)
        : node_(node), engine_(engine), spans_(spans), coherence_(coherence), opener_(opener) {}

    /// Brings every block of a range here and maps it. 0; EINVAL: some of it is in no allocation; EACCES: it may not be
    /// written.
    int touch(memory::SegmentOffset begin, std::size_t bytes, Access wanted);
    /// Asks for the blocks of a range that are not here, the first prefetch_blocks_max of them, and waits for none.
    int prefetch(memory::SegmentOffset begin, std::size_t bytes, Access wanted);
    /// Drops the copies of blocks that lie in the range entirely and that this node does not own.
    int give_up(memory::SegmentOffset begin, std::size_t bytes);

    static constexpr std::size_t prefetch_blocks_max = 256;

private:
    struct Look {
        int error; ///< as of LockedBlock
        bool is_here;
        memory::SegmentOffset next; ///< where the next block begins, or the range ends
    };
    enum class Manner { Ask, Hint, Wait };
    Look look(memory::SegmentOffset at, memory::SegmentOffset end, Access wanted, Manner manner);
    /// With one node: opens this rank's view.
    int open(memory::SegmentOffset begin, memory::SegmentOffset end, Access wanted);

    Node &node_;
    Engine &engine_;
    SpanFinder &spans_;
    Coherence *coherence_;
    AreaOpener &opener_;
};

} // namespace dsm::rt
