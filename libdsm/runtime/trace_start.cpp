// The head of a rank's trace, the same job's number in all of them, and the last word about it.
#include "libdsm/runtime/trace_start.hpp"

#include "libdsm/base/futex.hpp"
#include "libdsm/base/log.hpp"
#include "libdsm/runtime/agreement.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <dsm/api.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

std::int64_t time_of_day_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

TraceFileHead head_of(const Topology &topology, const Options &options, const protocol::SequentialLimits &limits) {
    static_assert(std::is_trivially_copyable_v<protocol::SequentialLimits>);
    static_assert(sizeof limits <= sizeof(TraceFileHead::limits), "the limits have room in a trace's head");
    TraceFileHead head{};
    head.magic = trace_magic;
    head.format = trace_format;
    head.head_bytes = sizeof head;
    head.library_version = DSM_VERSION;
    head.rank = static_cast<std::uint32_t>(topology.self().value);
    head.rank_count = static_cast<std::uint32_t>(topology.rank_count());
    head.limits_bytes = sizeof limits;
    head.state_bytes = sizeof(protocol::PageState);
    head.monotonic_ns = now_ns();
    head.realtime_ns = time_of_day_ns();
    head.size_max = options.trace_bytes;
    head.node = topology.self_node().value;
    head.node_count = topology.node_count();
    head.node_ranks = static_cast<std::uint16_t>(topology.ranks_of(topology.self_node()).size());
    std::memcpy(head.limits.data(), &limits, sizeof limits);
    return head;
}

} // namespace

std::unique_ptr<TraceRecorder> start_trace(transport::Transport &transport, const Topology &topology,
                                           const Options &options, const protocol::SequentialLimits &limits) {
    if (options.trace_file.empty()) { return nullptr; }
    TraceFileHead head = head_of(topology, options, limits);
    const auto own = static_cast<std::uint64_t>(head.realtime_ns) * 31 + static_cast<std::uint64_t>(::getpid());
    head.job = gather(transport, own)[0];
    auto made = TraceRecorder::create(options.trace_file + "." + std::to_string(head.rank), head);
    const int error = made.ok() ? 0 : made.failure().error;
    // What is wrong with the path is the user's to mend; a full disk is a want of some resource.
    agree(transport, error == 0 || error == ENOSPC ? error : EINVAL, made.ok() ? "" : made.failure().reason);
    return std::move(made.value());
}

void end_trace(TraceRecorder &recorder) {
    const TraceEnd why = recorder.finish();
    if (why == TraceEnd::Complete) { return; }
    DSM_LOG(protocol, warn, "the trace ends early, %s: %llu steps are in it, %llu are not",
            why == TraceEnd::DiskFull ? "since the disk is full" : "at DSM_TRACE_SIZE",
            static_cast<unsigned long long>(recorder.records()),
            static_cast<unsigned long long>(recorder.records_lost()));
}

} // namespace dsm::rt
