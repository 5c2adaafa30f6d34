// The read-write locks that a thread reads, and how often: who reads already may read again in front of waiting
// writers, and must not wait to write.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstdint>
#include <new>
#include <vector>

namespace dsm::rt {

/// One thread's own. A lock whose memory was freed while it was read stays in it: the home looks whether anybody reads
/// the lock at all, and writing it clears the entry.
class HeldReads {
public:
    static HeldReads &of_this_thread() {
        static thread_local HeldReads mine;
        return mine;
    }

    bool contains(LockId id) const noexcept {
        for (const Held &held : held_) {
            if (held.id == id) { return true; }
        }
        return false;
    }
    /// add() will find room; false when there is no memory.
    bool make_room() noexcept {
        try {
            held_.reserve(held_.size() + 1);
        } catch (const std::bad_alloc &) { return false; }
        return true;
    }
    void add(LockId id) {
        for (Held &held : held_) {
            if (held.id == id) {
                ++held.times;
                return;
            }
        }
        held_.push_back({id, 1});
    }
    void remove_one(LockId id) noexcept {
        for (Held &held : held_) {
            if (held.id == id && --held.times == 0) {
                held = held_.back();
                held_.pop_back();
                return;
            }
        }
    }
    void forget(LockId id) noexcept {
        std::erase_if(held_, [id](const Held &held) { return held.id == id; });
    }

private:
    struct Held {
        LockId id;
        std::uint32_t times;
    };
    std::vector<Held> held_;
};

} // namespace dsm::rt
