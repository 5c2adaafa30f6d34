// One block of the stress test: everything in it is written by several ranks, and every value says who wrote it.
#pragma once

#include <dsm/dsm.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm_test {

inline constexpr std::size_t writers_max = 16;

/// A word that only one writer writes: who, where, how often. Any other value in its place was made up.
struct Tag {
    static constexpr std::uint64_t mark = 0xd5;
    static std::uint64_t make(std::size_t page, std::size_t writer, std::uint32_t count) {
        return mark << 56U | std::uint64_t{page} << 40U | std::uint64_t{writer} << 32U | count;
    }
    static std::uint32_t count(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
};

struct StressPage {
    std::array<std::atomic<std::uint64_t>, writers_max> tagged; ///< 0, or a Tag with a count that only grows
    std::array<std::uint8_t, writers_max> bytes;                ///< the lower byte of the count, by the same writer
    std::atomic<std::uint64_t> sum;                             ///< everybody adds

    dsm_mutex_t mutex; ///< guards what follows
    std::uint64_t left;
    std::uint64_t right; ///< left with all bits inverted, while nobody is inside (both 0 at the beginning)
    std::uint64_t entries;

    std::atomic<std::uint64_t> sequence; ///< odd while a holder of the mutex writes first and second
    std::atomic<std::uint64_t> first;
    std::atomic<std::uint64_t> second; ///< twice the first

    std::array<std::uint64_t, 64> area; ///< one value, the number of the entry, under the mutex
};
static_assert(sizeof(StressPage) <= 4096);

/// Mutual exclusion of two threads by flags alone (Peterson 1981): right only if memory is sequentially consistent.
struct alignas(4096) Peterson {
    alignas(4096) std::array<std::atomic<std::uint32_t>, 2> wants;
    alignas(4096) std::atomic<std::uint32_t> turn;
    alignas(4096) std::uint64_t entries; ///< guarded by the flags
};

} // namespace dsm_test
