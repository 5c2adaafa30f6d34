/*
 * Every function of dsm.h before dsm_init() and after dsm_finalize(); starting twice; an access after the end. With
 * "crash" the last thing that it does is that access, an ordinary segmentation fault.
 */
#include "expect.h"

#include <dsm/mpi.h>

static long outside[2]; /* ordinary memory, where no object of libdsm may stand */

static void expect_null(void *block) {
    EXPECT(block == NULL);
    EXPECT_CODE(errno, EPERM);
    errno = 0;
}

static void expect_not_running(void) {
    errno = 0;
    EXPECT(dsm_rank() == -1 && dsm_size() == -1 && dsm_node() == -1 && dsm_node_count() == -1);
    expect_null(dsm_malloc(10));
    expect_null(dsm_calloc(1, 10));
    expect_null(dsm_realloc(NULL, 10));
    expect_null(dsm_aligned_alloc(64, 10));
    expect_null(dsm_alloc(10, NULL));
    dsm_free(NULL);
    EXPECT(dsm_home(outside) == -1);
    EXPECT_CODE(dsm_mutex_init((dsm_mutex_t *)outside, NULL), EPERM);
    EXPECT_CODE(dsm_mutex_lock((dsm_mutex_t *)outside), EPERM);
    EXPECT_CODE(dsm_mutex_trylock((dsm_mutex_t *)outside), EPERM);
    EXPECT_CODE(dsm_mutex_unlock((dsm_mutex_t *)outside), EPERM);
    EXPECT_CODE(dsm_mutex_destroy((dsm_mutex_t *)outside), EPERM);
    EXPECT_CODE(dsm_cond_init((dsm_cond_t *)outside, NULL), EPERM);
    EXPECT_CODE(dsm_cond_wait((dsm_cond_t *)outside, (dsm_mutex_t *)outside), EPERM);
    EXPECT_CODE(dsm_cond_signal((dsm_cond_t *)outside), EPERM);
    EXPECT_CODE(dsm_cond_broadcast((dsm_cond_t *)outside), EPERM);
    EXPECT_CODE(dsm_cond_destroy((dsm_cond_t *)outside), EPERM);
    EXPECT_CODE(dsm_barrier_init((dsm_barrier_t *)outside, NULL, 1), EPERM);
    EXPECT_CODE(dsm_barrier_wait((dsm_barrier_t *)outside), EPERM);
    EXPECT_CODE(dsm_barrier_destroy((dsm_barrier_t *)outside), EPERM);
    EXPECT_CODE(dsm_barrier_all(), EPERM);
    dsm_statistics_t statistics;
    EXPECT_CODE(dsm_get_statistics(&statistics), EPERM);
    EXPECT(strcmp(dsm_fault_backend(), "none") == 0);
    EXPECT_CODE(dsm_finalize(), EPERM);
    EXPECT(errno == 0);
}

int main(int argc, char **argv) {
    expect_not_running();
    EXPECT_CODE(dsm_init_on_communicator(MPI_COMM_WORLD), EPERM); /* MPI does not run yet. */
    EXPECT_CODE(dsm_init(), 0);
    EXPECT_CODE(dsm_init(), EALREADY);
    volatile long *block = dsm_malloc(sizeof *block);
    EXPECT(block != NULL);
    *block = 1;
    EXPECT_CODE(dsm_finalize(), 0);
    expect_not_running();
    EXPECT_CODE(dsm_init(), EPERM);
    if (argc > 1 && strcmp(argv[1], "crash") == 0) { *block = 2; }
    if (argc > 1 && strcmp(argv[1], "free") == 0) { dsm_free((void *)block); }
    return 0;
}
