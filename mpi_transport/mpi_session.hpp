// Who started MPI and on which communicators libdsm works.
#pragma once

#include "libdsm/transport/transport.hpp"

#include <mpi.h>

namespace dsm::transport {

/// Duplicates of the program's communicator, MPI_ERRORS_RETURN set on all of them.
struct MpiSession {
    MPI_Comm records = MPI_COMM_NULL;    ///< active messages, nothing else
    MPI_Comm collective = MPI_COMM_NULL; ///< start, end and agreement
    MPI_Comm window = MPI_COMM_NULL;     ///< one-sided copies
    bool started_here = false;           ///< libdsm initialised MPI, so it finalizes it
};

/// Starts MPI where the program has not, checks the thread level on all ranks and duplicates the communicator.
/// Collective. On failure `error` and `reason` are set, the same on all ranks, and everything is as before, except that
/// an MPI that was started here has ended.
struct SessionResult {
    MpiSession session;
    int error = 0;
    std::string reason;
};
SessionResult open_session(const TransportOptions &options);
/// Collective. Frees the communicators; ends MPI if it was started here.
void close_session(MpiSession &session);

/// True when this process was started by an MPI launcher, judged by the environment.
bool under_launcher() noexcept;
/// True between the start and the end of MPI.
bool mpi_runs() noexcept;

} // namespace dsm::transport
