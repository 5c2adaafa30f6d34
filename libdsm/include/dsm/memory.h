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
/**
 * Resizes a block, moving it where needed; as realloc(). On failure the old block stays as it was. It stays where it is
 * while it fits its size class and is at least half used; from 32 KiB on also when its neighbours are free.
 */
DSM_API void *dsm_realloc(void *block, size_t bytes);
/**
 * As dsm_malloc() with an address that is a multiple of alignment.
 * @param alignment a power of two; NULL with errno EINVAL when it is not.
 */
DSM_API void *dsm_aligned_alloc(size_t alignment, size_t bytes);
/**
 * Frees a block of dsm_malloc() and its kin (any rank) or of dsm_alloc() (once, by one rank). NULL is ignored.
 * A pointer that no allocation returned, or one that was freed already, ends the job with a report, as glibc does: at
 * once, but for small blocks of another node, whose owner reports them, with this rank named, within a millisecond or
 * so and in any case before dsm_finalize() returns.
 */
DSM_API void dsm_free(void *block);
/**
 * Bytes that a block of dsm_malloc() and its kin or of dsm_alloc() has room for, at least what was asked for; as
 * glibc's malloc_usable_size(). May block for a message when the block is another node's.
 * @return 0 for NULL and for what is no live block.
 */
DSM_API size_t dsm_malloc_usable_size(void *block);

/**
 * What the allocator holds and has done. "Node": of the heap that the ranks of this node share; "rank": done by this
 * rank since dsm_init(). Blocks of 1 MiB and more belong to no heap.
 */
typedef struct dsm_malloc_statistics {
    uint64_t heap_bytes;  /**< node: shared memory that the heap has got for blocks below 1 MiB */
    uint64_t live_bytes;  /**< node: of these, room in blocks that the program has (frees by other nodes may be late) */
    uint64_t live_blocks; /**< node */
    uint64_t cached_bytes;    /**< node: blocks that threads keep for their next allocations */
    uint64_t chunks_fetched;  /**< node: chunks of 2 MiB that the heap has got since dsm_init() */
    uint64_t chunks_returned; /**< node: and given back, for all nodes to use */
    uint64_t allocations;     /**< rank: blocks allocated; a block that dsm_realloc() moves counts as one more */
    uint64_t frees;           /**< rank */
    uint64_t remote_frees;    /**< rank: of these, blocks of another node's heap */
    uint64_t spans_allocated; /**< rank: of the allocations, those of 1 MiB and more */
    uint64_t spans_freed;     /**< rank: of the frees, those of 1 MiB and more and of dsm_alloc() */
} dsm_malloc_statistics_t;

/**
 * Fills *statistics, looking at every chunk of the node's heap (about 2 us each). Counts of running operations may be
 * missing.
 * @return 0; EPERM; EINVAL for NULL.
 */
DSM_API int dsm_get_malloc_statistics(dsm_malloc_statistics_t *statistics);

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
    /**
     * Release consistent: a program without data races sees what it would see on one machine; libdsm's own
     * synchronisation and the fences of <dsm/fence.h> order it, std::atomic does not. Many nodes may write one page at
     * the same time. After Zhou, Iftode and Li (1996).
     */
    DSM_RELEASE
} dsm_memory_t;

/** Attributes of dsm_alloc(). Start from DSM_ALLOC_ATTR_INITIALIZER. */
typedef struct dsm_alloc_attr {
    dsm_homes_t homes;
    int home_rank; /**< for DSM_HOMES_ONE: 0 <= home_rank < dsm_size() */
    /** Unit of coherence in bytes: a power of two from 4096 to 2 MiB; 0 stands for 4096. Release memory: unit of homes,
        while coherence is by 4096 bytes. */
    size_t block_size;
    dsm_memory_t memory; /**< DSM_MEMORY=release makes all of it DSM_RELEASE */
} dsm_alloc_attr_t;

#define DSM_ALLOC_ATTR_INITIALIZER                                                                                     \
    { DSM_HOMES_CYCLIC, 0, 0, DSM_SEQUENTIAL }

/**
 * Allocates zeroed shared memory with attributes. Collective, blocking; every rank gets the same address, a multiple
 * of the block size (and of 4096). Freed with one dsm_free() by one rank.
 * @param attr NULL for the defaults.
 * @return NULL with errno ENOMEM or EINVAL (attributes out of range or different between ranks), on all ranks.
 */
DSM_API void *dsm_alloc(size_t bytes, const dsm_alloc_attr_t *attr);

/**
 * The home of the page at an address: the rank of the home node that receives the messages about the page. With
 * DSM_HOMES_FIRST_TOUCH and a page that nobody has touched, the rank that would hand it out. Of release memory, whose
 * homes move, where the home was at first. May block for a message.
 * @return a rank; -1 when the address is in no allocation.
 */
DSM_API int dsm_home(const void *address);

#ifdef __cplusplus
}
#endif

#endif /* DSM_MEMORY_H */
