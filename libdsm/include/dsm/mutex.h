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

struct timespec; /* which C99 does not have */

/**
 * A mutex. It is its address: it must stand in shared memory, and any zeroed one is valid, free and of the kind
 * DSM_MUTEX_NORMAL. Its contents say the kind and nothing else; they are written by dsm_mutex_init() alone and read
 * only when a thread locks what it has locked already.
 */
typedef struct dsm_mutex {
    uint64_t dsm_opaque[2];
} dsm_mutex_t;

/**
 * Kinds: what happens when a thread locks a mutex that it owns.
 *
 * | call by the owner | NORMAL, DEFAULT | ERRORCHECK | RECURSIVE |
 * |---|---|---|---|
 * | lock | EDEADLK (pthread's waits for ever) | EDEADLK | 0, counted; EAGAIN after 1,048,575 |
 * | trylock | EBUSY | EBUSY | as lock |
 * | timedlock, clocklock | waits in vain, ETIMEDOUT | EDEADLK | as lock |
 *
 * Unlock by a thread that is not the owner gives EPERM, of whatever kind the mutex is.
 */
#define DSM_MUTEX_NORMAL 0
#define DSM_MUTEX_RECURSIVE 1
#define DSM_MUTEX_ERRORCHECK 2
#define DSM_MUTEX_DEFAULT DSM_MUTEX_NORMAL

/* The first word of a mutex that has a kind: a pattern that memory hardly holds by chance, and the kind. */
#define DSM_MUTEX_KIND_WORD(kind) (UINT64_C(0x6d757478a55a3c00) | (kind))

/** Initialisers of mutexes in zeroed or static structures that are then copied to, or made in, shared memory. */
#define DSM_MUTEX_INITIALIZER                                                                                          \
    {                                                                                                                  \
        { 0, 0 }                                                                                                       \
    }
#define DSM_RECURSIVE_MUTEX_INITIALIZER                                                                                \
    {                                                                                                                  \
        { DSM_MUTEX_KIND_WORD(DSM_MUTEX_RECURSIVE), 0 }                                                                \
    }
#define DSM_ERRORCHECK_MUTEX_INITIALIZER                                                                               \
    {                                                                                                                  \
        { DSM_MUTEX_KIND_WORD(DSM_MUTEX_ERRORCHECK), 0 }                                                               \
    }

/**
 * What dsm_mutex_init() is told. An ordinary object, in private or shared memory; its four functions may be called at
 * any time by any thread, also before dsm_init(), and send nothing.
 */
typedef struct dsm_mutexattr {
    int dsm_kind;
} dsm_mutexattr_t;

/** The kind is DSM_MUTEX_DEFAULT. @return 0; EINVAL for NULL. */
DSM_API int dsm_mutexattr_init(dsm_mutexattr_t *attr);
/** @return 0; EINVAL for NULL. */
DSM_API int dsm_mutexattr_destroy(dsm_mutexattr_t *attr);
/** @return 0; EINVAL for NULL and for a number that is no kind. */
DSM_API int dsm_mutexattr_settype(dsm_mutexattr_t *attr, int kind);
/** @return 0; EINVAL for NULL. */
DSM_API int dsm_mutexattr_gettype(const dsm_mutexattr_t *attr, int *kind);

/**
 * Gives a mutex its kind; attr NULL: DSM_MUTEX_DEFAULT. Need not be called on zeroed memory and may be called again.
 * Touches the mutex like any memory (it writes only what differs) and sends no message of its own. Others may lock the
 * mutex when they know that it was initialised, by a barrier or another mutex say.
 * @return 0; EINVAL outside shared memory and for attributes that were not initialised.
 */
DSM_API int dsm_mutex_init(dsm_mutex_t *mutex, const dsm_mutexattr_t *attr);
/**
 * Says whether the mutex is idle; it stays usable. Where its token is at another node it is borrowed for a moment: two
 * round trips of messages, otherwise none. Does not block for other threads.
 * @return 0; EBUSY when the mutex is locked or waited for, wherever; EINVAL outside shared memory.
 */
DSM_API int dsm_mutex_destroy(dsm_mutex_t *mutex);
/**
 * Blocks until the mutex is this thread's. An acquire. Free and last used at this node: one compare-and-swap, no
 * message. After Naimi and Trehel (1987) and Li and Hudak (1989).
 * @return 0; EDEADLK, EAGAIN when this thread owns it (see the kinds); EINVAL.
 */
DSM_API int dsm_mutex_lock(dsm_mutex_t *mutex);
/**
 * Takes the mutex if that is possible without waiting for another thread; may wait for messages. An acquire.
 * @return 0; EBUSY when, at some moment of the call, a thread held the mutex, or was in a call of lock for it; EAGAIN
 * when this thread owns it too often (see the kinds); EINVAL.
 */
DSM_API int dsm_mutex_trylock(dsm_mutex_t *mutex);
/**
 * As dsm_mutex_lock(), until a moment of CLOCK_REALTIME at the latest. The time that messages take counts, but a mutex
 * that is free is taken also when the moment has passed already: then as dsm_mutex_trylock().
 * @return 0; ETIMEDOUT; EINVAL also for nanoseconds outside 0 to 999,999,999 if the mutex is not free; EDEADLK, EAGAIN
 *         as dsm_mutex_lock().
 */
DSM_API int dsm_mutex_timedlock(dsm_mutex_t *mutex, const struct timespec *until);
/**
 * The same for a clock that is chosen, as pthread_mutex_clocklock (POSIX 2024): CLOCK_REALTIME or CLOCK_MONOTONIC of
 * the calling host. @return as dsm_mutex_timedlock(); EINVAL also for another clock.
 */
DSM_API int dsm_mutex_clocklock(dsm_mutex_t *mutex, int clock, const struct timespec *until);
/**
 * Ends one lock; the last of a recursive mutex releases it. A release. Blocks for one message and its answer where a
 * trylock took the mutex from another node.
 * @return 0; EPERM when this thread does not own it; EINVAL.
 */
DSM_API int dsm_mutex_unlock(dsm_mutex_t *mutex);

#ifdef __cplusplus
}
#endif

#endif /* DSM_MUTEX_H */
