/*
 * Shared memory where it cannot be used as it is. Arguments: the mistake, made by rank 1 with memory that rank 0 has
 * written.
 *
 *   send, receive, reduce   given to MPI without dsm_pmpi
 *   send_large              a message that the kernel copies or sends for MPI
 *   ordinary                not a mistake: copied by memcpy and qsort, which are no part of MPI, and sent by MPI
 *   pinned_access           another page is touched while one is pinned
 *   pinned_long             a page is pinned for longer than DSM_TIMEOUT while rank 0 wants it
 */
#include "expect.h"

#include <dsm/mpi.h>
#include <stdlib.h>
#include <unistd.h>

enum { count = 100, page = 4096 };

static int compare(const void *left, const void *right) {
    const int a = *(const int *)left, b = *(const int *)right;
    return a < b ? -1 : a > b;
}

static void use_without_mistake(int *shared) {
    int own[count], got[count];
    memcpy(own, shared, sizeof own);
    MPI_Sendrecv(own, count, MPI_INT, dsm_rank(), 1, got, count, MPI_INT, dsm_rank(), 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    memmove(shared + 2 * page, got, sizeof got);
    qsort(shared + page, count, sizeof *shared, compare);
    EXPECT(got[5] == 5 && shared[2 * page + 5] == 5 && shared[page] == 0);
}

static void make(const char *mistake, int *shared) {
    int own[count] = {0};
    if (strcmp(mistake, "send") == 0) {
        MPI_Send(shared, count, MPI_INT, 0, 1, MPI_COMM_WORLD);
    } else if (strcmp(mistake, "send_large") == 0) {
        MPI_Send(shared, 3 * page, MPI_INT, 0, 1, MPI_COMM_WORLD);
    } else if (strcmp(mistake, "receive") == 0) {
        MPI_Sendrecv(own, count, MPI_INT, dsm_rank(), 1, shared, count, MPI_INT, dsm_rank(), 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
    } else if (strcmp(mistake, "reduce") == 0) {
        MPI_Reduce_local(own, shared, count, MPI_INT, MPI_SUM);
    } else if (strcmp(mistake, "ordinary") == 0) {
        use_without_mistake(shared);
    } else if (strcmp(mistake, "pinned_access") == 0) {
        EXPECT_CODE(dsm_pin(shared, count, DSM_READ), 0);
        own[0] = *(volatile int *)(shared + page);
        say("still alive");
    } else if (strcmp(mistake, "pinned_long") == 0) {
        EXPECT_CODE(dsm_pin(shared, count, DSM_WRITE), 0);
        dsm_barrier_all();
        sleep(30);
        say("still alive");
    } else {
        EXPECT(!"a known mistake");
    }
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    EXPECT_CODE(dsm_init(), 0);
    int *shared = dsm_alloc(3 * page * sizeof *shared, NULL);
    EXPECT(shared != NULL);
    if (dsm_rank() == 0) {
        for (int i = 0; i < 3 * page; ++i) { shared[i] = i % page; }
    }
    dsm_barrier_all();
    const int is_long = strcmp(argv[1], "pinned_long") == 0;
    if (dsm_rank() == 1) {
        make(argv[1], shared);
    } else if (strncmp(argv[1], "send", 4) == 0) {
        int *got = malloc(3 * page * sizeof *got);
        MPI_Recv(got, 3 * page, MPI_INT, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        say(got[2 * page + 5] == 5 && got[5] == 5 ? "right" : "wrong");
        free(got);
    } else if (is_long) {
        dsm_barrier_all();
        shared[0] = 1;
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    MPI_Finalize();
    say("finished");
    return 0;
}
