// Who takes part in a collective, and for whom a buffer means something.
#pragma once

#include "mpi_transport/pmpi/image.hpp"

namespace dsm::pmpi {

/// How many blocks the buffer of a collective has: the other group's size between two groups.
inline int block_count(MPI_Comm comm) {
    int is_inter = 0;
    int size = 0;
    PMPI_Comm_test_inter(comm, &is_inter);
    if (is_inter != 0) {
        PMPI_Comm_remote_size(comm, &size);
    } else {
        PMPI_Comm_size(comm, &size);
    }
    return size;
}

inline bool is_inter(MPI_Comm comm) {
    int flag = 0;
    PMPI_Comm_test_inter(comm, &flag);
    return flag != 0;
}

inline bool is_root(MPI_Comm comm, int root) {
    if (is_inter(comm)) { return root == MPI_ROOT; }
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    return rank == root;
}

/// How many blocks an operation that scatters what it reduces has: those of this group, in either kind.
inline int block_size(MPI_Comm comm) {
    int size = 0;
    PMPI_Comm_size(comm, &size);
    return size;
}

inline MPI_Count sum_of(const int counts[], MPI_Comm comm) {
    MPI_Count sum = 0;
    for (int rank = 0; rank < block_size(comm); ++rank) { sum += counts[rank]; }
    return sum;
}

inline MPI_Count own_of(const int counts[], MPI_Comm comm) {
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    return counts[rank];
}

/// Whether this rank sends to, or gets from, the root.
inline bool is_leaf(MPI_Comm comm, int root) { return !is_inter(comm) || (root != MPI_ROOT && root != MPI_PROC_NULL); }

/// A buffer that means nothing here is passed on unseen.
inline Image image_if(bool matters, const void *buffer, MPI_Count count, MPI_Datatype type, Use use) {
    return matters ? Image(buffer, count, type, use) : Image(buffer, 0, MPI_DATATYPE_NULL, use);
}

/// What is received over data that is there already is read, too.
inline Use use_of_result(const void *sendbuf) { return sendbuf == MPI_IN_PLACE ? Use::ReadWrite : Use::Write; }

/// The blocks of a vector collective's buffer.
inline Image vector_image(bool matters, const void *buffer, const int counts[], const int displacements[],
                          MPI_Datatype type, MPI_Comm comm, Use use) {
    if (!matters || buffer == MPI_IN_PLACE) { return Image(buffer, 0, MPI_DATATYPE_NULL, use); }
    MPI_Count lower = 0;
    MPI_Count extent = 0;
    PMPI_Type_get_extent_x(type, &lower, &extent);
    std::vector<Part> parts(static_cast<std::size_t>(block_count(comm)));
    for (std::size_t block = 0; block < parts.size(); ++block) {
        parts[block] = {static_cast<MPI_Aint>(displacements[block] * extent), counts[block]};
    }
    return Image(buffer, parts, type, use);
}

} // namespace dsm::pmpi
