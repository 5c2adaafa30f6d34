// Start and end of a job's trace.
#pragma once

#include "libdsm/runtime/options.hpp"
#include "libdsm/runtime/topology.hpp"
#include "libdsm/runtime/trace_recorder.hpp"
#include "libdsm/transport/transport.hpp"

#include <memory>

namespace dsm::rt {

/// Collective. nullptr without DSM_TRACE; throws StartFailure where a rank cannot make its file.
std::unique_ptr<TraceRecorder> start_trace(transport::Transport &transport, const Topology &topology,
                                           const Options &options, const protocol::SequentialLimits &limits);
/// After this rank's last step. Says so where the trace is not whole.
void end_trace(TraceRecorder &recorder);

} // namespace dsm::rt
