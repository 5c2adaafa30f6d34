/**
 * @file semaphore.h
 * Counting semaphores between all threads of all ranks: the names of POSIX, but every function returns its error code
 * as pthread's functions do; errno is left alone.
 */
#ifndef DSM_SEMAPHORE_H
#define DSM_SEMAPHORE_H

#include <dsm/api.h>

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec; /* which C99 does not have */

/** The largest value of a semaphore. */
#define DSM_SEM_VALUE_MAX 2147483647

/**
 * A semaphore (Dijkstra 1965). It must stand in shared memory; a zeroed one is valid and has the value 0. The object
 * holds what dsm_sem_init() wrote, and every call reads it; the value itself is kept at the semaphore's home node. Any
 * thread may call, but no signal handler. Who waits is served in order.
 */
typedef struct dsm_sem {
    uint64_t dsm_opaque[2];
} dsm_sem_t;
#define DSM_SEM_INITIALIZER                                                                                            \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/**
 * Gives it a value, by writing into the object; sends no message. May be done again without destroying, when nobody
 * waits: calls that find threads waiting from before return EBUSY. Others must be ordered after it (by a barrier, a
 * mutex). @return 0; EINVAL when value > DSM_SEM_VALUE_MAX or outside shared memory.
 */
DSM_API int dsm_sem_init(dsm_sem_t *sem, unsigned value);
/** @return 0; EBUSY when threads wait (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_sem_destroy(dsm_sem_t *sem);
/** Blocks until the value is above 0, and takes 1. An acquire. @return 0; EINVAL; EBUSY; ENOMEM when more than a
 * million threads wait at one home. Never EINTR. */
DSM_API int dsm_sem_wait(dsm_sem_t *sem);
/** Takes 1 if the value is above 0 and nobody waits. @return 0; EAGAIN; EINVAL; EBUSY. */
DSM_API int dsm_sem_trywait(dsm_sem_t *sem);
/**
 * As dsm_sem_wait(), until a time of CLOCK_REALTIME at the longest. What can be had at once is had also when the time
 * has passed. @return as dsm_sem_wait(); ETIMEDOUT; EINVAL also for NULL or for nanoseconds out of range.
 */
DSM_API int dsm_sem_timedwait(dsm_sem_t *sem, const struct timespec *until);
/** As dsm_sem_timedwait(), by a clock: CLOCK_REALTIME or CLOCK_MONOTONIC; others: EINVAL. */
DSM_API int dsm_sem_clockwait(dsm_sem_t *sem, int clock, const struct timespec *until);
/** Adds 1, or lets the longest waiting thread go. A release. Blocks for one message and its answer when the home is
 *  another node. @return 0; EOVERFLOW when the value is DSM_SEM_VALUE_MAX; EINVAL; EBUSY. */
DSM_API int dsm_sem_post(dsm_sem_t *sem);
/** The value at some moment of the call; 0 while threads wait. Blocks for the home's answer. *value is set on success
 *  only. @return 0; EINVAL, also for value NULL; EBUSY. */
DSM_API int dsm_sem_getvalue(dsm_sem_t *sem, int *value);

#ifdef __cplusplus
}
#endif

#endif /* DSM_SEMAPHORE_H */
