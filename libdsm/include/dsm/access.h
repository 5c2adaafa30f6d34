/**
 * @file access.h
 * Ranges of shared memory: is it shared, bring it here, hold it here for the kernel.
 *
 * Ranges are in bytes and need no alignment; what is brought in or held are whole blocks (dsm_alloc_attr_t). A range
 * must lie in live allocations entirely: otherwise EINVAL. A length of 0 does nothing and returns 0.
 */
#ifndef DSM_ACCESS_H
#define DSM_ACCESS_H

#include <dsm/api.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For what a range is wanted; DSM_WRITE includes reading. */
typedef enum dsm_access {
    DSM_READ = 1, /**< to read */
    DSM_WRITE = 2 /**< to read and to write */
} dsm_access_t;

/** How a range is going to be used; as posix_madvise(). */
typedef enum dsm_advice {
    DSM_ADVISE_NORMAL = 0, /**< nothing special; accepted, without effect */
    DSM_ADVISE_SEQUENTIAL, /**< from low to high addresses; accepted, without effect so far */
    DSM_ADVISE_RANDOM,     /**< here and there; accepted, without effect so far */
    DSM_ADVISE_WILLNEED,   /**< soon, for reading: dsm_prefetch(ptr, bytes, DSM_READ) */
    DSM_ADVISE_DONTNEED    /**< not soon: copies of blocks that other nodes own are dropped here; no data is lost */
} dsm_advice_t;

/**
 * Whether any byte of a range lies in the segment, where all shared memory is. Any thread at any time, also in a signal
 * handler; never blocks. @return 1 or 0 (also when libdsm is not running).
 */
DSM_API int dsm_is_shared(const void *ptr, size_t bytes);

/**
 * Brings a range to this node now and maps it, up to 64 blocks under way at once instead of one fault after the other.
 * A hint: the range may leave again at any time. Blocks until everything has come.
 * @param access DSM_READ, DSM_WRITE, or both (the same as DSM_WRITE).
 * @return 0; EPERM; EINVAL: not in live allocations, or no such access; EACCES: bound for reading alone; EDEADLK: this
 * thread holds a pin.
 */
DSM_API int dsm_touch(const void *ptr, size_t bytes, int access);

/**
 * Asks for what is missing of a range and does not wait for it; at most 256 blocks per call, the rest is left alone.
 * The first access to a block that has come costs a fault that this node serves by itself. Never blocks for a page; the
 * first use of an allocation in a node may ask rank 0. After Mowry, Demke and Krieger (1996).
 * @return 0; EPERM; EINVAL; EACCES, as dsm_touch().
 */
DSM_API int dsm_prefetch(const void *ptr, size_t bytes, int access);

/**
 * Tells how a range is going to be used. Never blocks for a page.
 * @return 0; EPERM; EINVAL: no such advice, or not in live allocations.
 */
DSM_API int dsm_advise(void *ptr, size_t bytes, dsm_advice_t advice);

/** The most that one dsm_pin() holds. */
#define DSM_PIN_MAX ((size_t)64 << 20)

/**
 * Brings a range here and holds it: until dsm_unpin() no other node gets access to it that would take this node's away.
 * It makes a range fit for a system call, which gets EFAULT where an instruction would fault. Others who need the range
 * wait, so hold it for the length of one local call, and wait for nobody meanwhile: no lock, no barrier, no message, no
 * read from a pipe or socket, no other shared memory. An access to other shared memory that is not here ends the job
 * with a report, and so does a pin that keeps another node waiting for longer than DSM_TIMEOUT.
 * A thread holds one range at a time; several threads may hold overlapping ones. Blocks while others hold the range.
 * @param access DSM_READ: it stays readable; DSM_WRITE: writable.
 * @return 0; EPERM; EINVAL, EACCES as dsm_touch(), also for more than DSM_PIN_MAX bytes; ENOMEM: more than half of this
 * node's DSM_CACHE; EDEADLK: this thread holds a range; EAGAIN: 256 ranges are held by threads of this rank.
 */
DSM_API int dsm_pin(const void *ptr, size_t bytes, int access);

/**
 * Ends the hold on the range that this thread has pinned, given as to dsm_pin(). Never blocks.
 * @return 0; EPERM; EINVAL: this thread does not hold just this range.
 */
DSM_API int dsm_unpin(const void *ptr, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* DSM_ACCESS_H */
