/**
 * @file names.h
 * Names for shared memory, so that ranks find each other's data without a pointer that they share already.
 * After the tuple names of Linda (Gelernter 1985) and MPI_Publish_name.
 */
#ifndef DSM_NAMES_H
#define DSM_NAMES_H

#include <dsm/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most bytes that a name may have, its ending zero not counted. */
#define DSM_NAME_MAX 255

/**
 * Gives an address in shared memory a name. Any bytes but zero may stand in it, UTF-8 for instance; names are compared
 * byte by byte. Who waits for the name is told. What was written to the memory before is seen by who looks the name up.
 * One address may have many names. A name stays, also when the memory is freed, until it is unpublished or libdsm ends.
 * Blocks for a message to the rank that keeps the name and its answer.
 * @param name 1 to DSM_NAME_MAX bytes.
 * @return 0; EEXIST when the name is taken; EINVAL for a name that is empty or too long, or an address outside the
 *         segment; ENOMEM.
 */
DSM_API int dsm_publish(const char *name, void *address);
/**
 * Takes a name back, whoever has published it. Blocks as dsm_publish().
 * @return 0; ENOENT when there is none such; EINVAL.
 */
DSM_API int dsm_unpublish(const char *name);
/**
 * Finds what has a name now. Blocks as dsm_publish(), never for the name.
 * @param address filled on success only.
 * @return 0; ENOENT when nothing has the name; EINVAL.
 */
DSM_API int dsm_lookup(const char *name, void **address);
/**
 * Finds what has a name, waiting for somebody to publish it. A name that is published and taken back at once may be
 * missed by who comes later, never by who waits already.
 * @param seconds the longest time to wait; 0: not at all; negative: for ever.
 * @return 0; ETIMEDOUT; EINVAL, also for a time that is no number; ENOMEM.
 */
DSM_API int dsm_lookup_wait(const char *name, void **address, double seconds);

#ifdef __cplusplus
}
#endif

#endif /* DSM_NAMES_H */
