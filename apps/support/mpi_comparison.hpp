// What the hand-written MPI versions need besides their own calls. Does not include <mpi.h>.
#pragma once

namespace apps {

/// Collective. Throws RunRefused on all ranks, the reason printed, unless the program may call MPI beside libdsm: MPI
/// runs (the program was started by mpirun) and allows calls from several threads.
void require_mpi();

} // namespace apps
