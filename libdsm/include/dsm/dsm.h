/**
 * @file dsm.h
 * The C interface of libdsm: one shared address space for all ranks of an MPI job.
 *
 * Conventions, as pthread's: functions return 0 or an errno code and leave errno alone; functions that return a
 * pointer return NULL and set errno. Unless a function says otherwise it may be called by any thread of any rank
 * between dsm_init() and dsm_finalize(); called outside that span it returns EPERM (or NULL with errno EPERM).
 * "Collective" means: every rank calls it, in the same order relative to other collective calls, with equal arguments.
 * Sizes are in bytes, times in seconds unless a name says otherwise.
 */
#ifndef DSM_DSM_H
#define DSM_DSM_H

#include <stddef.h>
#include <stdint.h>

#define DSM_VERSION_MAJOR 0
#define DSM_VERSION_MINOR 1
#define DSM_VERSION_PATCH 0

#if defined(__GNUC__)
#define DSM_API __attribute__((visibility("default")))
#else
#define DSM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Start and end ------------------------------------------------------------------------------------------- */

/**
 * Starts libdsm on all ranks of MPI_COMM_WORLD. Collective, blocking, once per process.
 *
 * When MPI is not initialised yet, libdsm initialises it with MPI_THREAD_MULTIPLE and ends it in dsm_finalize(). When
 * the program has called MPI_Init_thread itself, it must have obtained MPI_THREAD_MULTIPLE. A program started without
 * mpirun runs as a single rank. To start on another communicator include <dsm/mpi.h> (dsm_init_on_communicator).
 *
 * @return 0; EALREADY when started before; EINVAL for a DSM_* environment variable with a bad value; ENOMEM when the
 *         segment cannot be reserved; ENOTSUP when MPI's thread level is too low or a forced way (DSM_FAULT, DSM_BULK)
 *         is not to be had. The reason is printed on standard error by the first rank that sees it, and all ranks
 *         return the same code.
 */
DSM_API int dsm_init(void);

/**
 * Ends libdsm. Collective, blocking: returns after every rank has called it. Shared memory is gone afterwards; an
 * access to it is an ordinary segmentation fault. libdsm cannot be started again in the same process.
 * @return 0; EPERM when libdsm is not running.
 */
DSM_API int dsm_finalize(void);

/** This rank's number, 0 <= rank < dsm_size(); -1 when libdsm is not running. Never blocks. */
DSM_API int dsm_rank(void);
/** The number of ranks; -1 when libdsm is not running. Never blocks. */
DSM_API int dsm_size(void);
/** The number of this rank's node, 0 <= node < dsm_node_count(); -1 when libdsm is not running. Never blocks. */
DSM_API int dsm_node(void);
/** The number of nodes; -1 when libdsm is not running. Never blocks. */
DSM_API int dsm_node_count(void);

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/**
 * Allocates shared memory; one rank calls, every rank may use and free it. The contents are indeterminate.
 * Aligned for any fundamental type. May send messages and block for them. A size of 0 gives a unique pointer.
 * @return the block, at the same address in every rank; NULL with errno ENOMEM.
 */
DSM_API void *dsm_malloc(size_t bytes);
/** As dsm_malloc() for count * bytes bytes, all zero. NULL with errno ENOMEM also when the product overflows. */
DSM_API void *dsm_calloc(size_t count, size_t bytes);
/** Resizes a block, moving it where needed; as realloc(). On failure the old block stays as it was. */
DSM_API void *dsm_realloc(void *block, size_t bytes);
/**
 * As dsm_malloc() with an address that is a multiple of alignment.
 * @param alignment a power of two; NULL with errno EINVAL when it is not.
 */
DSM_API void *dsm_aligned_alloc(size_t alignment, size_t bytes);
/**
 * Frees a block of dsm_malloc() and its kin (any rank) or of dsm_alloc() (once, by one rank). NULL is ignored.
 * A pointer that no allocation returned, or one that was freed already, ends the job with a report, as glibc does.
 */
DSM_API void dsm_free(void *block);

/** Which node keeps the directory entry of which page of an allocation. */
typedef enum dsm_homes {
    DSM_HOMES_CYCLIC = 0,  /**< block after block dealt out over the nodes in turn */
    DSM_HOMES_BLOCK,       /**< the allocation is cut into one contiguous part per node */
    DSM_HOMES_FIRST_TOUCH, /**< the node that touches a block first */
    DSM_HOMES_ONE          /**< the node of one rank, home_rank */
} dsm_homes_t;

/** How an allocation is kept coherent. */
typedef enum dsm_memory {
    DSM_SEQUENTIAL = 0, /**< sequentially consistent: every program that works on one machine works */
    DSM_RELEASE         /**< release consistent; not there yet: dsm_alloc gives ENOTSUP */
} dsm_memory_t;

/** Attributes of dsm_alloc(). Start from DSM_ALLOC_ATTR_INITIALIZER. */
typedef struct dsm_alloc_attr {
    dsm_homes_t homes;
    int home_rank;     /**< for DSM_HOMES_ONE: 0 <= home_rank < dsm_size() */
    size_t block_size; /**< unit of coherence in bytes: a power of two from 4096 to 2 MiB; 0 stands for 4096 */
    dsm_memory_t memory;
} dsm_alloc_attr_t;

#define DSM_ALLOC_ATTR_INITIALIZER                                                                                     \
    { DSM_HOMES_CYCLIC, 0, 0, DSM_SEQUENTIAL }

/**
 * Allocates zeroed shared memory with attributes. Collective, blocking; every rank gets the same address, a multiple
 * of the block size (and of 4096). Freed with one dsm_free() by one rank.
 * @param attr NULL for the defaults.
 * @return NULL with errno ENOMEM, EINVAL (attributes out of range or different between ranks) or ENOTSUP, on all ranks.
 */
DSM_API void *dsm_alloc(size_t bytes, const dsm_alloc_attr_t *attr);

/**
 * The home of the page at an address: the rank of the home node that receives the messages about the page. With
 * DSM_HOMES_FIRST_TOUCH and a page that nobody has touched, the rank that would hand it out. May block for a message.
 * @return a rank; -1 when the address is in no allocation.
 */
DSM_API int dsm_home(const void *address);

/* ---- Synchronisation: as pthread's, between all threads of all ranks ------------------------------------------- */

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

/* ---- Looking inside -------------------------------------------------------------------------------------------- */

/** Counts of this rank since dsm_init(). */
typedef struct dsm_statistics {
    uint64_t read_faults;        /**< faults of a load taken by threads of this rank */
    uint64_t write_faults;       /**< faults of a store taken by threads of this rank */
    uint64_t faults_served_here; /**< of both: served without a message, the page being at the node */
    uint64_t messages_sent;      /**< active messages to other ranks, before they are put together */
    uint64_t messages_received;
    uint64_t packets_sent;    /**< MPI messages that carried them */
    uint64_t bytes_sent;      /**< bytes of those, page contents included */
    uint64_t pages_sent;      /**< pages (blocks) whose contents this rank sent to another node */
    uint64_t page_copies;     /**< copies of page contents made by this rank, in memory or by MPI */
    uint64_t invalidations;   /**< copies given up on request */
    uint64_t evictions;       /**< frames given up to stay within DSM_CACHE */
    uint64_t lock_hand_overs; /**< lock tokens this rank sent to another node */
    uint64_t wake_ups;        /**< times a sleeping thread of this rank was woken */
} dsm_statistics_t;

/** Fills *statistics. Never blocks; the counts of running operations may be missing. @return 0; EPERM; EINVAL. */
DSM_API int dsm_get_statistics(dsm_statistics_t *statistics);

/** Names of what was chosen at start, for logs: "userfaultfd", "mprotect", "none" (a single node needs no faults). */
DSM_API const char *dsm_fault_backend(void);

#ifdef __cplusplus
}
#endif

#endif /* DSM_DSM_H */
