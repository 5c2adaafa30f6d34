// Gathers, scatters and exchanges.
#include "mpi_transport/pmpi/group.hpp"

#include <dsm/api.h>

using dsm::pmpi::block_count;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::is_leaf;
using dsm::pmpi::is_root;
using dsm::pmpi::Use;
using dsm::pmpi::use_of_result;
using dsm::pmpi::vector_image;

extern "C" {

DSM_API int MPI_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                       MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const bool gets = is_root(comm, root);
    const Image sent =
        image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result =
        image_if(gets, recvbuf, gets ? MPI_Count{recvcount} * block_count(comm) : 0, recvtype, use_of_result(sendbuf));
    const int code = PMPI_Gather(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Gatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                        const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const Image sent =
        image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result =
        vector_image(is_root(comm, root), recvbuf, recvcounts, displs, recvtype, comm, use_of_result(sendbuf));
    const int code = PMPI_Gatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, root, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Scatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                        MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const bool sends = is_root(comm, root);
    const Image sent =
        image_if(sends, sendbuf, sends ? MPI_Count{sendcount} * block_count(comm) : 0, sendtype, Use::Read);
    const Image result =
        image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    const int code = PMPI_Scatter(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Scatterv(const void *sendbuf, const int sendcounts[], const int displs[], MPI_Datatype sendtype,
                         void *recvbuf, int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const Image sent = vector_image(is_root(comm, root), sendbuf, sendcounts, displs, sendtype, comm, Use::Read);
    const Image result =
        image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    const int code = PMPI_Scatterv(sent, sendcounts, displs, sendtype, result, recvcount, recvtype, root, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                          MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    const int code = PMPI_Allgather(sent, sendcount, sendtype, result, recvcount, recvtype, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                         MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent =
        image_if(sendbuf != MPI_IN_PLACE, sendbuf,
                 sendbuf == MPI_IN_PLACE ? 0 : MPI_Count{sendcount} * block_count(comm), sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    const int code = PMPI_Alltoall(sent, sendcount, sendtype, result, recvcount, recvtype, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                           const int recvcounts[], const int displs[], MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result = vector_image(true, recvbuf, recvcounts, displs, recvtype, comm, use_of_result(sendbuf));
    const int code = PMPI_Allgatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

DSM_API int MPI_Alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype,
                          void *recvbuf, const int recvcounts[], const int rdispls[], MPI_Datatype recvtype,
                          MPI_Comm comm) {
    const Image sent = vector_image(true, sendbuf, sendcounts, sdispls, sendtype, comm, Use::Read);
    const Image result = vector_image(true, recvbuf, recvcounts, rdispls, recvtype, comm, use_of_result(sendbuf));
    const int code = PMPI_Alltoallv(sent, sendcounts, sdispls, sendtype, result, recvcounts, rdispls, recvtype, comm);
    if (code == MPI_SUCCESS) { result.store(); }
    return code;
}

} // extern "C"
