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
 * A barrier for a number of threads, of any ranks or of a team of them. It stands in shared memory; a zeroed one is a
 * barrier for as many threads as there are ranks. The count and the team stand in the object and are read by every
 * dsm_barrier_wait(): others may use it when they know that it was initialised.
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

/**
 * A team of ranks: first, first + stride, first + 2 stride and so on, as many as `ranks` says. Rows, columns and blocks
 * of a grid of ranks are such teams. After OpenSHMEM's strided teams. An ordinary object.
 */
typedef struct dsm_team {
    int first;  /**< a rank */
    int stride; /**< at least 1 */
    int ranks;  /**< at least 1 */
} dsm_team_t;

/**
 * Writes the count into the object (only what differs). May be called again, with another count too, while nobody waits
 * at it. @return 0; EINVAL when count is 0, attr is not NULL or the object is outside shared memory.
 */
DSM_API int dsm_barrier_init(dsm_barrier_t *barrier, const dsm_barrierattr_t *attr, unsigned count);
/**
 * As dsm_barrier_init() for threads_per_rank threads of each rank of a team; threads of other ranks are refused. Not
 * collective: one thread calls it. @return 0; EINVAL also when the team leaves the job's ranks or the threads are 0, or
 * more in all than an unsigned holds.
 */
DSM_API int dsm_barrier_init_team(dsm_barrier_t *barrier, const dsm_team_t *team, unsigned threads_per_rank);
/** @return 0; EBUSY when threads wait at it (asks the home; blocks for the answer); EINVAL. */
DSM_API int dsm_barrier_destroy(dsm_barrier_t *barrier);
/**
 * Blocks until count threads have called. The begin is a release, the end an acquire.
 * @return 0, or DSM_BARRIER_SERIAL_THREAD to one of them; EPERM for a rank outside the barrier's team; EINVAL, also
 *         when the count differs from that of threads that wait already; ENOMEM when more than a million arrivals wait
 *         at one home.
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
