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

/** A condition variable, by address in shared memory like dsm_mutex_t; any zeroed one is valid. */
typedef struct dsm_cond {
    uint64_t dsm_opaque[2];
} dsm_cond_t;
/** Reserved: pass NULL. */
typedef struct dsm_condattr dsm_condattr_t;
#define DSM_COND_INITIALIZER                                                                                           \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

DSM_API int dsm_cond_init(dsm_cond_t *cond, const dsm_condattr_t *attr);
/** @return 0; EBUSY when threads wait on it (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_cond_destroy(dsm_cond_t *cond);
/**
 * Releases the mutex, waits for a signal, takes the mutex again. Spurious wake-ups are possible.
 * @return 0; EPERM when this thread does not own the mutex; EINVAL.
 */
DSM_API int dsm_cond_wait(dsm_cond_t *cond, dsm_mutex_t *mutex);
/** Wakes at least one of the threads that wait. Does not block for them. @return 0; EINVAL. */
DSM_API int dsm_cond_signal(dsm_cond_t *cond);
/** Wakes all threads that wait. Does not block for them. @return 0; EINVAL. */
DSM_API int dsm_cond_broadcast(dsm_cond_t *cond);

#ifdef __cplusplus
}
#endif

#endif /* DSM_CONDITION_H */
