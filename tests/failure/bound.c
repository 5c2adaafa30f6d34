/* Bound memory that is written though it is read-only, freed as if it were allocated, or whose file loses its end. Rank
 * 0 keeps the file; the last rank makes the mistake, which the argument names. */
#include "expect.h"

#include <fcntl.h>
#include <unistd.h>

enum { page = 4096, pages = 600 }; /* More than is read ahead of a first touch, and a second area of 2 MiB */

static int file_of(const char *path) {
    const int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    EXPECT(file >= 0 && ftruncate(file, (off_t)page * pages) == 0);
    EXPECT(unlink(path) == 0 || errno == ENOENT);
    return file;
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    EXPECT_CODE(dsm_init(), 0);
    char **board = dsm_alloc(sizeof *board, NULL);
    EXPECT(board != NULL);
    int file = -1;
    if (dsm_rank() == 0) {
        char path[64];
        const char *folder = getenv("TMPDIR");
        snprintf(path, sizeof path, "%.40s/dsm-bound-%d", folder == NULL ? "/tmp" : folder, (int)getpid());
        file = file_of(path);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file); /* the name is gone already */
        *board = dsm_bind(path, 0, 0, DSM_BIND_READ | DSM_BIND_SHARED);
        EXPECT(*board != NULL);
    }
    dsm_barrier_all();
    volatile char *memory = *board;
    EXPECT(memory[0] == 0);
    dsm_barrier_all();
    if (strcmp(argv[1], "shrunk") == 0 && dsm_rank() == 0) { EXPECT(ftruncate(file, page) == 0); }
    dsm_barrier_all();
    if (dsm_rank() == dsm_size() - 1) {
        if (strcmp(argv[1], "write_touched") == 0) { memory[0] = 1; }
        if (strcmp(argv[1], "write_untouched") == 0) { memory[page * 550] = 1; }
        if (strcmp(argv[1], "free") == 0) { dsm_free(*board); }
        if (strcmp(argv[1], "realloc") == 0) { EXPECT(dsm_realloc(*board, 1) == NULL); }
        if (strcmp(argv[1], "shrunk") == 0) { EXPECT(memory[page * 550] != 0); }
        say("still alive");
    }
    dsm_barrier_all();
    return dsm_finalize();
}
