// The range that this thread holds at its node; one at a time. Whoever is about to wait for another node looks here: a
// holder that waits for what another holder has would wait for ever.
#pragma once

#include "libdsm/memory/span_record.hpp"

#include <cstddef>

namespace dsm::rt {

struct PinHold {
    memory::SegmentOffset begin;
    std::size_t bytes; ///< 0: this thread holds nothing
    void *place;       ///< where Pins notes it
};

/// Initial-exec, because the general model may allocate at a thread's first access, and a fault handler looks here.
inline thread_local PinHold own_pin __attribute__((tls_model("initial-exec"))){};

inline bool holds_pin() noexcept { return own_pin.bytes != 0; }

} // namespace dsm::rt
