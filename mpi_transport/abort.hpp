// Ending the job at once, from any thread and from signal handlers.
#pragma once

#include <mpi.h>

namespace dsm::transport {

/// From now on abort_job() uses this communicator; MPI_COMM_NULL: it leaves the process alone. Also makes it the job
/// ender of libdsm/base/check.hpp, or takes it away.
void set_abort_communicator(MPI_Comm communicator) noexcept;

/// MPI_Abort, at most 5 s. MPI_Abort is not async-signal-safe, but nothing else reaches the launcher as surely: when it
/// hangs, because the interrupted thread or another one is inside MPI or malloc and holds a lock, an alarm ends this
/// process, and the launcher, seeing it die outside MPI_Finalize, ends the others.
[[noreturn]] void abort_job(int exit_code) noexcept;

} // namespace dsm::transport
