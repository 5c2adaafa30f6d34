// The hook between the checks of the program's own MPI calls (mpi_transport/checked_calls) and who knows the segment:
// where shared memory lies, and whom to ask about a buffer there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::transport {

/// A buffer in the segment that the program has given to MPI.
struct MpiBuffer {
    const char *call;  ///< "MPI_Send"
    int argument;      ///< which of the call's arguments, from 1
    const void *first; ///< the first byte that MPI touches
    std::size_t bytes; ///< from there
};

/// Makes the buffer fit for MPI, if it can be, or ends the job with a report. Any thread, outside MPI.
using MpiBufferJudge = void (*)(const MpiBuffer &buffer);

/// The segment while libdsm runs, nothing before and after.
struct WatchedMemory {
    std::atomic<std::uintptr_t> begin{0};
    std::atomic<std::size_t> bytes{0};
    std::atomic<MpiBufferJudge> judge{nullptr};
    [[nodiscard]] bool contains(const void *address) const {
        const auto offset = reinterpret_cast<std::uintptr_t>(address) - begin.load(std::memory_order_relaxed);
        return offset < bytes.load(std::memory_order_relaxed);
    }
};
inline WatchedMemory watched_memory;

inline void watch_mpi_buffers(const void *segment, std::size_t bytes, MpiBufferJudge judge) {
    watched_memory.judge.store(judge, std::memory_order_release);
    watched_memory.begin.store(reinterpret_cast<std::uintptr_t>(segment), std::memory_order_release);
    watched_memory.bytes.store(bytes, std::memory_order_release);
}

inline void forget_mpi_buffers() { watched_memory.bytes.store(0, std::memory_order_release); }

} // namespace dsm::transport
