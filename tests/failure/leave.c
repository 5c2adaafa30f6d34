/*
 * Programs that end without dsm_finalize(). Arguments: how, and which rank (-1: all). The other ranks wait in a
 * barrier, or with a second word "compute" go on computing, until mpirun ends them.
 *
 *   return, exit, _exit   with code 0               exit_9   with exit code 9
 *   abort                 by SIGABRT                 crash    by a null pointer
 *   exit_in_thread        exit() in another thread while the main thread waits for a lock
 */
#define _GNU_SOURCE
#include "expect.h"

#include <pthread.h>
#include <unistd.h>

static void *leave_in_thread(void *unused) {
    (void)unused;
    exit(0);
}

static int leave(const char *how, dsm_mutex_t *mutex) {
    say("leaves");
    if (strcmp(how, "exit") == 0) { exit(0); }
    if (strcmp(how, "exit_9") == 0) { exit(9); }
    if (strcmp(how, "_exit") == 0) { _exit(0); }
    if (strcmp(how, "abort") == 0) { abort(); }
    if (strcmp(how, "crash") == 0) {
        char *volatile nowhere = NULL;
        *nowhere = 1;
    }
    if (strcmp(how, "exit_in_thread") == 0) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, leave_in_thread, NULL) == 0);
        dsm_barrier_t *never = (dsm_barrier_t *)(mutex + 1);
        dsm_barrier_wait(never); /* a barrier for two threads that one comes to */
    }
    EXPECT(strcmp(how, "return") == 0);
    return 0;
}

int main(int argc, char **argv) {
    EXPECT(argc >= 3);
    EXPECT_CODE(dsm_init(), 0);
    dsm_mutex_t *mutex = dsm_alloc(8192, NULL);
    EXPECT(mutex != NULL);
    if (dsm_rank() == 0) { EXPECT_CODE(dsm_barrier_init((dsm_barrier_t *)(mutex + 1), NULL, 1000), 0); }
    dsm_barrier_all();
    const int who = atoi(argv[2]);
    if (who < 0 || who == dsm_rank()) { return leave(argv[1], mutex); }
    while (argc > 3 && strcmp(argv[3], "compute") == 0) { usleep(1000); }
    dsm_barrier_all();
    say("still alive");
    return 1;
}
