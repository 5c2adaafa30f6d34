// Collectives among neighbours in a topology. A cartesian topology may have fewer neighbours than places for them:
// where a neighbour is MPI_PROC_NULL its block stays as it is, so results are read, too.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::began;
using dsm::pmpi::Image;
using dsm::pmpi::source_count;
using dsm::pmpi::stored;
using dsm::pmpi::target_count;
using dsm::pmpi::typed_image;
using dsm::pmpi::Use;
using dsm::pmpi::vector_image;

const char dsm::pmpi::neighbours_part = 0;

extern "C" {

DSM_API int MPI_Neighbor_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent(sendbuf, sendcount, sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * source_count(comm), recvtype, Use::ReadWrite);
    return stored(PMPI_Neighbor_allgather(sent, sendcount, sendtype, result, recvcount, recvtype, comm), result);
}

DSM_API int MPI_Ineighbor_allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                    int recvcount, MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request) {
    Image sent(sendbuf, sendcount, sendtype, Use::Read);
    Image result(recvbuf, MPI_Count{recvcount} * source_count(comm), recvtype, Use::ReadWrite);
    const int code = PMPI_Ineighbor_allgather(sent, sendcount, sendtype, result, recvcount, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Neighbor_allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                    const int recvcounts[], const int displs[], MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent(sendbuf, sendcount, sendtype, Use::Read);
    const Image result = vector_image(true, recvbuf, recvcounts, displs, recvtype, source_count(comm), Use::ReadWrite);
    return stored(PMPI_Neighbor_allgatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, comm),
                  result);
}

DSM_API int MPI_Ineighbor_allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                     const int recvcounts[], const int displs[], MPI_Datatype recvtype, MPI_Comm comm,
                                     MPI_Request *request) {
    Image sent(sendbuf, sendcount, sendtype, Use::Read);
    Image result = vector_image(true, recvbuf, recvcounts, displs, recvtype, source_count(comm), Use::ReadWrite);
    const int code =
        PMPI_Ineighbor_allgatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Neighbor_alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                  int recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent(sendbuf, MPI_Count{sendcount} * target_count(comm), sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * source_count(comm), recvtype, Use::ReadWrite);
    return stored(PMPI_Neighbor_alltoall(sent, sendcount, sendtype, result, recvcount, recvtype, comm), result);
}

DSM_API int MPI_Ineighbor_alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request) {
    Image sent(sendbuf, MPI_Count{sendcount} * target_count(comm), sendtype, Use::Read);
    Image result(recvbuf, MPI_Count{recvcount} * source_count(comm), recvtype, Use::ReadWrite);
    const int code = PMPI_Ineighbor_alltoall(sent, sendcount, sendtype, result, recvcount, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Neighbor_alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                                   MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int rdispls[],
                                   MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent = vector_image(true, sendbuf, sendcounts, sdispls, sendtype, target_count(comm), Use::Read);
    const Image result = vector_image(true, recvbuf, recvcounts, rdispls, recvtype, source_count(comm), Use::ReadWrite);
    return stored(
        PMPI_Neighbor_alltoallv(sent, sendcounts, sdispls, sendtype, result, recvcounts, rdispls, recvtype, comm),
        result);
}

DSM_API int MPI_Ineighbor_alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[],
                                    MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int rdispls[],
                                    MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request) {
    Image sent = vector_image(true, sendbuf, sendcounts, sdispls, sendtype, target_count(comm), Use::Read);
    Image result = vector_image(true, recvbuf, recvcounts, rdispls, recvtype, source_count(comm), Use::ReadWrite);
    const int code = PMPI_Ineighbor_alltoallv(sent, sendcounts, sdispls, sendtype, result, recvcounts, rdispls,
                                              recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Neighbor_alltoallw(const void *sendbuf, const int sendcounts[], const MPI_Aint sdispls[],
                                   const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                                   const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
    const Image sent = typed_image(sendbuf, sendcounts, sdispls, sendtypes, target_count(comm), Use::Read);
    const Image result = typed_image(recvbuf, recvcounts, rdispls, recvtypes, source_count(comm), Use::ReadWrite);
    return stored(
        PMPI_Neighbor_alltoallw(sent, sendcounts, sdispls, sendtypes, result, recvcounts, rdispls, recvtypes, comm),
        result);
}

DSM_API int MPI_Ineighbor_alltoallw(const void *sendbuf, const int sendcounts[], const MPI_Aint sdispls[],
                                    const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
                                    const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm,
                                    MPI_Request *request) {
    Image sent = typed_image(sendbuf, sendcounts, sdispls, sendtypes, target_count(comm), Use::Read);
    Image result = typed_image(recvbuf, recvcounts, rdispls, recvtypes, source_count(comm), Use::ReadWrite);
    const int code = PMPI_Ineighbor_alltoallw(sent, sendcounts, sdispls, sendtypes, result, recvcounts, rdispls,
                                              recvtypes, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

} // extern "C"
