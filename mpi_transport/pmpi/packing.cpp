// Calls that involve no other rank: packing, and reductions of two buffers.
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

using dsm::pmpi::Image;
using dsm::pmpi::stored;
using dsm::pmpi::Use;

const char dsm::pmpi::packing_part = 0;

namespace {

/// Stores what a call has packed: the bytes from where `position` stood before.
template <class Position, class Pack> int pack_into(const Image &packed, Position *position, Pack call) {
    const Position first = *position;
    const int code = call();
    if (code == MPI_SUCCESS) { packed.store_bytes(first, *position); }
    return code;
}

} // namespace

extern "C" {

DSM_API int MPI_Pack(const void *inbuf, int count, MPI_Datatype type, void *outbuf, int outsize, int *position,
                     MPI_Comm comm) {
    const Image from(inbuf, count, type, Use::Read);
    const Image packed(outbuf, outsize, MPI_BYTE, Use::Write);
    return pack_into(packed, position, [&] { return PMPI_Pack(from, count, type, packed, outsize, position, comm); });
}

DSM_API int MPI_Unpack(const void *inbuf, int insize, int *position, void *outbuf, int count, MPI_Datatype type,
                       MPI_Comm comm) {
    const Image packed(inbuf, insize, MPI_BYTE, Use::Read);
    const Image result(outbuf, count, type, Use::Write);
    return stored(PMPI_Unpack(packed, insize, position, result, count, type, comm), result);
}

DSM_API int MPI_Pack_external(const char representation[], const void *inbuf, int count, MPI_Datatype type,
                              void *outbuf, MPI_Aint outsize, MPI_Aint *position) {
    const Image from(inbuf, count, type, Use::Read);
    const Image packed(outbuf, outsize, MPI_BYTE, Use::Write);
    return pack_into(packed, position,
                     [&] { return PMPI_Pack_external(representation, from, count, type, packed, outsize, position); });
}

DSM_API int MPI_Unpack_external(const char representation[], const void *inbuf, MPI_Aint insize, MPI_Aint *position,
                                void *outbuf, int count, MPI_Datatype type) {
    const Image packed(inbuf, insize, MPI_BYTE, Use::Read);
    const Image result(outbuf, count, type, Use::Write);
    return stored(PMPI_Unpack_external(representation, packed, insize, position, result, count, type), result);
}

DSM_API int MPI_Reduce_local(const void *inbuf, void *inoutbuf, int count, MPI_Datatype type, MPI_Op op) {
    const Image operand(inbuf, count, type, Use::Read);
    const Image result(inoutbuf, count, type, Use::ReadWrite);
    return stored(PMPI_Reduce_local(operand, result, count, type, op), result);
}

} // extern "C"
