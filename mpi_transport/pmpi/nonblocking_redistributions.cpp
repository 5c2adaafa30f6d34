// The beginnings of nonblocking gathers, scatters and exchanges; their ends are in completion.cpp.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::began;
using dsm::pmpi::block_count;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::is_leaf;
using dsm::pmpi::is_root;
using dsm::pmpi::typed_image;
using dsm::pmpi::Use;
using dsm::pmpi::use_of_result;
using dsm::pmpi::vector_image;

const char dsm::pmpi::nonblocking_redistributions_part = 0;

extern "C" {

DSM_API int MPI_Igather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                        MPI_Datatype recvtype, int root, MPI_Comm comm, MPI_Request *request) {
    const bool gets = is_root(comm, root);
    Image sent = image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    Image result =
        image_if(gets, recvbuf, gets ? MPI_Count{recvcount} * block_count(comm) : 0, recvtype, use_of_result(sendbuf));
    const int code = PMPI_Igather(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Igatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                         const int recvcounts[], const int displs[], MPI_Datatype recvtype, int root, MPI_Comm comm,
                         MPI_Request *request) {
    Image sent = image_if(is_leaf(comm, root) && sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    Image result = vector_image(is_root(comm, root), recvbuf, recvcounts, displs, recvtype, block_count(comm),
                                use_of_result(sendbuf));
    const int code =
        PMPI_Igatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, root, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iscatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                         MPI_Datatype recvtype, int root, MPI_Comm comm, MPI_Request *request) {
    const bool sends = is_root(comm, root);
    Image sent = image_if(sends, sendbuf, sends ? MPI_Count{sendcount} * block_count(comm) : 0, sendtype, Use::Read);
    Image result = image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    const int code = PMPI_Iscatter(sent, sendcount, sendtype, result, recvcount, recvtype, root, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iscatterv(const void *sendbuf, const int sendcounts[], const int displs[], MPI_Datatype sendtype,
                          void *recvbuf, int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm,
                          MPI_Request *request) {
    Image sent = vector_image(is_root(comm, root), sendbuf, sendcounts, displs, sendtype, block_count(comm), Use::Read);
    Image result = image_if(is_leaf(comm, root) && recvbuf != MPI_IN_PLACE, recvbuf, recvcount, recvtype, Use::Write);
    const int code =
        PMPI_Iscatterv(sent, sendcounts, displs, sendtype, result, recvcount, recvtype, root, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iallgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                           MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request) {
    Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    const int code = PMPI_Iallgather(sent, sendcount, sendtype, result, recvcount, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Ialltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount,
                          MPI_Datatype recvtype, MPI_Comm comm, MPI_Request *request) {
    Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf,
                          sendbuf == MPI_IN_PLACE ? 0 : MPI_Count{sendcount} * block_count(comm), sendtype, Use::Read);
    Image result(recvbuf, MPI_Count{recvcount} * block_count(comm), recvtype, use_of_result(sendbuf));
    const int code = PMPI_Ialltoall(sent, sendcount, sendtype, result, recvcount, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iallgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf,
                            const int recvcounts[], const int displs[], MPI_Datatype recvtype, MPI_Comm comm,
                            MPI_Request *request) {
    Image sent = image_if(sendbuf != MPI_IN_PLACE, sendbuf, sendcount, sendtype, Use::Read);
    Image result = vector_image(true, recvbuf, recvcounts, displs, recvtype, block_count(comm), use_of_result(sendbuf));
    const int code = PMPI_Iallgatherv(sent, sendcount, sendtype, result, recvcounts, displs, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Ialltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype,
                           void *recvbuf, const int recvcounts[], const int rdispls[], MPI_Datatype recvtype,
                           MPI_Comm comm, MPI_Request *request) {
    Image sent = vector_image(true, sendbuf, sendcounts, sdispls, sendtype, block_count(comm), Use::Read);
    Image result =
        vector_image(true, recvbuf, recvcounts, rdispls, recvtype, block_count(comm), use_of_result(sendbuf));
    const int code =
        PMPI_Ialltoallv(sent, sendcounts, sdispls, sendtype, result, recvcounts, rdispls, recvtype, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Ialltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[],
                           const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[], const int rdispls[],
                           const MPI_Datatype recvtypes[], MPI_Comm comm, MPI_Request *request) {
    Image sent = typed_image(sendbuf, sendcounts, sdispls, sendtypes, block_count(comm), Use::Read);
    Image result = typed_image(recvbuf, recvcounts, rdispls, recvtypes, block_count(comm), use_of_result(sendbuf));
    const int code =
        PMPI_Ialltoallw(sent, sendcounts, sdispls, sendtypes, result, recvcounts, rdispls, recvtypes, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

} // extern "C"
