/**
 * @file life.h
 * Start and end of libdsm, and who we are.
 */
#ifndef DSM_LIFE_H
#define DSM_LIFE_H

#include <dsm/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Starts libdsm on all ranks of MPI_COMM_WORLD. Collective, blocking, once per process.
 *
 * When MPI is not initialised yet, libdsm initialises it with MPI_THREAD_MULTIPLE and ends it in dsm_finalize(). When
 * the program has called MPI_Init_thread itself, it must have obtained MPI_THREAD_MULTIPLE. A program started without
 * mpirun runs as a single rank. To start on another communicator include <dsm/mpi.h> (dsm_init_on_communicator).
 *
 * A macro of the same name passes on the version of the headers: dsm_init_version(DSM_VERSION).
 *
 * @return 0; EALREADY when started before; EINVAL for a DSM_* environment variable with a bad value, and when a rank's
 *         headers and library, or the libraries of two ranks, differ in their major or minor version; ENOMEM when the
 *         segment cannot be reserved; ENOTSUP when MPI's thread level is too low or a forced way (DSM_FAULT, DSM_BULK)
 *         is not to be had. The reason is printed on standard error by the first rank that sees it, and all ranks
 *         return the same code.
 */
DSM_API int dsm_init(void);

/**
 * As dsm_init(), for a program that was compiled with headers of the version `header_version` (DSM_VERSION there); 0
 * checks nothing.
 */
DSM_API int dsm_init_version(int header_version);
#define dsm_init() dsm_init_version(DSM_VERSION)

/**
 * Ends libdsm. Collective, blocking: returns after every rank has called it. Shared memory is gone afterwards; an
 * access to it is an ordinary segmentation fault. libdsm cannot be started again in the same process.
 * What ranks have bound shared with dsm_bind() is written back before.
 * @return 0; EPERM when libdsm is not running; what a bound file refused with, as dsm_sync(): then all has ended even
 *         so.
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

#ifdef __cplusplus
}
#endif

#endif /* DSM_LIFE_H */
