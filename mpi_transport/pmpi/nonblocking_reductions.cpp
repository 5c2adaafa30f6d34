// The beginnings of nonblocking broadcasts and reductions; their ends are in completion.cpp.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::began;
using dsm::pmpi::group_size;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::is_leaf;
using dsm::pmpi::is_root;
using dsm::pmpi::own_of;
using dsm::pmpi::sum_of;
using dsm::pmpi::Use;
using dsm::pmpi::use_of_result;

const char dsm::pmpi::nonblocking_reductions_part = 0;

extern "C" {

DSM_API int MPI_Ibcast(void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request) {
    const bool sends = is_root(comm, root);
    Image image = image_if(sends || is_leaf(comm, root), buf, count, type, sends ? Use::Read : Use::Write);
    const int code = PMPI_Ibcast(image, count, type, root, comm, request);
    if (sends) { return began(code, request, std::move(image), {}, false); }
    return began(code, request, {}, std::move(image), false);
}

DSM_API int MPI_Ireduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, int root,
                        MPI_Comm comm, MPI_Request *request) {
    Image sent = image_if(is_leaf(comm, root), sendbuf, count, type, Use::Read);
    Image result = image_if(is_root(comm, root), recvbuf, count, type, use_of_result(sendbuf));
    const int code = PMPI_Ireduce(sent, result, count, type, op, root, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iallreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                           MPI_Request *request) {
    Image sent(sendbuf, count, type, Use::Read);
    Image result(recvbuf, count, type, use_of_result(sendbuf));
    const int code = PMPI_Iallreduce(sent, result, count, type, op, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                      MPI_Request *request) {
    Image sent(sendbuf, count, type, Use::Read);
    Image result(recvbuf, count, type, use_of_result(sendbuf));
    const int code = PMPI_Iscan(sent, result, count, type, op, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Iexscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                        MPI_Request *request) {
    Image sent(sendbuf, count, type, Use::Read);
    Image result(recvbuf, count, type, Use::ReadWrite);
    const int code = PMPI_Iexscan(sent, result, count, type, op, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Ireduce_scatter_block(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op,
                                      MPI_Comm comm, MPI_Request *request) {
    const MPI_Count blocks = group_size(comm);
    Image sent(sendbuf, blocks * count, type, Use::Read);
    Image result(recvbuf, sendbuf == MPI_IN_PLACE ? blocks * count : count, type, use_of_result(sendbuf));
    const int code = PMPI_Ireduce_scatter_block(sent, result, count, type, op, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

DSM_API int MPI_Ireduce_scatter(const void *sendbuf, void *recvbuf, const int counts[], MPI_Datatype type, MPI_Op op,
                                MPI_Comm comm, MPI_Request *request) {
    const MPI_Count all = sum_of(counts, comm);
    Image sent(sendbuf, all, type, Use::Read);
    Image result(recvbuf, sendbuf == MPI_IN_PLACE ? all : own_of(counts, comm), type, use_of_result(sendbuf));
    const int code = PMPI_Ireduce_scatter(sent, result, counts, type, op, comm, request);
    return began(code, request, std::move(sent), std::move(result), false);
}

} // extern "C"
