// The trace of this rank on its way into a file (DSM_TRACE). Any thread writes, also from a fault handler: room is
// reserved with one atomic step in a mapping of the file, which is extended ahead; no lock, no heap, no write(2).
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"
#include "libdsm/runtime/trace_format.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace dsm::rt {

class TraceRecorder {
public:
    /// Makes the file, or empties it, and writes its head; `head.size_max` bounds it. The limit on file sizes may lower
    /// that.
    static memory::Outcome<std::unique_ptr<TraceRecorder>> create(const std::string &path, TraceFileHead head);

    /// Writes one record. `head.bytes`, `message_bytes`, `effects_bytes` and `checksum` are set here. Once a record has
    /// not fitted, no later one is written.
    void write(TraceRecordHead head, std::span<const std::byte> message, std::span<const std::byte> effects) noexcept;
    /// Writes the end and cuts the file to what is used. No thread writes any more. Returns why the trace ended.
    TraceEnd finish() noexcept;

    std::uint64_t records() const { return records_.load(std::memory_order_relaxed); }
    std::uint64_t records_lost() const { return lost_.load(std::memory_order_relaxed); }

private:
    TraceRecorder(memory::FileDescriptor file, memory::Mapping mapping, const TraceFileHead &head) noexcept;
    std::byte *reserve(std::size_t bytes) noexcept;
    bool extend(std::size_t end) noexcept;
    void stop(TraceEnd why) noexcept;

    memory::FileDescriptor file_;
    memory::Mapping mapping_;
    std::atomic<std::uint64_t> used_;
    std::atomic<std::uint64_t> ready_{0}; ///< bytes that the file has room for
    std::atomic<std::uint64_t> records_{0};
    std::atomic<std::uint64_t> lost_{0};
    std::atomic<TraceEnd> end_{TraceEnd::Complete}; ///< anything else: recording has stopped
};

} // namespace dsm::rt
