// MPI calls straight from and to shared memory, by dsm_pmpi, while other nodes write it before and after.
#include "tests/mpi/pmpi/turns.hpp"

#include <string>
#include <vector>

namespace {

using dsm_test::Field;

/// Small goes eagerly, large by rendezvous and, in shared memory, by the kernel.
constexpr int sizes[] = {3, 700, 20'000};

MPI_Comm world = MPI_COMM_WORLD;
int rank() { return dsm_rank(); }
int size() { return dsm_size(); }
int next() { return (rank() + 1) % size(); }
int before() { return (rank() + size() - 1) % size(); }

/// Everybody sends its part of `from` to the next, who gets it into its part of `into`. The parts of `from` were
/// written by the next rank, and are written again by it as soon as the send is over.
void point_to_point(Field &from, Field &into, int count) {
    for (int way = 0; way < 6; ++way) {
        from.write_part(next(), count, way);
        dsm_barrier_all();
        double *sent = from.part(rank());
        double *got = into.part(rank());
        MPI_Status status;
        MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
        MPI_Status statuses[2];
        if (way == 0) {
            MPI_Sendrecv(sent, count, MPI_DOUBLE, next(), 1, got, count, MPI_DOUBLE, before(), 1, world, &status);
        } else if (way == 1) {
            MPI_Irecv(got, count + 5, MPI_DOUBLE, before(), 2, world, &requests[0]);
            MPI_Isend(sent, count, MPI_DOUBLE, next(), 2, world, &requests[1]);
            MPI_Waitall(2, requests, statuses);
            status = statuses[0];
        } else if (way == 2) {
            MPI_Isend(sent, count, MPI_DOUBLE, next(), 3, world, &requests[0]);
            MPI_Recv(got, count, MPI_DOUBLE, MPI_ANY_SOURCE, 3, world, &status);
            int done = 0;
            while (done == 0) { MPI_Test(&requests[0], &done, MPI_STATUS_IGNORE); }
        } else if (way == 3) {
            MPI_Recv_init(got, count, MPI_DOUBLE, before(), 4, world, &requests[0]);
            MPI_Ssend_init(sent, count, MPI_DOUBLE, next(), 4, world, &requests[1]);
            for (int round = 0; round < 2; ++round) {
                MPI_Startall(2, requests);
                for (int ended = 0; ended < 2; ++ended) {
                    int index = -1;
                    MPI_Status any;
                    MPI_Waitany(2, requests, &index, &any);
                    if (index == 0) { status = any; }
                }
            }
            MPI_Request_free(&requests[0]);
            MPI_Request_free(&requests[1]);
        } else if (way == 4) {
            std::memcpy(got, sent, static_cast<std::size_t>(count) * sizeof *got);
            MPI_Sendrecv_replace(got, count, MPI_DOUBLE, next(), 5, before(), 5, world, &status);
        } else if (rank() % 2 == 0) {
            MPI_Send(sent, count, MPI_DOUBLE, next(), 6, world);
            MPI_Recv(got, count, MPI_DOUBLE, before(), 6, world, &status);
        } else {
            MPI_Recv(got, count, MPI_DOUBLE, before(), 6, world, &status);
            MPI_Send(sent, count, MPI_DOUBLE, next(), 6, world);
        }
        int received = 0;
        MPI_Get_count(&status, MPI_DOUBLE, &received);
        DSM_REQUIRE_EQUAL(received, count);
        DSM_REQUIRE_EQUAL(status.MPI_SOURCE, before());
        from.write_part(rank(), count, 99); // The send is over: its buffer may change.
        dsm_barrier_all();
        into.check_part(next(), count, before_of(next()), way);
        dsm_barrier_all();
    }
}

/// Sums and copies, each checked by another rank than the one that received it.
void collectives(Field &from, Field &into, int count) {
    from.write_part(next(), count, 1);
    dsm_barrier_all();
    MPI_Allreduce(from.part(rank()), into.part(rank()), count, MPI_DOUBLE, MPI_SUM, world);
    dsm_barrier_all();
    into.check_sums(next(), count, size(), 1);
    dsm_barrier_all();
    from.write_part(next(), count, 2); // By another node than the one that sends it.
    dsm_barrier_all();
    std::memcpy(into.part(rank()), from.part(rank()), static_cast<std::size_t>(count) * sizeof(double));
    MPI_Allreduce(MPI_IN_PLACE, into.part(rank()), count, MPI_DOUBLE, MPI_SUM, world);
    dsm_barrier_all();
    into.check_sums(next(), count, size(), 2);
    dsm_barrier_all();
    MPI_Request request;
    MPI_Iallreduce(from.part(rank()), into.part(rank()), count, MPI_DOUBLE, MPI_SUM, world, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    dsm_barrier_all();
    into.check_sums(next(), count, size(), 2);
    dsm_barrier_all();
    double *buffer = rank() == 1 ? from.part(1) : into.part(rank());
    MPI_Bcast(buffer, count, MPI_DOUBLE, 1, world);
    dsm_barrier_all();
    if (next() != 1) { into.check_part(next(), count, 1, 2); }
    dsm_barrier_all();
}

/// Blocks between all ranks, in shared memory at the root and in private memory elsewhere, and the other way round.
void blocks(Field &from, Field &into) {
    const auto all = static_cast<std::size_t>(size());
    std::vector<int> counts(all);
    std::vector<int> places(all);
    for (std::size_t block = 0; block < all; ++block) {
        counts[block] = static_cast<int>(block) + 1;
        places[block] = static_cast<int>(block) * 100;
    }
    std::vector<double> own(all + 1, rank());
    for (std::size_t at = 0; at < 100 * all; ++at) { into.part(rank())[at] = -1; }
    MPI_Gatherv(own.data(), rank() + 1, MPI_DOUBLE, into.part(rank()), counts.data(), places.data(), MPI_DOUBLE, 0,
                world);
    dsm_barrier_all();
    for (std::size_t block = 0; block < all; ++block) {
        for (std::size_t at = 0; at < 100; ++at) { // Between the blocks nothing has changed.
            DSM_REQUIRE_EQUAL(into.part(0)[block * 100 + at], at <= block ? static_cast<double>(block) : -1);
        }
    }
    MPI_Scatterv(into.part(rank()), counts.data(), places.data(), MPI_DOUBLE, own.data(), rank() + 1, MPI_DOUBLE, 0,
                 world);
    DSM_REQUIRE_EQUAL(own[0], rank());
    dsm_barrier_all();
    for (std::size_t to = 0; to < all; ++to) { from.part(rank())[to] = rank() * 1000 + static_cast<double>(to); }
    MPI_Alltoall(from.part(rank()), 1, MPI_DOUBLE, into.part(rank()), 1, MPI_DOUBLE, world);
    MPI_Allgather(from.part(rank()), 1, MPI_DOUBLE, into.part(rank()) + 50, 1, MPI_DOUBLE, world);
    dsm_barrier_all();
    for (std::size_t peer = 0; peer < all; ++peer) {
        DSM_REQUIRE_EQUAL(into.part(next())[peer], static_cast<double>(peer) * 1000 + next());
        DSM_REQUIRE_EQUAL(into.part(next())[50 + peer], static_cast<double>(peer) * 1000);
    }
    dsm_barrier_all();
}

/// A column of a matrix: what lies between its elements belongs to other nodes, which write it meanwhile.
void columns(Field &matrix) {
    constexpr int rows = 300;
    const int width = size();
    double *column = matrix.part(0) + rank();
    MPI_Datatype type;
    MPI_Type_vector(rows, 1, width, MPI_DOUBLE, &type);
    MPI_Type_commit(&type);
    std::vector<double> own(rows);
    for (int round = 0; round < 3; ++round) {
        for (int row = 0; row < rows; ++row) { own[static_cast<std::size_t>(row)] = rank() * 1e4 + row * 10 + round; }
        MPI_Sendrecv(own.data(), rows, MPI_DOUBLE, rank(), 7, column, 1, type, rank(), 7, world, MPI_STATUS_IGNORE);
        dsm_barrier_all();
        for (int row = 0; row < rows; ++row) {
            for (int at = 0; at < width; ++at) {
                DSM_REQUIRE_EQUAL(matrix.part(0)[row * width + at], at * 1e4 + row * 10 + round);
            }
        }
        MPI_Sendrecv(column, 1, type, rank(), 8, own.data(), rows, MPI_DOUBLE, rank(), 8, world, MPI_STATUS_IGNORE);
        for (int row = 0; row < rows; ++row) {
            DSM_REQUIRE_EQUAL(own[static_cast<std::size_t>(row)], rank() * 1e4 + row * 10 + round);
        }
        dsm_barrier_all();
    }
    MPI_Type_free(&type);
}

/// One file that all ranks write from shared memory and read into it.
void files(Field &from, Field &into, const char *name) {
    constexpr int count = 10'000;
    from.write_part(next(), count, 5);
    dsm_barrier_all();
    MPI_File file;
    const MPI_Offset place = MPI_Offset{rank()} * count * static_cast<MPI_Offset>(sizeof(double));
    DSM_REQUIRE_EQUAL(MPI_File_open(world, name, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file), 0);
    MPI_Status status;
    if (rank() == 0) {
        DSM_REQUIRE_EQUAL(MPI_File_write(file, from.part(0), count, MPI_DOUBLE, &status), 0);
    } else {
        DSM_REQUIRE_EQUAL(MPI_File_write_at(file, place, from.part(rank()), count, MPI_DOUBLE, &status), 0);
    }
    from.write_part(rank(), count, 98);
    MPI_File_sync(file);
    MPI_Barrier(world);
    MPI_File_sync(file);
    DSM_REQUIRE_EQUAL(MPI_File_read_at_all(file, place, into.part(rank()), count, MPI_DOUBLE, MPI_STATUS_IGNORE), 0);
    dsm_barrier_all();
    into.check_part(next(), count, next(), 5);
    dsm_barrier_all();
    into.part(rank())[1] = -7; // Behind the end of the file nothing is read, and nothing is stored.
    const MPI_Offset end = MPI_Offset{size()} * count * static_cast<MPI_Offset>(sizeof(double)) - 8;
    DSM_REQUIRE_EQUAL(MPI_File_read_at(file, end, into.part(rank()), 100, MPI_DOUBLE, &status), 0);
    int got = 0;
    MPI_Get_count(&status, MPI_DOUBLE, &got);
    DSM_REQUIRE_EQUAL(got, 1);
    DSM_REQUIRE_EQUAL(into.part(rank())[1], -7);
    MPI_File_close(&file);
    dsm_barrier_all();
}

/// One-sided, where this MPI has windows: a ring of puts and gets with shared memory at the origin.
void one_sided(Field &from, Field &into) {
    constexpr int count = 5'000;
    std::vector<double> own(count);
    MPI_Win window = MPI_WIN_NULL;
    MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
    const int refused = MPI_Win_create(from.part(rank()), 800, 8, MPI_INFO_NULL, world, &window);
    DSM_REQUIRE_EQUAL(refused, MPI_ERR_BASE);
    dsm_barrier_all();
    const int code = MPI_Win_create(own.data(), count * 8, 8, MPI_INFO_NULL, world, &window);
    MPI_Comm_set_errhandler(world, MPI_ERRORS_ARE_FATAL);
    if (code != MPI_SUCCESS) { return; }
    from.write_part(next(), count, 6);
    dsm_barrier_all();
    MPI_Win_fence(0, window);
    MPI_Put(from.part(rank()), count, MPI_DOUBLE, next(), 0, count, MPI_DOUBLE, window);
    MPI_Win_fence(0, window);
    from.write_part(rank(), count, 97);
    MPI_Get(into.part(rank()), count, MPI_DOUBLE, next(), 0, count, MPI_DOUBLE, window);
    MPI_Win_fence(0, window);
    dsm_barrier_all();
    into.check_part(next(), count, next(), 6);
    MPI_Win_free(&window);
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    dsm_test::start(dsm_init());
    const bool windows = dsm_test::option(argc, argv, "--windows", 1) != 0;
    Field from(21'000);
    Field into(21'000);
    for (const int count : sizes) {
        point_to_point(from, into, count);
        collectives(from, into, count);
    }
    blocks(from, into);
    columns(from);
    std::string name = "/tmp/dsm_pmpi_" + std::to_string(dsm_test::option(argc, argv, "--file", 0));
    long id = ::getpid();
    MPI_Bcast(&id, 1, MPI_LONG, 0, world);
    name += "_" + std::to_string(id);
    files(from, into, name.c_str());
    if (rank() == 0) { ::unlink(name.c_str()); }
    if (windows) { one_sided(from, into); }
    const int code = dsm_test::finish("pmpi");
    MPI_Finalize();
    return code;
}
