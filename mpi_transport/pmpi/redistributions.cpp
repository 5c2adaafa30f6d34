// Gathers, scatters and exchanges.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::block_count;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::is_leaf;
using dsm::pmpi::is_root;
using dsm::pmpi::stored;
using dsm::pmpi::typed_image;
using dsm::pmpi::Use;
using dsm::pmpi::use_of_result;
using dsm::pmpi::vector_image;

const char dsm::pmpi::redistributions_part = 0;

extern "C" {

DSM_API int MPI_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                       MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const bool gets = is_root(comm, root);
    const Image sent =
        image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result =
        image_if(gets, recvbuf, gets ? MPI_Count{recvcount} * block_count(comm) : 0, recvtype, use_of_result(sendbuf));
    return stored(PMPI_Gather(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm), result);
}

DSM_API int MPI_Gatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                        const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const Image sent =
        image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result = vector_image(is_root(comm, root), recvbuf, recvcounts, displs, recvtype, block_count(comm),
                                      use_of_result(sendbuf));
    return stored(PMPI_Gatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, root, comm), result);
}

DSM_API int MPI_Scatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                        MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const bool sends = is_root(comm, root);
    const Image sent =
        image_if(sends, sendbuf, sends ? MPI_Count{sendcount} * block_count(comm) : 0, sendtype, Use::Read);
    const Image result =
        image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    return stored(PMPI_Scatter(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm), result);
}

DSM_API int MPI_Scatterv(const void *sendbuf, const int sendcounts[], const int displs[], MPI_Datatype sendtype,
                         void *recvbuf, int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm) {
    const Image sent =
        vector_image(is_root(comm, root), sendbuf, sendcounts, displs, sendtype, block_count(comm), Use::Read);
    const Image result =
        image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    return stored(PMPI_Scatterv(sent, sendcounts, displs, sendtype, result, recvcount, recvtype, root, comm), result);
}

DSM_API int MPI_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                          MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    return stored(PMPI_Allgather(sent, sendcount, sendtype, result, recvcount, recvtype, comm), result);
}

DSM_API int MPI_Alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                         MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent =
        image_if(sendbuf != MPI_IN_PLACE, sendbuf,
                 sendbuf == MPI_IN_PLACE ? 0 : MPI_Count{sendcount} * block_count(comm), sendtype, Use::Read);
    const Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    return stored(PMPI_Alltoall(sent, sendcount, sendtype, result, recvcount, recvtype, comm), result);
}

DSM_API int MPI_Allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                           const int recvcounts[], const int displs[], MPI_Datatype recvtype, MPI_Comm comm) {
    const Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    const Image result =
        vector_image(true, recvbuf, recvcounts, displs, recvtype, block_count(comm), use_of_result(sendbuf));
    return stored(PMPI_Allgatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, comm), result);
}

DSM_API int MPI_Alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype,
                          void *recvbuf, const int recvcounts[], const int rdispls[], MPI_Datatype recvtype,
                          MPI_Comm comm) {
    const Image sent = vector_image(true, sendbuf, sendcounts, sdispls, sendtype, block_count(comm), Use::Read);
    const Image result =
        vector_image(true, recvbuf, recvcounts, rdispls, recvtype, block_count(comm), use_of_result(sendbuf));
    return stored(PMPI_Alltoallv(sent, sendcounts, sdispls, sendtype, result, recvcounts, rdispls, recvtype, comm),
                  result);
}

DSM_API int MPI_Alltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[],
                          const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[], const int rdispls[],
                          const MPI_Datatype recvtypes[], MPI_Comm comm) {
    const Image sent = typed_image(sendbuf, sendcounts, sdispls, sendtypes, block_count(comm), Use::Read);
    const Image result =
        typed_image(recvbuf, recvcounts, rdispls, recvtypes, block_count(comm), use_of_result(sendbuf));
    return stored(PMPI_Alltoallw(sent, sendcounts, sdispls, sendtypes, result, recvcounts, rdispls, recvtypes, comm),
                  result);
}

} // extern "C"
