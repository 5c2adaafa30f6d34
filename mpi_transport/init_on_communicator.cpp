// dsm_init_on_communicator: checks the communicator, then leaves the start to the api layer.
#include "dsm/mpi.h"

#include "libdsm/transport/start.hpp"

#include <cerrno>

int dsm_init_on_communicator(MPI_Comm comm) {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) { return EPERM; }
    if (comm == MPI_COMM_NULL) { return EINVAL; }
    int between_groups = 0;
    MPI_Comm_test_inter(comm, &between_groups);
    if (between_groups != 0) { return EINVAL; }
    return dsm::transport::start_on(&comm);
}
