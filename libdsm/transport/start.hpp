// The hook between mpi_transport and the api layer: starting libdsm on a communicator of the program's.
#pragma once

namespace dsm::transport {

/// Starts libdsm on the ranks of *communicator, an MPI_Comm seen through a pointer so that nothing here needs <mpi.h>
/// (it becomes TransportOptions::communicator); nullptr stands for MPI_COMM_WORLD. Collective over it. Defined by the
/// api layer, called by dsm_init_on_communicator(). `header_version`: as for dsm_init_version(). Returns 0 or an errno
/// code, as dsm_init() does.
int start_on(const void *communicator, int header_version);

} // namespace dsm::transport
