// Recognises a thread that misses pages in steps of one stride, and says which to fetch ahead, in growing batches.
// After the readers of files ahead of time (Smith 1978) and stride prefetching in memory systems (Fu, Patel and
// Janssens 1992).
//
//   misses: 10, 11, 12      -> the third confirms the stride: fetch 13 to 16
//   next miss at 17         -> fetch 18 to 25; then 16, 32 and at most 64 pages
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <cstdint>

namespace dsm::rt {

/// Of one thread.
class ReadAhead {
public:
    static constexpr std::uint32_t batch_max = 64;
    struct Batch {
        PageId first{};
        std::int64_t stride = 0;
        std::uint32_t count = 0; ///< 0: nothing
    };

    Batch on_miss(PageId page) noexcept {
        const auto at = static_cast<std::int64_t>(page.value);
        Stream &stream = stream_of(at);
        stream.used = ++clock_;
        const std::int64_t step = at - stream.last;
        const bool continues = stream.count != 0 && at == stream.expected;
        const bool confirms = stream.count == 0 && step != 0 && step == stream.stride;
        stream.last = at;
        if (!continues && !confirms) {
            stream.stride = step;
            stream.count = 0;
            return {};
        }
        stream.count = confirms ? batch_min : stream.count * 2 < batch_max ? stream.count * 2 : batch_max;
        stream.expected = at + stream.stride * (stream.count + std::int64_t{1});
        return {PageId{static_cast<std::uint64_t>(at + stream.stride)}, stream.stride, stream.count};
    }

private:
    static constexpr std::uint32_t batch_min = 4;
    static constexpr std::int64_t stride_max = 1024;
    struct Stream {
        std::int64_t last;
        std::int64_t stride;
        std::int64_t expected; ///< the miss that continues it; with count != 0
        std::uint32_t count;   ///< of the last batch; 0: not confirmed
        std::uint32_t used;
    };
    static std::int64_t distance(std::int64_t a, std::int64_t b) { return a < b ? b - a : a - b; }

    /// The one that this miss continues, or the nearest, or else the one that has not been used for longest.
    Stream &stream_of(std::int64_t at) noexcept {
        Stream *nearest = nullptr;
        Stream *oldest = &streams_[0];
        for (Stream &stream : streams_) {
            if (stream.count != 0 && stream.expected == at) { return stream; }
            const bool is_near = stream.used != 0 && distance(stream.last, at) <= stride_max;
            if (is_near && (nearest == nullptr || distance(stream.last, at) < distance(nearest->last, at))) {
                nearest = &stream;
            }
            if (stream.used < oldest->used) { oldest = &stream; }
        }
        if (nearest != nullptr) { return *nearest; }
        *oldest = {at, 0, 0, 0, 0};
        return *oldest;
    }

    std::array<Stream, 4> streams_{};
    std::uint32_t clock_ = 0;
};

} // namespace dsm::rt
