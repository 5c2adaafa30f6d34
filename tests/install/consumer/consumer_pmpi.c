/* As consumer.c, and what is shared goes from rank to rank by MPI itself: rank 1 gives it to MPI_Reduce. */
#include <dsm/mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    if (dsm_version() != DSM_VERSION || dsm_init() != 0) { return 1; }
    long *counts = dsm_alloc((size_t)dsm_size() * sizeof *counts, NULL);
    if (counts == NULL) { return 1; }
    if (dsm_rank() == 0) {
        for (int rank = 0; rank < dsm_size(); ++rank) { counts[rank] = 100; }
    }
    dsm_barrier_all();
    long sum = 0;
    MPI_Reduce(&counts[dsm_rank()], &sum, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (dsm_rank() == 0) { printf("%d ranks counted to %ld\n", dsm_size(), sum); }
    const int code = dsm_finalize();
    MPI_Finalize();
    return code;
}
