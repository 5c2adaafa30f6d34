/**
 * @file io.h
 * System calls and stdio on shared memory.
 *
 * A system call does not fault as an instruction does: given shared memory that is not at this node it fails with
 * EFAULT, or moves fewer bytes. These functions do what the calls after which they are named do, with any mixture of
 * shared and private memory: what lies in the segment goes through private buffers, and libdsm never holds a page while
 * the call waits. Return values, partial transfers and errno are those of the call, and ENOMEM where no buffer can be
 * had. Buffers that are private altogether, and calls while libdsm is not running, go straight to the system.
 *
 * Like loads and stores, and unlike the system calls, they make an ordinary crash of an address that is in no
 * allocation. Only data buffers may be shared: arrays of iovec, addresses of sockets and files' names are private.
 *
 * Any thread; each blocks where its call blocks, and for pages. A regular file is moved in pieces of up to 1 MiB, so
 * that two of these at the same place of a file may mix where the system calls would not.
 */
#ifndef DSM_IO_H
#define DSM_IO_H

#include <dsm/api.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** As read(2). */
DSM_API ssize_t dsm_read(int file, void *buffer, size_t bytes);
/** As write(2). */
DSM_API ssize_t dsm_write(int file, const void *buffer, size_t bytes);
/** As pread(2). */
DSM_API ssize_t dsm_pread(int file, void *buffer, size_t bytes, off_t offset);
/** As pwrite(2). */
DSM_API ssize_t dsm_pwrite(int file, const void *buffer, size_t bytes, off_t offset);
/** As readv(2). */
DSM_API ssize_t dsm_readv(int file, const struct iovec *parts, int count);
/** As writev(2). */
DSM_API ssize_t dsm_writev(int file, const struct iovec *parts, int count);
/** As fread(3). */
DSM_API size_t dsm_fread(void *buffer, size_t bytes, size_t count, FILE *stream);
/** As fwrite(3). */
DSM_API size_t dsm_fwrite(const void *buffer, size_t bytes, size_t count, FILE *stream);
/** As send(2). */
DSM_API ssize_t dsm_send(int socket, const void *buffer, size_t bytes, int flags);
/** As recv(2). */
DSM_API ssize_t dsm_recv(int socket, void *buffer, size_t bytes, int flags);
/** As sendto(2). */
DSM_API ssize_t dsm_sendto(int socket, const void *buffer, size_t bytes, int flags, const struct sockaddr *to,
                           socklen_t to_bytes);
/** As recvfrom(2). */
DSM_API ssize_t dsm_recvfrom(int socket, void *buffer, size_t bytes, int flags, struct sockaddr *from,
                             socklen_t *from_bytes);

#ifdef __cplusplus
}
#endif

#endif /* DSM_IO_H */
