// The file of a trace: made, extended ahead, ended.
#include "libdsm/runtime/trace_recorder.hpp"

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

/// How far the file is extended ahead of what is used.
constexpr std::size_t extent_bytes = std::size_t{1} << 20;
/// Kept for the record that says the end.
constexpr std::size_t end_bytes = sizeof(TraceRecordHead);

std::size_t aligned(std::size_t bytes) {
    return (bytes + trace_record_alignment - 1) / trace_record_alignment * trace_record_alignment;
}

/// What a file may grow to, in whole pages.
std::size_t size_allowed(std::uint64_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        wanted = std::min<std::uint64_t>(wanted, limit.rlim_cur);
    }
    return wanted / page_bytes * page_bytes;
}

} // namespace

memory::Outcome<std::unique_ptr<TraceRecorder>> TraceRecorder::create(const std::string &path, TraceFileHead head) {
    const std::size_t bytes = size_allowed(head.size_max);
    if (bytes < 2 * page_bytes) { return memory::failure_of(EFBIG, "the trace file " + path); }
    memory::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file.valid()) { return memory::failure_of(errno, "the trace file " + path); }
    void *base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
    if (base == MAP_FAILED) { return memory::failure_of(errno, "mapping the trace file " + path); }
    memory::Mapping mapping(base, bytes);
    if (auto kept_out = memory::keep_out(base, bytes, false); !kept_out.ok()) { return kept_out.failure(); }
    std::unique_ptr<TraceRecorder> recorder(new TraceRecorder(std::move(file), std::move(mapping), head));
    if (!recorder->extend(sizeof head + end_bytes)) { return memory::failure_of(ENOSPC, "the trace file " + path); }
    std::memcpy(recorder->mapping_.base(), &head, sizeof head);
    return recorder;
}

TraceRecorder::TraceRecorder(memory::FileDescriptor file, memory::Mapping mapping, const TraceFileHead &head) noexcept
    : file_(std::move(file)), mapping_(std::move(mapping)), used_(head.head_bytes) {}

/// Makes the file at least so long. Threads may do so at the same time: the kernel gives each range once.
bool TraceRecorder::extend(std::size_t end) noexcept {
    std::uint64_t ready = ready_.load(std::memory_order_acquire);
    while (ready < end) {
        std::uint64_t next = std::min<std::uint64_t>(ready + extent_bytes, mapping_.bytes());
        const int error = memory::raw_fallocate(file_.get(), 0, ready, next - ready);
        if (error == ENOSPC || error == EDQUOT) { return false; }
        if (error != 0) { // A file system that reserves nothing ahead: a full disk then ends the job.
            next = mapping_.bytes();
            if (::ftruncate(file_.get(), static_cast<off_t>(next)) != 0) { return false; }
        }
        if (ready_.compare_exchange_strong(ready, next)) { ready = next; }
    }
    return true;
}

void TraceRecorder::stop(TraceEnd why) noexcept {
    TraceEnd none = TraceEnd::Complete;
    end_.compare_exchange_strong(none, why);
}

/// Room of its own for one record; nullptr when there is none.
std::byte *TraceRecorder::reserve(std::size_t bytes) noexcept {
    std::uint64_t at = used_.load(std::memory_order_relaxed);
    do {
        if (end_.load(std::memory_order_relaxed) != TraceEnd::Complete) { return nullptr; }
        const std::uint64_t end = at + bytes + end_bytes;
        if (end > mapping_.bytes()) {
            stop(TraceEnd::SizeReached);
            return nullptr;
        }
        if (end > ready_.load(std::memory_order_acquire) && !extend(end)) {
            stop(TraceEnd::DiskFull);
            return nullptr;
        }
    } while (!used_.compare_exchange_weak(at, at + bytes, std::memory_order_relaxed));
    return mapping_.base() + at;
}

void TraceRecorder::write(TraceRecordHead head, std::span<const std::byte> message,
                          std::span<const std::byte> effects) noexcept {
    const std::size_t bytes = aligned(sizeof head + message.size() + effects.size());
    std::byte *place = reserve(bytes);
    if (place == nullptr) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    head.bytes = static_cast<std::uint32_t>(bytes);
    head.message_bytes = static_cast<std::uint16_t>(message.size());
    head.effects_bytes = static_cast<std::uint16_t>(effects.size());
    alignas(TraceRecordHead) std::array<std::byte, trace_record_bytes_max> record{};
    std::memcpy(record.data(), &head, sizeof head);
    std::copy(message.begin(), message.end(), record.begin() + sizeof head);
    std::copy(effects.begin(), effects.end(),
              record.begin() + sizeof head + static_cast<std::ptrdiff_t>(message.size()));
    head.checksum = trace_checksum(std::span(record).first(bytes));
    std::memcpy(record.data() + offsetof(TraceRecordHead, checksum), &head.checksum, sizeof head.checksum);
    // The length goes last: a reader of a file without an end stops where it is still zero.
    constexpr std::size_t length_bytes = sizeof head.bytes;
    std::memcpy(place + length_bytes, record.data() + length_bytes, bytes - length_bytes);
    std::atomic_ref(*reinterpret_cast<std::uint32_t *>(place)).store(head.bytes, std::memory_order_release);
    records_.fetch_add(1, std::memory_order_relaxed);
}

TraceEnd TraceRecorder::finish() noexcept {
    const TraceEnd why = end_.load();
    TraceRecordHead end{};
    end.bytes = sizeof end;
    end.page = records();
    end.effects_hash = records_lost();
    end.now_us = static_cast<std::uint64_t>(now_ns() / 1000);
    end.event = TraceEvent::End;
    end.result = static_cast<std::uint8_t>(why);
    end.checksum = trace_checksum(std::as_bytes(std::span(&end, 1)));
    const std::uint64_t used = used_.load();
    std::memcpy(mapping_.base() + used, &end, sizeof end);
    static_cast<void>(::ftruncate(file_.get(), static_cast<off_t>(used + sizeof end)));
    return why;
}

} // namespace dsm::rt
