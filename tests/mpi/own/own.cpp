// A program that starts and ends MPI itself and goes on using it while libdsm runs: on MPI_COMM_WORLD, or, with
// --split 1, on the communicator of all ranks but the last, in reverse order.
#include "tests/mpi/support/job.hpp"

#include <dsm/mpi.h>

#include <atomic>
#include <thread>

namespace {

constexpr int rounds = 200;

struct Shared {
    std::atomic<long> sum;
    dsm_mutex_t mutex;
    long guarded;
};

/// The program's own messages, on the world, while other threads fault.
void pass_around() {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int round = 0; round < rounds; ++round) {
        const int sent = rank * 1000 + round;
        int received = -1;
        MPI_Sendrecv(&sent, 1, MPI_INT, (rank + 1) % size, 7, &received, 1, MPI_INT, (rank + size - 1) % size, 7,
                     MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        DSM_REQUIRE_EQUAL(received, (rank + size - 1) % size * 1000 + round);
        int total = 0;
        MPI_Allreduce(&round, &total, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        DSM_REQUIRE_EQUAL(total, round * size);
    }
}

void share(Shared &shared) {
    for (int round = 0; round < rounds; ++round) {
        shared.sum.fetch_add(1);
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&shared.mutex), 0);
        shared.guarded = shared.guarded + 1;
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&shared.mutex), 0);
    }
}

void run_inside(MPI_Comm comm) {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    DSM_REQUIRE_EQUAL(dsm_rank(), rank);
    DSM_REQUIRE_EQUAL(dsm_size(), size);
    DSM_REQUIRE_EQUAL(dsm_init(), EALREADY);
    auto *shared = dsm_test::shared<Shared>();
    std::thread messages(pass_around);
    share(*shared);
    messages.join();
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(shared->sum.load(), static_cast<long>(rounds) * size);
    DSM_REQUIRE_EQUAL(shared->guarded, static_cast<long>(rounds) * size);
    DSM_REQUIRE_EQUAL(dsm_finalize(), 0);
    DSM_REQUIRE_EQUAL(dsm_finalize(), EPERM);
    DSM_REQUIRE_EQUAL(dsm_rank(), -1);
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    int rank = 0;
    int size = 0;
    DSM_REQUIRE_EQUAL(dsm_init_on_communicator(MPI_COMM_WORLD), EPERM);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    DSM_REQUIRE_EQUAL(level, MPI_THREAD_MULTIPLE);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (dsm_test::option(argc, argv, "--split", 0) == 0) {
        dsm_test::start(dsm_init());
        run_inside(MPI_COMM_WORLD);
    } else {
        DSM_REQUIRE_EQUAL(dsm_init_on_communicator(MPI_COMM_NULL), EINVAL);
        const bool inside = rank < size - 1;
        MPI_Comm comm = MPI_COMM_NULL;
        MPI_Comm_split(MPI_COMM_WORLD, inside ? 0 : MPI_UNDEFINED, -rank, &comm);
        if (inside) {
            dsm_test::start(dsm_init_on_communicator(comm));
            run_inside(comm);
            MPI_Comm_free(&comm);
        } else {
            pass_around();
        }
    }
    // MPI is the program's: still there after libdsm, and ended by the program.
    int finalized = 1;
    MPI_Finalized(&finalized);
    DSM_REQUIRE_EQUAL(finalized, 0);
    int sum = 0;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    DSM_REQUIRE_EQUAL(sum, size * (size - 1) / 2);
    MPI_Finalize();
    if (rank == 0) { std::puts("own: passed"); }
    return 0;
}
