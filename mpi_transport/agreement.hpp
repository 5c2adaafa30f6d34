// All ranks agree whether something worked, and why not: nobody goes on alone.
#pragma once

#include <mpi.h>
#include <string>

namespace dsm::transport {

/// Every rank gives its reason for failing, empty when it has none. Returns to all of them the reason of the lowest
/// rank that has one (cut at 255 characters), empty when none has. Collective, blocks.
/// `mine`, where given, tells whether it is this rank's own.
std::string agree(MPI_Comm communicator, const std::string &reason, bool *mine = nullptr);

} // namespace dsm::transport
