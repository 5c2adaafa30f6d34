/**
 * @file condition.h
 * Condition variables between all threads of all ranks, as pthread's.
 */
#ifndef DSM_CONDITION_H
#define DSM_CONDITION_H

#include <dsm/api.h>
#include <dsm/mutex.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec; /* which C99 does not have */

/**
 * A condition variable, by address in shared memory like dsm_mutex_t; any zeroed one is valid, with CLOCK_REALTIME. Its
 * contents say the clock of dsm_cond_timedwait() and nothing else.
 */
typedef struct dsm_cond {
    uint64_t dsm_opaque[2];
} dsm_cond_t;
#define DSM_COND_INITIALIZER                                                                                           \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/** What dsm_cond_init() is told: an ordinary object; its functions are as those of dsm_mutexattr_t. */
typedef struct dsm_condattr {
    int dsm_clock;
} dsm_condattr_t;

/** The clock is CLOCK_REALTIME. @return 0; EINVAL for NULL. */
DSM_API int dsm_condattr_init(dsm_condattr_t *attr);
/** @return 0; EINVAL for NULL. */
DSM_API int dsm_condattr_destroy(dsm_condattr_t *attr);
/** The clock of dsm_cond_timedwait(). @return 0; EINVAL for NULL and but for CLOCK_REALTIME and CLOCK_MONOTONIC. */
DSM_API int dsm_condattr_setclock(dsm_condattr_t *attr, int clock);
/** @return 0; EINVAL for NULL. */
DSM_API int dsm_condattr_getclock(const dsm_condattr_t *attr, int *clock);

/**
 * Gives a condition its clock; attr NULL: CLOCK_REALTIME. Need not be called on zeroed memory and may be called again;
 * touches the object as dsm_mutex_init() does. @return 0; EINVAL.
 */
DSM_API int dsm_cond_init(dsm_cond_t *cond, const dsm_condattr_t *attr);
/** @return 0; EBUSY when threads wait on it (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_cond_destroy(dsm_cond_t *cond);
/**
 * Releases the mutex, waits for a signal, takes the mutex again. Spurious wake-ups are possible. A recursive mutex is
 * released wholly, and taken again as often as it was (pthread leaves that open). After Birrell (1989).
 * @return 0; EPERM when this thread does not own the mutex; EINVAL.
 */
DSM_API int dsm_cond_wait(dsm_cond_t *cond, dsm_mutex_t *mutex);
/**
 * As dsm_cond_wait(), until a moment of the condition's clock, by which the wait for a signal ends; the mutex is waited
 * for as long as it takes, also then. A signal that wakes this thread is never lost: then the result is 0. Threads
 * of different hosts that use CLOCK_MONOTONIC each mean their own host's.
 * @return 0; ETIMEDOUT; EPERM; EINVAL also for nanoseconds outside 0 to 999,999,999 (the mutex is kept).
 */
DSM_API int dsm_cond_timedwait(dsm_cond_t *cond, dsm_mutex_t *mutex, const struct timespec *until);
/**
 * The same for a clock that is chosen, as pthread_cond_clockwait (POSIX 2024); reads nothing from the object.
 * @return as dsm_cond_timedwait(); EINVAL also but for CLOCK_REALTIME and CLOCK_MONOTONIC.
 */
DSM_API int dsm_cond_clockwait(dsm_cond_t *cond, dsm_mutex_t *mutex, int clock, const struct timespec *until);
/** Wakes at least one of the threads that wait. Does not block for them. @return 0; EINVAL. */
DSM_API int dsm_cond_signal(dsm_cond_t *cond);
/** Wakes all threads that wait. Does not block for them. @return 0; EINVAL. */
DSM_API int dsm_cond_broadcast(dsm_cond_t *cond);

#ifdef __cplusplus
}
#endif

#endif /* DSM_CONDITION_H */
