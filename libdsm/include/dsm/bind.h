/**
 * @file bind.h
 * A file's contents as shared memory, read on demand and written back by the rank that has the file.
 */
#ifndef DSM_BIND_H
#define DSM_BIND_H

#include <dsm/api.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DSM_BIND_READ 1    /**< the memory is read; always so, for symmetry */
#define DSM_BIND_WRITE 2   /**< the memory is written too; without it a write is a crash, with one line that says so */
#define DSM_BIND_SHARED 4  /**< what is written goes into the file: at dsm_sync(), dsm_unbind() and dsm_finalize() */
#define DSM_BIND_PRIVATE 8 /**< what is written never goes into the file, but all ranks see it */

/**
 * Makes a part of a regular file shared memory. One rank calls, the keeper of the bind: it opens the file, and it alone
 * reads and writes it, so that no other host need see it. Every rank may use the memory once it knows the address. Its
 * contents are read when they are first touched; the memory is sequential, and its homes are at the keeper's node,
 * whose budget (DSM_CACHE) it must fit. A page is 4096 bytes; the last one is filled up with zeros, which are never
 * written.
 *
 * Two binds of one file are two copies, each coherent in itself; neither sees what the other or another program writes
 * to the file after it was read. The file may be renamed or removed meanwhile. If it becomes shorter, a touch of what
 * is gone ends the job with a report. The idea and the flags are those of mmap().
 *
 * May send messages and block for them; opens the file in the calling thread.
 * @param path   as for open(), seen from the calling rank
 * @param offset where the part begins in the file, in bytes: a multiple of 4096
 * @param length bytes; 0: to the end of the file. The part must lie in the file
 * @param flags  DSM_BIND_SHARED or DSM_BIND_PRIVATE, with DSM_BIND_READ, DSM_BIND_WRITE or both
 * @return the address, a multiple of 4096; NULL with errno EINVAL (flags, offset, a part that is empty or not in the
 *         file), ENOMEM, EISDIR, ENODEV (no regular file), or what open() gives: EACCES for DSM_BIND_WRITE and
 *         DSM_BIND_SHARED on a file that may only be read
 */
DSM_API void *dsm_bind(const char *path, uint64_t offset, size_t length, int flags);

/**
 * Returns when what was written to the memory before the call is in the file and on its disk; written by whichever
 * rank, as far as the caller would read it. Any rank; blocks. Whole pages are written, and only those that were changed
 * since the file last got them. Nothing happens for memory that is bound private or without DSM_BIND_WRITE. As msync().
 * @param address anywhere in bound memory
 * @param length  bytes; 0: to the end of the bind
 * @return 0; EINVAL where this is not memory of one bind; what the file refused with (EIO, also when it has become
 *         shorter, ENOSPC, EDQUOT, ...), after a line that names it: then what is not in the file can be synced again
 */
DSM_API int dsm_sync(const void *address, size_t length);

/**
 * Writes back as dsm_sync() and ends a bind: the memory is gone, as after dsm_free(), which must not be used for it.
 * Any rank, once, when nobody uses the memory any more; blocks. dsm_finalize() writes back what is still bound.
 * @param address what dsm_bind() returned
 * @return 0; EINVAL for any other address; an error of dsm_sync(): then the bind stays
 */
DSM_API int dsm_unbind(void *address);

#ifdef __cplusplus
}
#endif

#endif /* DSM_BIND_H */
