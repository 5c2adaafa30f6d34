// Which mutex a thread took last and still holds: a page that is written under one lock alone travels with its token.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstdint>

namespace dsm::rt {

/// The innermost locks of this thread. Deeper nests than `depth_max` are forgotten from outside in.
struct HeldLocks {
    static constexpr unsigned depth_max = 8;
    std::uint64_t locks[depth_max]; ///< number + 1
    unsigned depth;

    static HeldLocks &of_this_thread() {
        static thread_local HeldLocks held __attribute__((tls_model("initial-exec"))) = {};
        return held;
    }
    void push(LockId lock) {
        if (depth == depth_max) {
            for (unsigned i = 1; i < depth_max; ++i) { locks[i - 1] = locks[i]; }
            --depth;
        }
        locks[depth++] = lock.value + 1;
    }
    void remove(LockId lock) {
        for (unsigned i = depth; i > 0; --i) {
            if (locks[i - 1] != lock.value + 1) { continue; }
            for (; i < depth; ++i) { locks[i - 1] = locks[i]; }
            --depth;
            return;
        }
    }
};

/// Number + 1; 0: none.
inline std::uint64_t innermost_lock() {
    const HeldLocks &held = HeldLocks::of_this_thread();
    return held.depth == 0 ? 0 : held.locks[held.depth - 1];
}

} // namespace dsm::rt
