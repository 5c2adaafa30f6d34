/**
 * @file mpi.h
 * Starting libdsm on a communicator of the program's. The one public header that needs <mpi.h>.
 */
#ifndef DSM_MPI_H
#define DSM_MPI_H

#include <dsm/dsm.h>
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * As dsm_init(), on the ranks of a communicator; dsm_rank() is the rank there. Collective over comm, blocking, once per
 * process, after the program's MPI_Init_thread(..., MPI_THREAD_MULTIPLE, ...). Ranks outside comm take no part. libdsm
 * works on duplicates of comm, which the program may go on using, and may free once this has returned. The program ends
 * MPI itself, after dsm_finalize().
 *
 * @param comm an intracommunicator.
 * @return as dsm_init(); EINVAL for MPI_COMM_NULL or an intercommunicator; EPERM when MPI is not running.
 */
DSM_API int dsm_init_on_communicator(MPI_Comm comm);

/** As dsm_init_on_communicator(), with the version of the program's headers as in dsm_init_version(). */
DSM_API int dsm_init_on_communicator_version(MPI_Comm comm, int header_version);
#define dsm_init_on_communicator(comm) dsm_init_on_communicator_version(comm, DSM_VERSION)

#ifdef __cplusplus
}
#endif

#endif /* DSM_MPI_H */
