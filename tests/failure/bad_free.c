/* dsm_free() and dsm_realloc() of what is not allocated: the job ends with a report. The argument names the mistake. */
#include "expect.h"

static long ordinary[4];

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    EXPECT_CODE(dsm_init(), 0);
    const char *mistake = argv[1];
    char *whole = dsm_alloc(3 * 4096, NULL);
    EXPECT(whole != NULL);
    char **shared = (char **)whole;
    if (dsm_rank() == 0) {
        shared[0] = dsm_malloc(100);
        shared[1] = dsm_malloc((size_t)8 << 20);
        EXPECT(shared[0] != NULL && shared[1] != NULL);
    }
    dsm_barrier_all();
    char *small = shared[0];
    char *big = shared[1];
    dsm_barrier_all();
    if (dsm_rank() == dsm_size() - 1) { /* the last rank: not the owner of the blocks, when there are several */
        if (strcmp(mistake, "small_twice") == 0) {
            dsm_free(small);
            dsm_free(small);
        } else if (strcmp(mistake, "big_twice") == 0) {
            dsm_free(big);
            dsm_free(big);
        } else if (strcmp(mistake, "collective_twice") == 0) {
            dsm_free(whole);
            dsm_free(whole);
        } else if (strcmp(mistake, "inside_small") == 0) {
            dsm_free(small + 16);
        } else if (strcmp(mistake, "inside_big") == 0) {
            dsm_free(big + 4096);
        } else if (strcmp(mistake, "inside_collective") == 0) {
            dsm_free(whole + 4096);
        } else if (strcmp(mistake, "never_allocated") == 0) {
            dsm_free(whole + ((size_t)16 << 20));
        } else if (strcmp(mistake, "ordinary_memory") == 0) {
            dsm_free(ordinary);
        } else if (strcmp(mistake, "realloc_freed") == 0) {
            dsm_free(small);
            small = dsm_realloc(small, 200);
        } else if (strcmp(mistake, "realloc_ordinary_memory") == 0) {
            small = dsm_realloc(ordinary, 200);
        }
        /* A small block of another node is judged by its owner, latest in dsm_finalize(). */
        int judged_later = dsm_node_count() > 1 && strstr(mistake, "small") != NULL;
        if (!judged_later) { say("still alive"); }
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    say("still alive");
    return 0;
}
