// Every other MPI call straight from and to shared memory: see calls_*.cpp.
#include "tests/mpi/pmpi/calls.hpp"

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    dsm_test::start(dsm_init());
    {
        dsm_test::Field from(40'000);
        dsm_test::Field into(40'000);
        dsm_test::try_reductions(from, into);
        dsm_test::try_exchanges(from, into);
        dsm_test::try_neighbours(from, into);
        dsm_test::try_packing(from, into);
        long id = ::getpid();
        MPI_Bcast(&id, 1, MPI_LONG, 0, MPI_COMM_WORLD);
        const std::string name = "/tmp/dsm_pmpi_calls_" + std::to_string(id);
        dsm_test::try_files(from, into, name);
        if (dsm_test::option(argc, argv, "--windows", 1) != 0) { dsm_test::try_one_sided(from, into); }
    }
    const int code = dsm_test::finish("pmpi calls");
    MPI_Finalize();
    return code;
}
