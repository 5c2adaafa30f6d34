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

#endif /* DSM_API_H */
