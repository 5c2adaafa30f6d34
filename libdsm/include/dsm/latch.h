/**
 * @file latch.h
 * Latches between all threads of all ranks: a count that goes down to 0 once, as std::latch.
 */
#ifndef DSM_LATCH_H
#define DSM_LATCH_H

#include <dsm/api.h>

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec; /* which C99 does not have */

/** The largest count of a latch. */
#define DSM_LATCH_COUNT_MAX 2147483647

/**
 * A latch. It must stand in shared memory; a zeroed one is valid and open (its count is 0). The object holds what
 * dsm_latch_init() wrote, and every call reads it; the count itself is kept at the latch's home node. Any thread may
 * call. It needs no destroying.
 */
typedef struct dsm_latch {
    uint64_t dsm_opaque[2];
} dsm_latch_t;
#define DSM_LATCH_INITIALIZER                                                                                          \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/**
 * Gives it a count, by writing into the object; sends no message. May be done again, when nobody waits: calls that find
 * threads waiting from before return EBUSY. Others must be ordered after it (by a barrier, a mutex).
 * @return 0; EINVAL when count > DSM_LATCH_COUNT_MAX or outside shared memory.
 */
DSM_API int dsm_latch_init(dsm_latch_t *latch, unsigned count);
/**
 * Takes n from the count; at 0 all waiting threads go. A release. Blocks for one message and its answer when the home
 * is another node. @return 0; EINVAL when n is above the count, which then stays as it is; EBUSY.
 */
DSM_API int dsm_latch_count_down(dsm_latch_t *latch, unsigned n);
/** Blocks until the count is 0. An acquire. @return 0; EINVAL; EBUSY; ENOMEM when more than a million threads wait at
 *  one home. */
DSM_API int dsm_latch_wait(dsm_latch_t *latch);
/** @return 0 when the count is 0 (an acquire); EAGAIN when it is not; EINVAL; EBUSY. Blocks for the home's answer. */
DSM_API int dsm_latch_try_wait(dsm_latch_t *latch);
/** As dsm_latch_wait(), until a time of CLOCK_REALTIME at the longest. @return as dsm_latch_wait(); ETIMEDOUT; EINVAL
 *  also for NULL or for nanoseconds out of range. */
DSM_API int dsm_latch_timedwait(dsm_latch_t *latch, const struct timespec *until);
/** As dsm_latch_timedwait(), by a clock: CLOCK_REALTIME or CLOCK_MONOTONIC; others: EINVAL. */
DSM_API int dsm_latch_clockwait(dsm_latch_t *latch, int clock, const struct timespec *until);
/** Takes 1 from the count and blocks until it is 0, with one message. @return 0; EINVAL when the count is 0; EBUSY;
 *  ENOMEM, and then it is not counted. */
DSM_API int dsm_latch_arrive_and_wait(dsm_latch_t *latch);

#ifdef __cplusplus
}
#endif

#endif /* DSM_LATCH_H */
