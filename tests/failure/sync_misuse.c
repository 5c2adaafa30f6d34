/* Mutexes, conditions and barriers used against their contracts, from other threads and from other ranks. */
#define _GNU_SOURCE
#include "expect.h"

#include <pthread.h>

typedef struct shared {
    dsm_mutex_t mutex;
    dsm_mutex_t other;
    dsm_cond_t cond;
    dsm_barrier_t barrier;
} shared_t;

static void *unlock_of_other_thread(void *argument) {
    shared_t *shared = argument;
    EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), EPERM);
    EXPECT_CODE(dsm_mutex_trylock(&shared->mutex), EBUSY);
    EXPECT_CODE(dsm_cond_wait(&shared->cond, &shared->mutex), EPERM);
    return NULL;
}

static void holder(shared_t *shared) {
    EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0);
    EXPECT_CODE(dsm_mutex_lock(&shared->mutex), EDEADLK);
    EXPECT_CODE(dsm_mutex_trylock(&shared->mutex), EBUSY);
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, unlock_of_other_thread, shared) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT_CODE(dsm_mutex_destroy(&shared->mutex), EBUSY);
}

int main(void) {
    EXPECT_CODE(dsm_init(), 0);
    shared_t *shared = dsm_alloc(sizeof *shared, NULL);
    EXPECT(shared != NULL);
    EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), EPERM); /* never locked */
    dsm_barrier_all();
    const int last = dsm_size() - 1;
    if (dsm_rank() == last) { holder(shared); }
    dsm_barrier_all();
    if (dsm_rank() != last) {
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), EPERM); /* held by another rank */
        EXPECT_CODE(dsm_mutex_trylock(&shared->mutex), EBUSY);
        EXPECT_CODE(dsm_cond_wait(&shared->cond, &shared->mutex), EPERM);
    }
    dsm_barrier_all();
    if (dsm_rank() == last) {
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), 0);
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), EPERM); /* unlocked twice */
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_mutex_lock(&shared->other), 0); /* taken by one after the other: the misuse broke nothing */
    EXPECT_CODE(dsm_mutex_unlock(&shared->other), 0);

    dsm_mutex_t outside = DSM_MUTEX_INITIALIZER;
    dsm_cond_t cond_outside = DSM_COND_INITIALIZER;
    dsm_barrier_t barrier_outside = DSM_BARRIER_INITIALIZER;
    EXPECT_CODE(dsm_mutex_init(&outside, NULL), EINVAL);
    EXPECT_CODE(dsm_mutex_lock(&outside), EINVAL);
    EXPECT_CODE(dsm_mutex_trylock(&outside), EINVAL);
    EXPECT_CODE(dsm_mutex_unlock(NULL), EINVAL);
    EXPECT_CODE(dsm_cond_signal(&cond_outside), EINVAL);
    EXPECT_CODE(dsm_cond_wait(&cond_outside, &shared->mutex), EINVAL);
    EXPECT_CODE(dsm_cond_wait(&shared->cond, &outside), EINVAL);
    EXPECT_CODE(dsm_barrier_init(&shared->barrier, NULL, 0), EINVAL);
    EXPECT_CODE(dsm_barrier_init(&barrier_outside, NULL, 1), EINVAL);
    EXPECT_CODE(dsm_barrier_wait(&barrier_outside), EINVAL);
    EXPECT_CODE(dsm_get_statistics(NULL), EINVAL);
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    say("finished");
    return 0;
}
