// Which ranks are on the same host.
#pragma once

#include <mpi.h>
#include <vector>

namespace dsm::transport {

/// By rank, the number of its host; hosts are numbered 0, 1, ... in the order of their lowest ranks. Collective.
std::vector<int> find_hosts(MPI_Comm communicator);

} // namespace dsm::transport
