/**
 * @file fence.h
 * Fences of release-consistent memory (DSM_RELEASE), for programs that order their accesses by other means than
 * libdsm's: messages of their own MPI, files, time. After Keleher, Cox and Zwaenepoel (1992). Mutexes, conditions,
 * barriers, read-write locks, semaphores, latches, onces, dsm_atomic_t and names are fences by themselves.
 *
 *     rank 0: data = 1; dsm_release(NULL, 0); MPI_Send(...);
 *     rank 1:                                 MPI_Recv(...); dsm_acquire(NULL, 0); use(data);
 */
#ifndef DSM_FENCE_H
#define DSM_FENCE_H

#include <dsm/api.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What this node has written so far, and what it has learned of others' writes, is seen by every thread that calls
 * dsm_acquire() after this call has returned. Any thread; blocks for messages (a round trip to the homes of the pages
 * written, and one to rank 0); with one node it is a fence of the processor alone. With a range: of its own writes at
 * least those to the range, and to little else: the pages of 4 KiB that it touches are written out, no others.
 * @param address the range, in bytes; NULL and 0 for all shared memory.
 * @return 0; EPERM; EINVAL: the range is not shared memory.
 */
DSM_API int dsm_release(const void *address, size_t bytes);

/**
 * Reads that follow see what was written before any dsm_release() that has returned by now. Any thread; blocks for a
 * round trip to rank 0, and for pages that are fetched anew. With a range: at least reads of that range; of up to 4 MiB
 * it waits for the pages of the range alone.
 * @return 0; EPERM; EINVAL.
 */
DSM_API int dsm_acquire(const void *address, size_t bytes);

#ifdef __cplusplus
}

namespace dsm {
/** dsm_release() and dsm_acquire() of all shared memory. Nothing happens outside dsm_init() and dsm_finalize(). */
inline void release_fence() { static_cast<void>(dsm_release(nullptr, 0)); }
inline void acquire_fence() { static_cast<void>(dsm_acquire(nullptr, 0)); }
} // namespace dsm
#endif

#endif /* DSM_FENCE_H */
