// A minimum over the ranks that failed, then a broadcast of that rank's reason.
#include "mpi_transport/agreement.hpp"

#include "mpi_transport/mpi_error.hpp"

#include <cstring>

namespace dsm::transport {

std::string agree(MPI_Comm communicator, const std::string &reason, bool *mine) {
    int rank = 0;
    int size = 0;
    PMPI_Comm_rank(communicator, &rank);
    PMPI_Comm_size(communicator, &size);
    const int failed = reason.empty() ? size : rank;
    int first_failed = size;
    expect_mpi(PMPI_Allreduce(&failed, &first_failed, 1, MPI_INT, MPI_MIN, communicator), "MPI_Allreduce");
    if (first_failed == size) { return {}; }
    if (mine != nullptr) { *mine = rank == first_failed; }
    char text[256] = "";
    if (rank == first_failed) { std::strncpy(text, reason.c_str(), sizeof text - 1); }
    expect_mpi(PMPI_Bcast(text, sizeof text, MPI_CHAR, first_failed, communicator), "MPI_Bcast");
    return text;
}

} // namespace dsm::transport
