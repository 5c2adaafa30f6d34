/**
 * @file barrier.h
 * Barriers: of a number of threads, as pthread's, and of all ranks.
 */
#ifndef DSM_BARRIER_H
#define DSM_BARRIER_H

#include <dsm/api.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A barrier for a number of threads, of any ranks. It stands in shared memory; a zeroed one is a barrier for as many
 * threads as there are ranks.
 */
typedef struct dsm_barrier {
    uint64_t dsm_opaque[2];
} dsm_barrier_t;
/** Reserved: pass NULL. */
typedef struct dsm_barrierattr dsm_barrierattr_t;
#define DSM_BARRIER_INITIALIZER                                                                                        \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }
/** What dsm_barrier_wait() returns to exactly one of the threads. */
#define DSM_BARRIER_SERIAL_THREAD (-1)

/** Writes the count into the object. @return 0; EINVAL when count is 0 or the object is outside shared memory. */
DSM_API int dsm_barrier_init(dsm_barrier_t *barrier, const dsm_barrierattr_t *attr, unsigned count);
/** @return 0; EBUSY when threads wait at it (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_barrier_destroy(dsm_barrier_t *barrier);
/**
 * Blocks until count threads have called.
 * @return 0, or DSM_BARRIER_SERIAL_THREAD to one of them; EINVAL; ENOMEM when more than a million arrivals wait at one
 *         home.
 */
DSM_API int dsm_barrier_wait(dsm_barrier_t *barrier);
/**
 * The barrier of all ranks: one thread of every rank calls it. Needs no object. Combined inside a node first, then
 * along a tree of nodes. @return 0, or DSM_BARRIER_SERIAL_THREAD to rank 0.
 */
DSM_API int dsm_barrier_all(void);

#ifdef __cplusplus
}
#endif

#endif /* DSM_BARRIER_H */
