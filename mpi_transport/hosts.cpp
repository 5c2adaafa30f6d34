// Ranks that can share memory form a host: MPI knows.
#include "mpi_transport/hosts.hpp"

#include "mpi_transport/mpi_error.hpp"

namespace dsm::transport {

std::vector<int> find_hosts(MPI_Comm communicator) {
    int rank = 0;
    int size = 0;
    PMPI_Comm_rank(communicator, &rank);
    PMPI_Comm_size(communicator, &size);
    MPI_Comm host = MPI_COMM_NULL;
    expect_mpi(PMPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host),
               "MPI_Comm_split_type");
    int lowest = rank;
    expect_mpi(PMPI_Bcast(&lowest, 1, MPI_INT, 0, host), "MPI_Bcast");
    PMPI_Comm_free(&host);
    std::vector<int> hosts(static_cast<std::size_t>(size));
    expect_mpi(PMPI_Allgather(&lowest, 1, MPI_INT, hosts.data(), 1, MPI_INT, communicator), "MPI_Allgather");
    int count = 0;
    std::vector<int> number(hosts.size(), -1); // by lowest rank
    for (int &entry : hosts) {
        int &known = number[static_cast<std::size_t>(entry)];
        if (known < 0) { known = count++; }
        entry = known;
    }
    return hosts;
}

} // namespace dsm::transport
