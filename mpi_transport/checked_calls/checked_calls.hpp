// Checks that the program's own MPI calls get no shared memory where MPI cannot use it.
#pragma once

namespace dsm::transport {

/// Whether the program's MPI calls come here, or to a tool before MPI, dsm_pmpi for one. False: MPI stands before
/// libdsm.so on the program's link line.
bool are_calls_checked();

} // namespace dsm::transport
