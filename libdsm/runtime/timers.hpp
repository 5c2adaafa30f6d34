// Timers of a rank: a fixed binary heap that any thread adds to and the driver of the engine runs.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace dsm::rt {

class TimerHandler {
public:
    virtual ~TimerHandler() = default;
    virtual void on_timer(std::uint64_t key) = 0;
};

class Timers {
public:
    /// Returns true when this is now the earliest one. A key may be added twice: it then runs twice.
    bool add(Nanoseconds at, std::uint64_t key) {
        lock_.lock();
        DSM_CHECK(size_ < static_cast<std::ptrdiff_t>(heap_.size()),
                  "E2 at most one timer for each page that holds requests back", key);
        heap_[static_cast<std::size_t>(size_++)] = {at, key};
        std::push_heap(heap_.begin(), heap_.begin() + size_, later);
        const bool first = heap_[0].key == key && heap_[0].at == at;
        next_.store(heap_[0].at, std::memory_order_relaxed);
        lock_.unlock();
        return first;
    }
    /// The time of the earliest timer; `never` when there is none.
    static constexpr Nanoseconds never = INT64_MAX;
    Nanoseconds next() const { return next_.load(std::memory_order_relaxed); }
    /// Takes one that is due.
    bool take_due(Nanoseconds now, std::uint64_t &key) {
        if (next() > now) { return false; }
        lock_.lock();
        const bool due = size_ > 0 && heap_[0].at <= now;
        if (due) {
            key = heap_[0].key;
            std::pop_heap(heap_.begin(), heap_.begin() + size_, later);
            --size_;
            next_.store(size_ > 0 ? heap_[0].at : never, std::memory_order_relaxed);
        }
        lock_.unlock();
        return due;
    }

private:
    struct Timer {
        Nanoseconds at;
        std::uint64_t key;
    };
    static bool later(const Timer &left, const Timer &right) { return left.at > right.at; }
    FutexMutex lock_;
    std::atomic<Nanoseconds> next_{never};
    std::ptrdiff_t size_ = 0;
    std::array<Timer, 16384> heap_;
};

} // namespace dsm::rt
