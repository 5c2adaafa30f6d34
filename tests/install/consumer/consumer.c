/* Ranks count together, under a mutex, in memory that they share. */
#include <dsm/dsm.h>
#include <stdio.h>

struct shared {
    dsm_mutex_t mutex;
    long sum;
};

int main(void) {
    if (dsm_version() != DSM_VERSION || dsm_init() != 0) { return 1; }
    struct shared *shared = dsm_alloc(sizeof *shared, NULL);
    if (shared == NULL) { return 1; }
    for (int i = 0; i < 100; ++i) {
        dsm_mutex_lock(&shared->mutex);
        ++shared->sum;
        dsm_mutex_unlock(&shared->mutex);
    }
    dsm_barrier_all();
    if (dsm_rank() == 0) { printf("%d ranks counted to %ld\n", dsm_size(), shared->sum); }
    return dsm_finalize();
}
