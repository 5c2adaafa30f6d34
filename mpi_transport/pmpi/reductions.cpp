// Broadcasts and reductions.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::group_size;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::is_leaf;
using dsm::pmpi::is_root;
using dsm::pmpi::own_of;
using dsm::pmpi::stored;
using dsm::pmpi::sum_of;
using dsm::pmpi::Use;
using dsm::pmpi::use_of_result;

const char dsm::pmpi::reductions_part = 0;

extern "C" {

DSM_API int MPI_Bcast(void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm) {
    const bool sends = is_root(comm, root);
    const Image image = image_if(sends || is_leaf(comm, root), buf, count, type, sends ? Use::Read : Use::Write);
    const int code = PMPI_Bcast(image, count, type, root, comm);
    if (code == MPI_SUCCESS && !sends) { image.store(); }
    return code;
}

DSM_API int MPI_Reduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, int root,
                       MPI_Comm comm) {
    const Image sent = image_if(is_leaf(comm, root), sendbuf, count, type, Use::Read);
    const Image result = image_if(is_root(comm, root), recvbuf, count, type, use_of_result(sendbuf));
    return stored(PMPI_Reduce(sent, result, count, type, op, root, comm), result);
}

DSM_API int MPI_Allreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    const Image sent(sendbuf, count, type, Use::Read);
    const Image result(recvbuf, count, type, use_of_result(sendbuf));
    return stored(PMPI_Allreduce(sent, result, count, type, op, comm), result);
}

DSM_API int MPI_Scan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    const Image sent(sendbuf, count, type, Use::Read);
    const Image result(recvbuf, count, type, use_of_result(sendbuf));
    return stored(PMPI_Scan(sent, result, count, type, op, comm), result);
}

DSM_API int MPI_Exscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    const Image sent(sendbuf, count, type, Use::Read);
    const Image result(recvbuf, count, type, Use::ReadWrite);
    return stored(PMPI_Exscan(sent, result, count, type, op, comm), result);
}

DSM_API int MPI_Reduce_scatter_block(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op,
                                     MPI_Comm comm) {
    const MPI_Count blocks = group_size(comm);
    const Image sent(sendbuf, blocks * count, type, Use::Read);
    const Image result(recvbuf, sendbuf == MPI_IN_PLACE ? blocks * count : count, type, use_of_result(sendbuf));
    return stored(PMPI_Reduce_scatter_block(sent, result, count, type, op, comm), result);
}

DSM_API int MPI_Reduce_scatter(const void *sendbuf, void *recvbuf, const int counts[], MPI_Datatype type, MPI_Op op,
                               MPI_Comm comm) {
    const MPI_Count all = sum_of(counts, comm);
    const Image sent(sendbuf, all, type, Use::Read);
    const Image result(recvbuf, sendbuf == MPI_IN_PLACE ? all : own_of(counts, comm), type, use_of_result(sendbuf));
    return stored(PMPI_Reduce_scatter(sent, result, counts, type, op, comm), result);
}

} // extern "C"
