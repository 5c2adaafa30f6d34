// Choosing the transport of this job.
#include "libdsm/base/log.hpp"
#include "mpi_transport/checked_calls/checked_calls.hpp"
#include "mpi_transport/mpi_transport.hpp"

namespace dsm::transport {

TransportResult make_job_transport(const TransportOptions &options) {
    TransportResult result;
    if (options.communicator == nullptr && !under_launcher() && !mpi_runs()) {
        result.transport = make_loopback_transport();
        return result;
    }
    SessionResult opened = open_session(options);
    if (opened.error != 0) {
        result.error = opened.error;
        result.reason = std::move(opened.reason);
        return result;
    }
    PathLimits limits = find_path_limits();
    auto layout = MpiTransport::find_layout(opened.session, limits);
    if (layout.rank == 0) {
        if (!are_calls_checked()) {
            DSM_LOG(transport, info,
                    "MPI was linked before libdsm: the program's calls are not checked for shared memory");
        }
        DSM_LOG(transport, info, "MPI packets: %zu bytes on a host%s, %zu bytes between hosts", limits.same_host_bytes,
                limits.same_host_arrives_at_once ? " (shared memory)" : "", limits.other_host_bytes);
    }
    result.transport = std::make_unique<MpiTransport>(opened.session, limits, std::move(layout));
    return result;
}

} // namespace dsm::transport
