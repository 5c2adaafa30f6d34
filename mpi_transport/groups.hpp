// Who takes part in a collective, and how many blocks a rank sends and gets in it.
#pragma once

#include <mpi.h>

namespace dsm::transport {

inline bool is_inter(MPI_Comm comm) {
    int flag = 0;
    PMPI_Comm_test_inter(comm, &flag);
    return flag != 0;
}

/// The size of this rank's own group, in either kind of communicator.
inline int group_size(MPI_Comm comm) {
    int size = 0;
    PMPI_Comm_size(comm, &size);
    return size;
}

/// How many blocks the buffer of a collective has: the other group's size between two groups.
inline int block_count(MPI_Comm comm) {
    if (!is_inter(comm)) { return group_size(comm); }
    int size = 0;
    PMPI_Comm_remote_size(comm, &size);
    return size;
}

inline bool is_root(MPI_Comm comm, int root) {
    if (is_inter(comm)) { return root == MPI_ROOT; }
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    return rank == root;
}

/// Whether this rank sends to, or gets from, the root.
inline bool is_leaf(MPI_Comm comm, int root) { return !is_inter(comm) || (root != MPI_ROOT && root != MPI_PROC_NULL); }

/// What an operation reduces that scatters its result.
inline MPI_Count sum_of(const int counts[], MPI_Comm comm) {
    MPI_Count sum = 0;
    for (int rank = 0; rank < group_size(comm); ++rank) { sum += counts[rank]; }
    return sum;
}

/// What this rank keeps of an operation that scatters what it reduces.
inline MPI_Count own_of(const int counts[], MPI_Comm comm) {
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    return counts[rank];
}

/// The neighbours of a rank in a communicator with a topology: who sends to it, and to whom it sends.
struct Neighbours {
    int sources = 0;
    int targets = 0;
};

inline Neighbours neighbours_in(MPI_Comm comm) {
    Neighbours neighbours;
    int topology = MPI_UNDEFINED;
    PMPI_Topo_test(comm, &topology);
    if (topology == MPI_DIST_GRAPH) {
        int is_weighted = 0;
        PMPI_Dist_graph_neighbors_count(comm, &neighbours.sources, &neighbours.targets, &is_weighted);
    } else if (topology == MPI_GRAPH) {
        int rank = 0;
        PMPI_Comm_rank(comm, &rank);
        PMPI_Graph_neighbors_count(comm, rank, &neighbours.sources);
        neighbours.targets = neighbours.sources;
    } else if (topology == MPI_CART) {
        int dimensions = 0;
        PMPI_Cartdim_get(comm, &dimensions);
        neighbours = {2 * dimensions, 2 * dimensions};
    }
    return neighbours;
}

inline int source_count(MPI_Comm comm) { return neighbours_in(comm).sources; }
inline int target_count(MPI_Comm comm) { return neighbours_in(comm).targets; }

} // namespace dsm::transport
