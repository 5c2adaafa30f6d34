// Who takes part in a collective, and for whom a buffer means something.
#pragma once

#include "mpi_transport/groups.hpp"
#include "mpi_transport/pmpi/image.hpp"

namespace dsm::pmpi {

using transport::block_count;
using transport::group_size;
using transport::is_leaf;
using transport::is_root;
using transport::own_of;
using transport::source_count;
using transport::sum_of;
using transport::target_count;

/// A buffer that means nothing here is passed on unseen.
inline Image image_if(bool matters, const void *buffer, MPI_Count count, MPI_Datatype type, Use use) {
    return matters ? Image(buffer, count, type, use) : Image(buffer, 0, MPI_DATATYPE_NULL, use);
}

/// What is received over data that is there already is read, too.
inline Use use_of_result(const void *sendbuf) { return sendbuf == MPI_IN_PLACE ? Use::ReadWrite : Use::Write; }

/// The blocks of a vector collective's buffer; `displacements` are in elements.
inline Image vector_image(bool matters, const void *buffer, const int counts[], const int displacements[],
                          MPI_Datatype type, int blocks, Use use) {
    if (!matters || buffer == MPI_IN_PLACE) { return Image(buffer, 0, MPI_DATATYPE_NULL, use); }
    MPI_Count lower = 0;
    MPI_Count extent = 0;
    PMPI_Type_get_extent_x(type, &lower, &extent);
    std::vector<Part> parts(static_cast<std::size_t>(blocks));
    for (std::size_t block = 0; block < parts.size(); ++block) {
        parts[block] = {static_cast<MPI_Aint>(displacements[block] * extent), counts[block]};
    }
    return Image(buffer, parts, type, use);
}

/// As vector_image(), with a datatype for each block and `displacements` in bytes.
template <class Displacement> Image typed_image(const void *buffer, const int counts[],
                                                const Displacement displacements[], const MPI_Datatype types[],
                                                int blocks, Use use) {
    if (buffer == MPI_IN_PLACE) { return Image(buffer, 0, MPI_DATATYPE_NULL, use); }
    std::vector<TypedPart> parts;
    for (int block = 0; block < blocks; ++block) {
        parts.push_back({static_cast<MPI_Aint>(displacements[block]), counts[block], types[block]});
    }
    return Image(buffer, parts, use);
}

} // namespace dsm::pmpi
