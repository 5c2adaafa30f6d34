// dsm_init_on_communicator: checks the communicator, then leaves the start to the api layer.
#include "dsm/mpi.h"

#include "libdsm/transport/start.hpp"

#include <cerrno>

int dsm_init_on_communicator_version(MPI_Comm comm, int header_version) {
    int initialized = 0;
    int finalized = 0;
    PMPI_Initialized(&initialized);
    PMPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) { return EPERM; }
    if (comm == MPI_COMM_NULL) { return EINVAL; }
    int between_groups = 0;
    PMPI_Comm_test_inter(comm, &between_groups);
    if (between_groups != 0) { return EINVAL; }
    return dsm::transport::start_on(&comm, header_version);
}

// In parentheses: there is a macro of this name, too.
int(dsm_init_on_communicator)(MPI_Comm comm) { return dsm_init_on_communicator_version(comm, 0); }
