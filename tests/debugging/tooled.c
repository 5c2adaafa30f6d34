/*
 * A program for checking tools: ranks of two threads count in shared memory under a mutex, between faults. With the
 * argument "bad" rank 0 then makes the mistake, in private memory, that the tool must still find:
 *
 *   bad_heap     reads behind a block of malloc()        bad_overflow   a sum of int that is too large
 *   bad_race     two threads write without a lock
 */
#include <dsm/dsm.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { rounds = 50, threads = 2, places = 20000 };

struct shared {
    dsm_mutex_t mutex;
    long sum;
    int places[places];
};

static struct shared *shared;
static int unguarded;

static void *count(void *unused) {
    (void)unused;
    for (int round = 0; round < rounds; ++round) {
        dsm_mutex_lock(&shared->mutex);
        ++shared->sum;
        ++shared->places[round * (places / rounds)];
        dsm_mutex_unlock(&shared->mutex);
    }
    return NULL;
}

static void *race(void *unused) {
    (void)unused;
    for (int round = 0; round < rounds; ++round) { ++unguarded; }
    return NULL;
}

static void in_threads(void *(*function)(void *)) {
    pthread_t started[threads];
    for (int i = 0; i < threads; ++i) {
        if (pthread_create(&started[i], NULL, function, NULL) != 0) { exit(1); }
    }
    for (int i = 0; i < threads; ++i) { pthread_join(started[i], NULL); }
}

static void make_mistake(const char *which) {
    volatile int large = INT_MAX;
    volatile size_t behind = 16;
    volatile char *block = malloc(behind);
    if (block == NULL) { exit(1); }
    if (strcmp(which, "bad_heap") == 0) { printf("%d\n", block[behind]); }
    if (strcmp(which, "bad_overflow") == 0) { printf("%d\n", large + (int)behind); }
    if (strcmp(which, "bad_race") == 0) { in_threads(race); }
    free((void *)block);
}

int main(int argc, char **argv) {
    if (argc != 2 || dsm_init() != 0) { return 1; }
    shared = dsm_alloc(sizeof *shared, NULL);
    if (shared == NULL) { return 1; }
    in_threads(count);
    dsm_barrier_all();
    const int wrong = shared->sum != (long)rounds * threads * dsm_size();
    if (dsm_rank() == 0) { fprintf(stderr, "counted to %ld\n", shared->sum); }
    dsm_barrier_all();
    if (dsm_rank() == 0) { make_mistake(argv[1]); }
    return dsm_finalize() != 0 || wrong;
}
