/**
 * @file mutex.h
 * Mutexes between all threads of all ranks, as pthread's.
 */
#ifndef DSM_MUTEX_H
#define DSM_MUTEX_H

#include <dsm/api.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A mutex. It is its address: it must stand in shared memory, any zeroed one is valid and free, and its contents are
 * never read. Not recursive; error-checking: a thread that owns it gets EDEADLK from a second lock, and unlock by a
 * thread that does not own it gives EPERM.
 */
typedef struct dsm_mutex {
    uint64_t dsm_opaque[2];
} dsm_mutex_t;
/** Reserved: pass NULL. */
typedef struct dsm_mutexattr dsm_mutexattr_t;
#define DSM_MUTEX_INITIALIZER                                                                                          \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/** Sends no message and need not be called on zeroed memory. @return 0; EINVAL outside shared memory. */
DSM_API int dsm_mutex_init(dsm_mutex_t *mutex, const dsm_mutexattr_t *attr);
/** @return 0; EBUSY when the mutex is locked or waited for at this node; EINVAL outside shared memory. */
DSM_API int dsm_mutex_destroy(dsm_mutex_t *mutex);
/** Blocks until the mutex is this thread's. An acquire. @return 0; EDEADLK; EINVAL. */
DSM_API int dsm_mutex_lock(dsm_mutex_t *mutex);
/** Takes the mutex if that is possible without waiting for another thread. @return 0; EBUSY; EINVAL. */
DSM_API int dsm_mutex_trylock(dsm_mutex_t *mutex);
/**
 * Releases the mutex. A release. Blocks for one message and its answer where a trylock took the mutex from another
 * node.
 * @return 0; EPERM when this thread does not own it; EINVAL.
 */
DSM_API int dsm_mutex_unlock(dsm_mutex_t *mutex);

#ifdef __cplusplus
}
#endif

#endif /* DSM_MUTEX_H */
