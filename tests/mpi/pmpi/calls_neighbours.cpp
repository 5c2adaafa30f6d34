// Collectives among neighbours: everybody with everybody else in a graph, and a line whose ends have one neighbour.
#include "tests/mpi/pmpi/calls.hpp"

#include <vector>

namespace dsm_test {
namespace {

/// All other ranks, in order; at `rank`, block b comes from, and goes to, other(rank, b).
int other(int rank, int block) { return block < rank ? block : block + 1; }
/// Which block of `rank` goes to `to`.
int block_for(int rank, int to) { return to < rank ? to : to - 1; }

MPI_Comm graph_of_others() {
    std::vector<int> others;
    for (int block = 0; block + 1 < dsm_size(); ++block) { others.push_back(other(dsm_rank(), block)); }
    const auto count = static_cast<int>(others.size());
    MPI_Comm graph = MPI_COMM_NULL;
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, count, others.data(), MPI_UNWEIGHTED, count, others.data(),
                                   MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &graph);
    return graph;
}

void among_others(Field &from, Field &into, int count) {
    const MPI_Comm graph = graph_of_others();
    const auto blocks = static_cast<std::size_t>(dsm_size() - 1);
    const int all = count * static_cast<int>(blocks);
    const std::vector<int> counts(blocks, count);
    const std::vector<MPI_Datatype> types(blocks, MPI_DOUBLE);
    std::vector<int> places(blocks);
    std::vector<MPI_Aint> byte_places(blocks);
    for (std::size_t block = 0; block < blocks; ++block) {
        places[block] = static_cast<int>(block) * count;
        byte_places[block] = static_cast<MPI_Aint>(places[block]) * static_cast<MPI_Aint>(sizeof(double));
    }
    const int *const n = counts.data();
    const int *const p = places.data();
    const MPI_Aint *const b = byte_places.data();
    const MPI_Datatype *const t = types.data();
    const auto type = MPI_DOUBLE;
    const auto gathered = [=](int round) {
        return [=](int rank, int at) { return Field::value(other(rank, at / count), at % count, round); };
    };
    const auto exchanged = [=](int round) {
        return [=](int rank, int at) {
            const int peer = other(rank, at / count);
            return Field::value(peer, block_for(peer, rank) * count + at % count, round);
        };
    };
    const auto turn = [&](int round, auto expect, auto call) { take_turn(from, into, all, round, call, expect); };
    turn(1, gathered(1), [&](double *s, double *g) { MPI_Neighbor_allgather(s, count, type, g, count, type, graph); });
    turn(2, gathered(2), [&](double *s, double *g) { MPI_Neighbor_allgatherv(s, count, type, g, n, p, type, graph); });
    turn(3, exchanged(3), [&](double *s, double *g) { MPI_Neighbor_alltoall(s, count, type, g, count, type, graph); });
    turn(4, exchanged(4), [&](double *s, double *g) { MPI_Neighbor_alltoallv(s, n, p, type, g, n, p, type, graph); });
    turn(5, exchanged(5), [&](double *s, double *g) { MPI_Neighbor_alltoallw(s, n, b, t, g, n, b, t, graph); });
    turn(6, gathered(6), [&](double *s, double *g) {
        to_its_end([&](auto it) { return MPI_Ineighbor_allgather(s, count, type, g, count, type, graph, it); });
    });
    turn(7, gathered(7), [&](double *s, double *g) {
        to_its_end([&](auto it) { return MPI_Ineighbor_allgatherv(s, count, type, g, n, p, type, graph, it); });
    });
    turn(8, exchanged(8), [&](double *s, double *g) {
        to_its_end([&](auto it) { return MPI_Ineighbor_alltoall(s, count, type, g, count, type, graph, it); });
    });
    turn(9, exchanged(9), [&](double *s, double *g) {
        to_its_end([&](auto it) { return MPI_Ineighbor_alltoallv(s, n, p, type, g, n, p, type, graph, it); });
    });
    turn(10, exchanged(10), [&](double *s, double *g) {
        to_its_end([&](auto it) { return MPI_Ineighbor_alltoallw(s, n, b, t, g, n, b, t, graph, it); });
    });
    MPI_Comm graph_to_free = graph;
    MPI_Comm_free(&graph_to_free);
}

/// The ends of a line have no neighbour on one side: that block keeps what it had.
void in_line(Field &from, Field &into, int count) {
    const int size = dsm_size();
    const int periodic = 0;
    MPI_Comm line = MPI_COMM_NULL;
    MPI_Cart_create(MPI_COMM_WORLD, 1, &size, &periodic, 0, &line);
    take_turn(
        from, into, 2 * count, 11,
        [&](double *sent, double *got) {
            MPI_Neighbor_allgather(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, line);
        },
        [=](int rank, int at) {
            const int peer = at < count ? rank - 1 : rank + 1;
            return peer < 0 || peer == size ? untouched : Field::value(peer, at % count, 11);
        });
    MPI_Comm_free(&line);
}

} // namespace

void try_neighbours(Field &from, Field &into) {
    for (const int count : {3, 4'000}) {
        among_others(from, into, count);
        in_line(from, into, count);
    }
}

} // namespace dsm_test
