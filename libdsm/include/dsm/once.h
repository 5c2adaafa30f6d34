/**
 * @file once.h
 * A function that runs once, whichever thread of whichever rank comes first, as pthread_once.
 */
#ifndef DSM_ONCE_H
#define DSM_ONCE_H

#include <dsm/api.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What remembers whether it was done. It is its address: it must stand in shared memory, any zeroed one is valid and
 * not done, and its contents are never read: writing zeros over it does not make it undone, freeing the memory does.
 * Each node remembers what is done: from then on a call costs one look into a table.
 */
typedef struct dsm_once_object {
    uint64_t dsm_opaque[2];
} dsm_once_t;
#define DSM_ONCE_INIT                                                                                                  \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }

/**
 * Calls the function if no thread of the job has done so for this object; otherwise waits until it has been done. What
 * the function wrote is seen by all who return. Runs in the first thread that comes, in its rank. A C++ exception that
 * the function throws is passed on, and it counts as not done; the next thread runs it.
 * @return 0; EDEADLK when called from inside the function; EINVAL outside shared memory or for a function NULL; ENOMEM
 *         when more than a million threads wait at one home.
 */
DSM_API int dsm_once(dsm_once_t *once, void (*function)(void));
/**
 * As dsm_once(), with an argument, for a function that may fail: it returns 0 when it has done its work. Otherwise it
 * counts as not done, and the next thread runs its own.
 * @return what this thread's function returned, if it ran; else as dsm_once().
 */
DSM_API int dsm_call_once(dsm_once_t *once, int (*function)(void *), void *argument);

#ifdef __cplusplus
}
#endif

#endif /* DSM_ONCE_H */
