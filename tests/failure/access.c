/*
 * Accesses that must stay crashes. Arguments: the access, then the rank that makes it.
 *
 *   read_far, write_far     in the segment, far from every allocation
 *   read_near, write_near   in the segment, in the page behind the end of an allocation
 *   read_freed              in a block that has been freed
 *   null, own_handler       at a null pointer; own_handler has a SIGSEGV handler installed before dsm_init()
 *   own_handler_far         as read_far with that handler
 *   sent                    SIGSEGV sent by raise()
 *   jump                    into an allocation, which holds no code
 *   blocked                 in an allocation, by a thread that blocks SIGSEGV and SIGBUS
 */
#define _GNU_SOURCE
#include "expect.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { exit_of_own_handler = 42 };

static void own_handler(int signal, siginfo_t *info, void *context) {
    (void)context;
    static const char text[] = "own handler: called\n";
    const ssize_t written = write(STDOUT_FILENO, text, sizeof text - 1);
    _exit(written > 0 && (signal == SIGSEGV || signal == SIGBUS) && info != NULL ? exit_of_own_handler : 1);
}

static void install_own_handler(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = own_handler;
    action.sa_flags = SA_SIGINFO;
    EXPECT(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
}

static void block_signals(void) {
    sigset_t faults;
    sigemptyset(&faults);
    sigaddset(&faults, SIGSEGV);
    sigaddset(&faults, SIGBUS);
    EXPECT(pthread_sigmask(SIG_BLOCK, &faults, NULL) == 0);
}

static char touch(volatile char *at, int write) {
    if (write) { *at = 1; }
    return *at;
}

static void make(const char *access, char *block, size_t bytes) {
    const int write = strncmp(access, "write", 5) == 0;
    if (strstr(access, "far") != NULL) {
        touch(block + ((size_t)1 << 30), write);
    } else if (strstr(access, "near") != NULL) {
        touch(block + bytes, write);
    } else if (strcmp(access, "read_freed") == 0) {
        dsm_free(block);
        touch(block, 0);
    } else if (strcmp(access, "null") == 0 || strcmp(access, "own_handler") == 0) {
        char *volatile nowhere = NULL;
        touch(nowhere, 1);
    } else if (strcmp(access, "sent") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(access, "jump") == 0) {
        void (*nowhere)(void) = NULL;
        memcpy(&nowhere, &block, sizeof nowhere);
        nowhere();
    } else if (strcmp(access, "blocked") == 0) {
        block_signals();
        touch(block + 4096, 1);
    } else {
        EXPECT(!"a known access");
    }
}

int main(int argc, char **argv) {
    EXPECT(argc == 3);
    if (strncmp(argv[1], "own_handler", 11) == 0) { install_own_handler(); }
    EXPECT_CODE(dsm_init(), 0);
    const size_t bytes = 3 * 4096;
    char *block = dsm_alloc(bytes, NULL);
    EXPECT(block != NULL);
    if (dsm_rank() == 0) { memset(block, 5, bytes); }
    dsm_barrier_all();
    EXPECT(block[0] == 5 && block[bytes - 1] == 5);
    dsm_barrier_all();
    if (dsm_rank() == atoi(argv[2])) {
        make(argv[1], block, bytes);
        say("still alive");
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    return 0;
}
