// What an MPI call returned: on libdsm's communicators errors are returned, logged once, and end the job.
#pragma once

#include <string>

namespace dsm::transport {

/// The text that MPI has for an error code.
std::string mpi_error_text(int code);
/// Ends the job when code is not MPI_SUCCESS; `call` names what was tried.
void expect_mpi(int code, const char *call);

} // namespace dsm::transport
