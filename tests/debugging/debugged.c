/*
 * A program to look at with tools. Its ranks write to shared memory in turn, so that every backend takes faults; rank 0
 * then does what the argument says, in a function of its own:
 *
 *   run      nothing, and the program ends as it should      null     writes to address 0
 *   wild     writes to shared memory that nobody allocated   abort    calls abort()
 */
#include <dsm/dsm.h>
#include <stdlib.h>
#include <string.h>

struct shared {
    long turns;
    char page_between[65536];
    long answer;
    char another_page_between[65536];
    long elsewhere; /* written by rank 1, read by nobody */
};

struct shared *shared;

__attribute__((noinline)) void stop_here(void) { __asm__ volatile("" ::: "memory"); }

__attribute__((noinline)) void crash_here(const char *how) {
    volatile char *target = NULL;
    if (strcmp(how, "abort") == 0) { abort(); }
    if (strcmp(how, "wild") == 0) { target = (volatile char *)shared + (1 << 25); }
    *target = 1;
}

int main(int argc, char **argv) {
    if (argc != 2 || dsm_init() != 0) { return 1; }
    shared = dsm_alloc(sizeof *shared, NULL);
    if (shared == NULL) { return 1; }
    for (int turn = 0; turn < 20; ++turn) {
        if (turn % dsm_size() == dsm_rank()) { ++shared->turns; }
        dsm_barrier_all();
    }
    if (dsm_rank() == 0) { shared->answer = 4711; }
    if (dsm_rank() == 1) { shared->elsewhere = 815; }
    dsm_barrier_all();
    const int wrong = shared->turns != 20 || shared->answer != 4711;
    stop_here();
    if (strcmp(argv[1], "run") != 0 && dsm_rank() == 0) { crash_here(argv[1]); }
    return dsm_finalize() != 0 || wrong;
}
