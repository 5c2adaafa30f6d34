/* Release memory and DSM_CHECK_RACES: one program with a race, and some without. In each page 0 belongs to rank 0. */
#define _GNU_SOURCE
#include "expect.h"

enum { rounds = 20, pages = 4, page_ints = 1024 };

typedef struct shared {
    int page[pages][page_ints];
    dsm_mutex_t mutex;
} shared_t;

/* Everybody has a copy, so that the home's writes are seen as well. */
static void look(const shared_t *shared) {
    volatile int sum = 0;
    for (int page = 0; page < pages; ++page) { sum += shared->page[page][0]; }
    dsm_barrier_all();
}

/* Two ranks write the same int with no lock between barriers. Again and again: where one node has heard of the other's
 * write before it makes its own, that is taken for order. */
static void race(shared_t *shared, int first, int second) {
    const int me = dsm_rank();
    for (int round = 0; round < rounds * 2; ++round) {
        look(shared);
        if (me == first || me == second) { shared->page[0][16] = 0x01010101 * (round * 2 + (me == first) + 1); }
        dsm_barrier_all();
    }
}

static void neighbours(shared_t *shared) {
    char *bytes = (char *)shared->page;
    for (int round = 1; round <= rounds; ++round) {
        look(shared);
        for (int at = dsm_rank(); at < pages * 4096; at += dsm_size()) { bytes[at] = (char)round; }
        dsm_barrier_all();
    }
}

static void locked(shared_t *shared) {
    for (int round = 0; round < rounds * 4; ++round) {
        EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0);
        shared->page[0][0] += 1;
        shared->page[1][5] += 0x01010101;
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), 0);
    }
    dsm_barrier_all();
    EXPECT(shared->page[0][0] == rounds * 4 * dsm_size());
}

/* All write all of it, one after the other. */
static void in_turn(shared_t *shared) {
    for (int round = 1; round <= rounds; ++round) {
        if (round % dsm_size() == dsm_rank()) {
            for (int page = 0; page < pages; ++page) { memset(shared->page[page], round, 4096); }
        }
        dsm_barrier_all();
        EXPECT(shared->page[1][7] == 0x01010101 * round);
        dsm_barrier_all();
    }
}

/* A lock orders some of the ranks, and their intervals end while others write beside. */
static void mixed(shared_t *shared) {
    char *bytes = (char *)shared->page;
    for (int round = 1; round <= rounds; ++round) {
        for (int at = 64 + dsm_rank(); at < 4096; at += dsm_size()) { bytes[at] = (char)round; }
        EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0);
        shared->page[0][3] += 0x00010001;
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), 0);
        for (int at = 64 + dsm_rank(); at < 4096; at += dsm_size()) { bytes[at] = (char)(round + 100); }
        if (round % 5 == 0) { dsm_barrier_all(); }
    }
}

int main(int count, char **words) {
    EXPECT(count == 2);
    EXPECT_CODE(dsm_init(), 0);
    shared_t *shared = dsm_alloc(sizeof *shared, NULL);
    EXPECT(shared != NULL);
    const int last = dsm_size() - 1;
    if (strcmp(words[1], "home") == 0) { race(shared, 0, last); }
    if (strcmp(words[1], "copies") == 0) { race(shared, last - 1, last); }
    if (strcmp(words[1], "none") == 0) {
        neighbours(shared);
        dsm_barrier_all();
        if (dsm_rank() == 0) { memset(shared->page, 0, sizeof shared->page); }
        dsm_barrier_all();
        locked(shared);
        dsm_barrier_all();
        in_turn(shared);
        mixed(shared);
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    say("finished");
    return 0;
}
