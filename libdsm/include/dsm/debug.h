/**
 * @file debug.h
 * What a debugger holds on to: the commands of dsm.gdb use these names (docs/debugging.md). Programs need none of them.
 */
#ifndef DSM_DEBUG_H
#define DSM_DEBUG_H

#include <dsm/api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Called by libdsm in its signal handler when a SIGSEGV or SIGBUS is the program's own, before whatever handler stood
 * before gets it, the default included. Does nothing: put a breakpoint here, as one puts one on abort(). A program need
 * not call it.
 * @param address where the access went.
 */
DSM_API void dsm_real_fault(int signal, const void *address);

/**
 * Reads one byte as the program would, so that its page comes to this node: for calls from a debugger, which cannot
 * take page faults itself. Blocks until the page is here; the other ranks must run meanwhile.
 */
DSM_API int dsm_debug_read(const void *address);

/** Where shared memory lies in this process. The address A of the segment is at A - base + service_view as well. */
typedef struct {
    uint64_t base;         /**< of the segment; 0 when libdsm is not running */
    uint64_t bytes;        /**< of the segment */
    uint64_t service_view; /**< the second mapping of this node's frames, always readable */
} dsm_debug_segment_t;

/** Written by dsm_init() and dsm_finalize(), for debuggers; in core files too. */
extern DSM_API dsm_debug_segment_t dsm_debug_segment;

#ifdef __cplusplus
}
#endif

#endif /* DSM_DEBUG_H */
