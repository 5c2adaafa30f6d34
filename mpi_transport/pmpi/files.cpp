// Files: blocking and nonblocking reads and writes.
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::began;
using dsm::pmpi::begin_send;
using dsm::pmpi::Image;
using dsm::pmpi::receive;
using dsm::pmpi::Use;

const char dsm::pmpi::files_part = 0;

extern "C" {

DSM_API int MPI_File_read(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_File_read(file, into, count, type, used); });
}

DSM_API int MPI_File_read_all(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_File_read_all(file, into, count, type, used); });
}

DSM_API int MPI_File_read_at(MPI_File file, MPI_Offset offset, void *buf, int count, MPI_Datatype type,
                             MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status,
                   [&](MPI_Status *used) { return PMPI_File_read_at(file, offset, into, count, type, used); });
}

DSM_API int MPI_File_read_at_all(MPI_File file, MPI_Offset offset, void *buf, int count, MPI_Datatype type,
                                 MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status,
                   [&](MPI_Status *used) { return PMPI_File_read_at_all(file, offset, into, count, type, used); });
}

DSM_API int MPI_File_read_shared(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status,
                   [&](MPI_Status *used) { return PMPI_File_read_shared(file, into, count, type, used); });
}

DSM_API int MPI_File_read_ordered(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    const Image into(buf, count, type, Use::Receive);
    return receive(into, status,
                   [&](MPI_Status *used) { return PMPI_File_read_ordered(file, into, count, type, used); });
}

DSM_API int MPI_File_iread(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_File_iread(file, into, count, type, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_File_iread_all(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_File_iread_all(file, into, count, type, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_File_iread_at(MPI_File file, MPI_Offset offset, void *buf, int count, MPI_Datatype type,
                              MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_File_iread_at(file, offset, into, count, type, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_File_iread_at_all(MPI_File file, MPI_Offset offset, void *buf, int count, MPI_Datatype type,
                                  MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_File_iread_at_all(file, offset, into, count, type, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_File_iread_shared(MPI_File file, void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    Image into(buf, count, type, Use::Receive);
    const int code = PMPI_File_iread_shared(file, into, count, type, request);
    return began(code, request, {}, std::move(into), true);
}

DSM_API int MPI_File_write(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    return PMPI_File_write(file, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_write_all(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    return PMPI_File_write_all(file, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_write_at(MPI_File file, MPI_Offset offset, const void *buf, int count, MPI_Datatype type,
                              MPI_Status *status) {
    return PMPI_File_write_at(file, offset, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_write_at_all(MPI_File file, MPI_Offset offset, const void *buf, int count, MPI_Datatype type,
                                  MPI_Status *status) {
    return PMPI_File_write_at_all(file, offset, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_write_shared(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    return PMPI_File_write_shared(file, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_write_ordered(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Status *status) {
    return PMPI_File_write_ordered(file, Image(buf, count, type, Use::Read), count, type, status);
}

DSM_API int MPI_File_iwrite(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_File_iwrite(file, sent, count, type, request); });
}

DSM_API int MPI_File_iwrite_all(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_File_iwrite_all(file, sent, count, type, request); });
}

DSM_API int MPI_File_iwrite_at(MPI_File file, MPI_Offset offset, const void *buf, int count, MPI_Datatype type,
                               MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_File_iwrite_at(file, offset, sent, count, type, request); });
}

DSM_API int MPI_File_iwrite_at_all(MPI_File file, MPI_Offset offset, const void *buf, int count, MPI_Datatype type,
                                   MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request, [&](const Image &sent) {
        return PMPI_File_iwrite_at_all(file, offset, sent, count, type, request);
    });
}

DSM_API int MPI_File_iwrite_shared(MPI_File file, const void *buf, int count, MPI_Datatype type, MPI_Request *request) {
    return begin_send(Image(buf, count, type, Use::Read), request,
                      [&](const Image &sent) { return PMPI_File_iwrite_shared(file, sent, count, type, request); });
}

} // extern "C"
