// The communicator of the hand-written MPI versions. Only their sources include this file, as it needs <mpi.h>.
#pragma once

#include <mpi.h>

namespace apps {

/// All ranks, numbered as libdsm numbers them, apart from libdsm's own traffic. Freed with the scope; collective.
class MpiCommunicator {
public:
    MpiCommunicator();
    ~MpiCommunicator();
    MpiCommunicator(const MpiCommunicator &) = delete;
    MpiCommunicator &operator=(const MpiCommunicator &) = delete;
    MPI_Comm get() const { return communicator_; }
    int rank() const { return rank_; }
    int size() const { return size_; }

private:
    MPI_Comm communicator_ = MPI_COMM_NULL;
    int rank_ = 0;
    int size_ = 0;
};

} // namespace apps
