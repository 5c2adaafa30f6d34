/**
 * @file rwlock.h
 * Read-write locks between all threads of all ranks, as pthread's.
 */
#ifndef DSM_RWLOCK_H
#define DSM_RWLOCK_H

#include <dsm/api.h>

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec; /* which C99 does not have */

/**
 * A read-write lock: many readers or one writer. It is its address: it must stand in shared memory, any zeroed one is
 * valid and free, and its contents are never read. Any thread may call; errno is left alone.
 *
 * Requests are served in the order in which they reach the lock's home node: a waiting writer holds up the readers that
 * come after it, and readers that stand next to each other enter together, so nobody starves. One exception: a thread
 * that reads already may read again in front of waiting writers, because otherwise the two would wait for each other.
 */
typedef struct dsm_rwlock {
    uint64_t dsm_opaque[2];
} dsm_rwlock_t;
/** Reserved: pass NULL. */
typedef struct dsm_rwlockattr dsm_rwlockattr_t;
#define DSM_RWLOCK_INITIALIZER                                                                                         \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/** Sends no message, writes nothing and need not be called on zeroed memory. @return 0; EINVAL outside shared memory.
 */
DSM_API int dsm_rwlock_init(dsm_rwlock_t *lock, const dsm_rwlockattr_t *attr);
/** @return 0; EBUSY when it is held or waited for (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_rwlock_destroy(dsm_rwlock_t *lock);

/**
 * Blocks until this thread reads. A thread may read several times and unlocks as often. An acquire.
 * @return 0; EDEADLK when this thread writes; EINVAL; ENOMEM when more than a million threads wait at one home.
 */
DSM_API int dsm_rwlock_rdlock(dsm_rwlock_t *lock);
/** Blocks until this thread alone writes. An acquire. @return 0; EDEADLK when this thread reads or writes; EINVAL;
 * ENOMEM. */
DSM_API int dsm_rwlock_wrlock(dsm_rwlock_t *lock);
/** Reads if that is possible without waiting for another thread (a waiting writer counts). @return 0; EBUSY; EINVAL. */
DSM_API int dsm_rwlock_tryrdlock(dsm_rwlock_t *lock);
/** Writes if that is possible without waiting for another thread. @return 0; EBUSY; EINVAL. */
DSM_API int dsm_rwlock_trywrlock(dsm_rwlock_t *lock);

/**
 * As dsm_rwlock_rdlock(), until a time of CLOCK_REALTIME at the longest. What can be had at once is had also when the
 * time has passed.
 * @return as dsm_rwlock_rdlock(); ETIMEDOUT; EINVAL also for NULL or for nanoseconds out of range.
 */
DSM_API int dsm_rwlock_timedrdlock(dsm_rwlock_t *lock, const struct timespec *until);
/** As dsm_rwlock_wrlock(), until a time of CLOCK_REALTIME; who reads already gets ETIMEDOUT and not EDEADLK. */
DSM_API int dsm_rwlock_timedwrlock(dsm_rwlock_t *lock, const struct timespec *until);
/** As the timed calls, by a clock: CLOCK_REALTIME or CLOCK_MONOTONIC; others: EINVAL. */
DSM_API int dsm_rwlock_clockrdlock(dsm_rwlock_t *lock, int clock, const struct timespec *until);
DSM_API int dsm_rwlock_clockwrlock(dsm_rwlock_t *lock, int clock, const struct timespec *until);

/**
 * Ends this thread's writing, or one of its readings. A release. Blocks for one message and its answer when the home is
 * another node: after it, a try anywhere cannot fail because of this thread.
 * @return 0; EPERM when this thread neither reads nor writes; EINVAL.
 */
DSM_API int dsm_rwlock_unlock(dsm_rwlock_t *lock);

#ifdef __cplusplus
}
#endif

#endif /* DSM_RWLOCK_H */
