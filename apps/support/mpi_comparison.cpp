// Whether and with whom the hand-written MPI versions may talk.
#include "apps/support/mpi_comparison.hpp"

#include "apps/support/mpi_communicator.hpp"
#include "apps/support/session.hpp"

namespace apps {

void require_mpi() {
    decide_on_first_rank<bool>([] {
        int running = 0;
        MPI_Initialized(&running);
        if (running == 0) { throw InputError("--compare mpi", "MPI is not running; start the program with mpirun"); }
        int level = MPI_THREAD_SINGLE;
        MPI_Query_thread(&level);
        if (level < MPI_THREAD_MULTIPLE) {
            throw InputError("--compare mpi", "this MPI does not allow calls from several threads");
        }
        return true;
    });
}

MpiCommunicator::MpiCommunicator() {
    MPI_Comm_split(MPI_COMM_WORLD, 0, dsm::rank(), &communicator_);
    MPI_Comm_rank(communicator_, &rank_);
    MPI_Comm_size(communicator_, &size_);
}

MpiCommunicator::~MpiCommunicator() { MPI_Comm_free(&communicator_); }

} // namespace apps
