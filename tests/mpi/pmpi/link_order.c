/*
 * Rank 1 sends shared memory that rank 0 has written, each a node of its own. With dsm_pmpi rank 0 prints "right",
 * without it libdsm reports the call; in whatever order the libraries are linked.
 */
#include <dsm/mpi.h>
#include <stdio.h>

enum { count = 1000 };

int main(int argc, char **argv) {
    int level = 0, wrong = 0, got[count];
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    if (dsm_init() != 0) { return 1; }
    int *shared = dsm_alloc(count * sizeof *shared, NULL);
    if (shared == NULL) { return 1; }
    for (int i = 0; dsm_rank() == 0 && i < count; ++i) { shared[i] = i; }
    dsm_barrier_all();
    if (dsm_rank() == 1) {
        MPI_Request request;
        MPI_Send(shared, count, MPI_INT, 0, 1, MPI_COMM_WORLD);
        MPI_Isend(shared, count, MPI_INT, 0, 2, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    } else {
        for (int tag = 1; tag <= 2; ++tag) {
            MPI_Recv(got, count, MPI_INT, 1, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            for (int i = 0; i < count; ++i) { wrong += got[i] != i; }
        }
        printf("%s\n", wrong == 0 ? "right" : "wrong");
        fflush(stdout);
    }
    dsm_barrier_all();
    const int code = dsm_finalize();
    MPI_Finalize();
    return code;
}
