// Point to point: blocking calls, and the beginnings of nonblocking and persistent ones.
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

namespace {

using dsm::pmpi::began;
using dsm::pmpi::begin_send;
using dsm::pmpi::Image;
using dsm::pmpi::PendingOperations;
using dsm::pmpi::receive;
using dsm::pmpi::Use;

/// A persistent send: what it sends is read at each start, so that its image is empty until then.
template <class Init> int persistent_send(Image sent, MPI_Request *request, Init init) {
    const int code = init(sent);
    if (code == MPI_SUCCESS) { PendingOperations::all().add(*request, {std::move(sent), Image(), true, true}); }
    return code;
}

} // namespace

const char dsm::pmpi::point_to_point_part = 0;

extern "C" {

DSM_API int MPI_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    return PMPI_Send(Image(buf, count, type, Use::Read), count, type, dest, tag, comm);
}

DSM_API int MPI_Bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    return PMPI_Bsend(Image(buf, count, type, Use::Read), count, type, dest, tag, comm);
}

DSM_API int MPI_Ssend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    return PMPI_Ssend(Image(buf, count, type, Use::Read), count, type, dest, tag, comm);
}

DSM_API int MPI_Rsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    return PMPI_Rsend(Image(buf, count, type, Use::Read), count, type, dest, tag, comm);
}

DSM_API int MPI_Recv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status,
                   [&](MPI_Status *used) { return PMPI_Recv(into, count, type, source, tag, comm, used); });
}

DSM_API int MPI_Mrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_Mrecv(into, count, type, message, used); });
}

DSM_API int MPI_Sendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest, int sendtag,
                         void *recvbuf, int recvcount, MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                         MPI_Status *status) {
    const Image sent(sendbuf, sendcount, sendtype, Use::Read);
    const Image into(recvbuf, recvcount, recvtype, Use::Receive);
    return receive(into, status, [&](MPI_Status *used) {
        return PMPI_Sendrecv(sent, sendcount, sendtype, dest, sendtag, into, recvcount, recvtype, source, recvtag, comm,
                             used);
    });
}

DSM_API int MPI_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag, int source,
                                 int recvtag, MPI_Comm comm, MPI_Status *status) {
    const Image both(buf, count, type, Use::ReadWrite);
    return receive(both, status, [&](MPI_Status *used) {
        return PMPI_Sendrecv_replace(both, count, type, dest, sendtag, source, recvtag, comm, used);
    });
}

DSM_API int MPI_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                      MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_Isend(sent, count, type, dest, tag, comm, request); });
}

DSM_API int MPI_Ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                       MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_Ibsend(sent, count, type, dest, tag, comm, request); });
}

DSM_API int MPI_Issend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                       MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_Issend(sent, count, type, dest, tag, comm, request); });
}

DSM_API int MPI_Irsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                       MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_Irsend(sent, count, type, dest, tag, comm, request); });
}

DSM_API int MPI_Irecv(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                      MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_Irecv(into, count, type, source, tag, comm, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_Imrecv(void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_Imrecv(into, count, type, message, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_Send_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                          MPI_Request *request) {
    return persistent_send(Image(buf, count, type, Use::Write), request, [&](const Image &image) {
        return PMPI_Send_init(image, count, type, dest, tag, comm, request);
    });
}

DSM_API int MPI_Bsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                           MPI_Request *request) {
    return persistent_send(Image(buf, count, type, Use::Write), request, [&](const Image &image) {
        return PMPI_Bsend_init(image, count, type, dest, tag, comm, request);
    });
}

DSM_API int MPI_Ssend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                           MPI_Request *request) {
    return persistent_send(Image(buf, count, type, Use::Write), request, [&](const Image &image) {
        return PMPI_Ssend_init(image, count, type, dest, tag, comm, request);
    });
}

DSM_API int MPI_Rsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                           MPI_Request *request) {
    return persistent_send(Image(buf, count, type, Use::Write), request, [&](const Image &image) {
        return PMPI_Rsend_init(image, count, type, dest, tag, comm, request);
    });
}

DSM_API int MPI_Recv_init(void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                          MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_Recv_init(into, count, type, source, tag, comm, request);
    if (code == MPI_SUCCESS) { PendingOperations::all().add(*request, {Image(), std::move(into), true, true}); }
    return code;
}

DSM_API int MPI_Buffer_attach(void *buffer, int size) {
    if (!Image(buffer, size, MPI_BYTE, Use::Write).is_private()) {
        dsm::pmpi::complain("MPI_Buffer_attach", "the buffer", buffer);
        return PMPI_Comm_call_errhandler(MPI_COMM_WORLD, MPI_ERR_BUFFER) != MPI_SUCCESS ? MPI_ERR_OTHER
                                                                                        : MPI_ERR_BUFFER;
    }
    return PMPI_Buffer_attach(buffer, size);
}

} // extern "C"
