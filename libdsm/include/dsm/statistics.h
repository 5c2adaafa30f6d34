/**
 * @file statistics.h
 * Looking inside: counters, and what was chosen at start.
 */
#ifndef DSM_STATISTICS_H
#define DSM_STATISTICS_H

#include <dsm/api.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Counts of this rank since dsm_init(). */
typedef struct dsm_statistics {
    uint64_t read_faults;        /**< faults of a load taken by threads of this rank */
    uint64_t write_faults;       /**< faults of a store taken by threads of this rank */
    uint64_t faults_served_here; /**< of both: served without a message, the page being at the node */
    uint64_t messages_sent;      /**< active messages to other ranks, before they are put together */
    uint64_t messages_received;
    uint64_t packets_sent;    /**< MPI messages that carried them */
    uint64_t bytes_sent;      /**< bytes of those, page contents included */
    uint64_t pages_sent;      /**< pages (blocks) whose contents this rank sent to another node */
    uint64_t page_copies;     /**< copies of page contents made by this rank, in memory or by MPI */
    uint64_t invalidations;   /**< copies given up on request */
    uint64_t evictions;       /**< frames given up to stay within DSM_CACHE */
    uint64_t lock_hand_overs; /**< lock tokens this rank sent to another node */
    uint64_t wake_ups;        /**< times a sleeping thread of this rank was woken */
    uint64_t sync_objects;    /**< of this node, now: synchronisation objects of which it keeps state */
    uint64_t fetches;         /**< release memory: pages asked for at their homes */
    uint64_t twins;           /**< release memory: copies taken before a first write */
    uint64_t diffs_sent;      /**< release memory: messages with the bytes that were written, sent to a home */
    uint64_t diff_bytes;      /**< release memory: bytes of those */
    uint64_t lines_sent;      /**< release memory: lines of 64 bytes sent to copies that lacked no more of their page */
    uint64_t notices;         /**< release memory: pages that this rank published as written */
    uint64_t homes_moved;     /**< release memory: homes that came to this rank's node, or left it with a lock */
} dsm_statistics_t;

/** Fills *statistics. Never blocks; the counts of running operations may be missing. @return 0; EPERM; EINVAL. */
DSM_API int dsm_get_statistics(dsm_statistics_t *statistics);

/** Names of what was chosen at start, for logs: "userfaultfd", "mprotect", "none" (a single node needs no faults). */
DSM_API const char *dsm_fault_backend(void);

#ifdef __cplusplus
}
#endif

#endif /* DSM_STATISTICS_H */
