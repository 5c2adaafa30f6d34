/**
 * @file atomic.h
 * Atomic values between all threads of all ranks, as those of C11's stdatomic.h, in both kinds of shared memory.
 */
#ifndef DSM_ATOMIC_H
#define DSM_ATOMIC_H

#include <dsm/api.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An atomic integer of 64 bits. It is its address: it must stand in an allocation of shared memory, a zeroed one is
 * valid and has the value 0. The value is kept at its home node, the home of the page that the object stands in (see
 * dsm_home(); with DSM_HOMES_FIRST_TOUCH the node that deals the page out), never in the page: plain reads and writes
 * of the object mean nothing, and no operation moves a page. dsm_free() ends it with its memory.
 *
 * Any thread of any rank may call; no signal handler may. At the home an operation is one of the processor's, elsewhere
 * it blocks for a request and its answer, whatever other threads do. Every operation, a store too, is done when the
 * function returns.
 *
 * Orders are the enumerators of memory_order (or __ATOMIC_RELAXED to __ATOMIC_SEQ_CST). In sequentially consistent
 * memory each of them is as strong as memory_order_seq_cst.
 *
 * Where the object stands in no allocation or an order is none, the functions change nothing, set errno to EINVAL
 * (EPERM when libdsm is not running) and return 0; otherwise they leave errno alone.
 *
 * After C11 and C++20; that the home carries operations out is as in the active messages of von Eicken et al. (1992).
 */
typedef struct dsm_atomic {
    uint64_t dsm_opaque[1];
} dsm_atomic_t;
/** For static data that is copied into shared memory; the value is 0 whatever stands here. */
#define DSM_ATOMIC_INITIALIZER                                                                                         \
    {                                                                                                                  \
        { 0 }                                                                                                          \
    }

DSM_API uint64_t dsm_atomic_load(const dsm_atomic_t *object, int order);
DSM_API void dsm_atomic_store(dsm_atomic_t *object, uint64_t value, int order);
/** @return the value before. */
DSM_API uint64_t dsm_atomic_exchange(dsm_atomic_t *object, uint64_t value, int order);
/**
 * If the value is *expected, it becomes `desired`; else *expected becomes the value. Never fails for nothing.
 * @return 1 when exchanged, else 0.
 */
DSM_API int dsm_atomic_compare_exchange(dsm_atomic_t *object, uint64_t *expected, uint64_t desired, int success_order,
                                        int failure_order);
/** All return the value before; sums wrap. */
DSM_API uint64_t dsm_atomic_fetch_add(dsm_atomic_t *object, uint64_t operand, int order);
DSM_API uint64_t dsm_atomic_fetch_sub(dsm_atomic_t *object, uint64_t operand, int order);
DSM_API uint64_t dsm_atomic_fetch_and(dsm_atomic_t *object, uint64_t operand, int order);
DSM_API uint64_t dsm_atomic_fetch_or(dsm_atomic_t *object, uint64_t operand, int order);
DSM_API uint64_t dsm_atomic_fetch_xor(dsm_atomic_t *object, uint64_t operand, int order);

/**
 * Blocks until the value is another than `old`: looks at once, and then after every notification. A value that changes
 * and changes back in between may be missed. An object of dsm_atomic_apply() may be waited for as well.
 * @return 0; EINVAL; EPERM.
 */
DSM_API int dsm_atomic_wait(const void *object, uint64_t old, int order);
/** Lets the longest waiting thread, or all, look again. Never blocks. @return 0; EINVAL; EPERM. */
DSM_API int dsm_atomic_notify_one(const void *object);
DSM_API int dsm_atomic_notify_all(const void *object);

/** What dsm_atomic_apply() does. */
typedef enum dsm_atomic_operation {
    DSM_ATOMIC_LOAD = 0,
    DSM_ATOMIC_STORE = 1,
    DSM_ATOMIC_EXCHANGE = 2,
    DSM_ATOMIC_COMPARE_EXCHANGE = 3,
    DSM_ATOMIC_FETCH_ADD = 4,
    DSM_ATOMIC_FETCH_SUB = 5,
    DSM_ATOMIC_FETCH_AND = 6,
    DSM_ATOMIC_FETCH_OR = 7,
    DSM_ATOMIC_FETCH_XOR = 8
} dsm_atomic_operation_t;

/**
 * Any of the above on an object of 1, 2, 4 or 8 bytes, for other languages and sizes (dsm::atomic<T> is made of it).
 * All operations on an object must name the same size. Arithmetic wraps in that size. *value is what is expected
 * (DSM_ATOMIC_COMPARE_EXCHANGE; else ignored) and becomes the value before: a comparison has succeeded if the two are
 * equal.
 * @return 0; EINVAL for a size, operation or order that is none, and outside every allocation; EPERM.
 */
DSM_API int dsm_atomic_apply(void *object, size_t bytes, dsm_atomic_operation_t operation, uint64_t operand,
                             uint64_t *value, int order);

#ifdef __cplusplus
}
#endif

#endif /* DSM_ATOMIC_H */
