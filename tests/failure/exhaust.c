/*
 * Exhausted memory: every allocation function gives ENOMEM, what was allocated stays right, and after the frees there
 * is room again. Run with a small DSM_SEGMENT_SIZE or DSM_CACHE. Argument: the function that exhausts it.
 */
#include "expect.h"

enum { blocks_max = 65536 };

typedef void *(*allocate_t)(size_t bytes);

static void *by_calloc(size_t bytes) { return dsm_calloc(bytes / 8, 8); }
static void *by_realloc(size_t bytes) { return dsm_realloc(NULL, bytes); }
static void *by_aligned_alloc(size_t bytes) { return dsm_aligned_alloc(8192, bytes); }
static void *by_alloc(size_t bytes) { return dsm_alloc(bytes, NULL); }

static const struct function {
    const char *name;
    allocate_t allocate;
    size_t bytes;
    int collective;
} functions[] = {{"malloc_small", dsm_malloc, 40000, 0},
                 {"malloc_big", dsm_malloc, (size_t)5 << 20, 0},
                 {"calloc", by_calloc, 100000, 0},
                 {"realloc", by_realloc, 30000, 0},
                 {"aligned_alloc", by_aligned_alloc, 20000, 0},
                 {"alloc", by_alloc, (size_t)3 << 20, 1}};

static long *blocks[blocks_max];

static const struct function *function_of(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
        if (strcmp(functions[i].name, name) == 0) { return &functions[i]; }
    }
    EXPECT(!"a known function");
    return NULL;
}

/* Allocates until there is nothing left; marks both ends of every block. Returns the number of blocks. */
static size_t exhaust(const struct function *function) {
    const size_t words = function->bytes / sizeof(long);
    size_t count = 0;
    for (; count < blocks_max; ++count) {
        errno = 0;
        long *block = function->allocate(function->bytes);
        if (block == NULL) { break; }
        blocks[count] = block;
        if (function->collective && dsm_rank() != 0) { continue; }
        block[0] = (long)count;
        block[words - 1] = -(long)count;
    }
    EXPECT_CODE(errno, ENOMEM);
    EXPECT(count > 0 && count < blocks_max);
    return count;
}

static void check(const struct function *function, size_t count) {
    const size_t words = function->bytes / sizeof(long);
    for (size_t i = 0; i < count; ++i) { EXPECT(blocks[i][0] == (long)i && blocks[i][words - 1] == -(long)i); }
}

/* What cannot be had at any fill: the product that overflows, more than the segment. */
static void ask_for_too_much(void) {
    errno = 0;
    EXPECT(dsm_calloc(SIZE_MAX / 4, 8) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_malloc(SIZE_MAX) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_malloc(SIZE_MAX / 2) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_aligned_alloc(4096, SIZE_MAX - 100) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_aligned_alloc((size_t)1 << 62, 100) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_aligned_alloc(48, 100) == NULL && errno == EINVAL);
    errno = 0;
    EXPECT(dsm_aligned_alloc(0, 100) == NULL && errno == EINVAL);
}

/* A block that cannot grow stays as it was. */
static void fail_to_grow(const struct function *function) {
    errno = 0;
    EXPECT(dsm_realloc(blocks[0], (size_t)1 << 40) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(dsm_realloc(blocks[0], SIZE_MAX) == NULL && errno == ENOMEM);
    EXPECT(blocks[0][0] == 0 && blocks[0][function->bytes / sizeof(long) - 1] == 0);
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    EXPECT_CODE(dsm_init(), 0);
    const struct function *function = function_of(argv[1]);
    ask_for_too_much();
    errno = 0;
    EXPECT(dsm_alloc(SIZE_MAX - 5000, NULL) == NULL && errno == ENOMEM);
    size_t first = 0;
    for (int round = 0; round < 3; ++round) {
        if (function->collective || dsm_rank() == dsm_size() - 1) {
            const size_t count = exhaust(function);
            if (function->collective) { dsm_barrier_all(); }
            ask_for_too_much();
            if (!function->collective || dsm_rank() == 0) { fail_to_grow(function); }
            check(function, count);
            if (round == 0) { first = count; }
            EXPECT(count >= first / 2); /* nothing leaks away from round to round */
            if (function->collective) { dsm_barrier_all(); }
            for (size_t i = 0; i < count && (!function->collective || dsm_rank() == 0); ++i) { dsm_free(blocks[i]); }
        }
        dsm_barrier_all();
    }
    EXPECT_CODE(dsm_finalize(), 0);
    say("finished");
    return 0;
}
