/**
 * @file memory.h
 * Shared memory: allocated by one rank or by all together, used and freed by any.
 */
#ifndef DSM_MEMORY_H
#define DSM_MEMORY_H

#include <dsm/api.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif /* DSM_MEMORY_H */
