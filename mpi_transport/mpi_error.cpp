// MPI's return codes.
#include "mpi_transport/mpi_error.hpp"

#include "libdsm/base/check.hpp"

#include <mpi.h>

namespace dsm::transport {

std::string mpi_error_text(int code) {
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    PMPI_Error_string(code, text, &length);
    return {text, static_cast<std::size_t>(length)};
}

void expect_mpi(int code, const char *call) {
    if (__builtin_expect(code == MPI_SUCCESS, 1)) { return; }
    end_job(exit_machine_failed, "%s failed: %s", call, mpi_error_text(code).c_str());
}

} // namespace dsm::transport
