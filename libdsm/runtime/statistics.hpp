// The counters behind dsm_get_statistics(): relaxed atomics, one set per rank.
#pragma once

#include <atomic>
#include <cstdint>

namespace dsm::rt {

struct Statistics {
    using Count = std::atomic<std::uint64_t>;
    Count read_faults{0}, write_faults{0}, faults_served_here{0};
    Count messages_sent{0}, messages_received{0};
    Count pages_sent{0}, page_copies{0}, invalidations{0}, evictions{0};
    Count lock_hand_overs{0}, wake_ups{0};
    Count fetches{0}, twins{0}, diffs_sent{0}, diff_bytes{0}, lines_sent{0}, notices_sent{0}, homes_moved{0};
};

inline void count(Statistics::Count &counter, std::uint64_t by = 1) {
    counter.fetch_add(by, std::memory_order_relaxed);
}

} // namespace dsm::rt
