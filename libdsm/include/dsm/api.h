/**
 * @file api.h
 * The version, and how the functions of the library are marked. Included by every header of libdsm.
 */
#ifndef DSM_API_H
#define DSM_API_H

#define DSM_VERSION_MAJOR 0
#define DSM_VERSION_MINOR 1
#define DSM_VERSION_PATCH 0

#if defined(__GNUC__)
#define DSM_API __attribute__((visibility("default")))
#else
#define DSM_API
#endif

/** The version of the headers as one number: major * 10000 + minor * 100 + patch. */
#define DSM_VERSION (DSM_VERSION_MAJOR * 10000 + DSM_VERSION_MINOR * 100 + DSM_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the library that runs, as DSM_VERSION is that of the headers. Callable at any time. Never blocks.
 */
DSM_API int dsm_version(void);

#ifdef __cplusplus
}
#endif

#endif /* DSM_API_H */
