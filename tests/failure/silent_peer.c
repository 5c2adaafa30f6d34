/*
 * Silence and patience, to be run with a DSM_TIMEOUT of a few seconds and two ranks or more. Arguments: what happens,
 * then for the silent cases what the others wait for (page, lock, barrier).
 *
 *   stopped SUBJECT   the last rank stops its own process as kill -STOP does; the job must end with a report
 *   held_long         a lock is held for longer than the time-out by a rank that waits for nothing
 *   computes_long     the last rank computes for longer than the time-out without any call of libdsm
 *   arrives_late      the last rank sleeps for longer than the time-out before the barrier
 */
#define _GNU_SOURCE
#include "expect.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

typedef struct shared {
    dsm_mutex_t mutex;
    char gap[2 * 4096]; /* the values stand in pages of their own */
    volatile long value;
    char gap_between[2 * 4096];
    volatile long process;
    char gap_behind[2 * 4096];
} shared_t;

static double timeout_s(void) {
    const char *text = getenv("DSM_TIMEOUT");
    EXPECT(text != NULL);
    return atof(text);
}

static void compute(double seconds) {
    const double end = now_s() + seconds;
    volatile double sum = 0;
    while (now_s() < end) {
        for (int i = 1; i < 100000; ++i) { sum = sum + 1.0 / i; }
    }
}

/* Until the kernel says that every thread of the process is stopped: then nobody serves anything there. */
static void await_stopped(long process) {
    for (int stopped = 0; !stopped;) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%ld/task", process);
        DIR *threads = opendir(path);
        EXPECT(threads != NULL);
        stopped = 1;
        for (struct dirent *thread = readdir(threads); thread != NULL; thread = readdir(threads)) {
            char state = 'T';
            char file[512];
            snprintf(file, sizeof file, "%s/%s/stat", path, thread->d_name);
            FILE *stat = thread->d_name[0] != '.' ? fopen(file, "re") : NULL;
            if (stat == NULL) { continue; }
            EXPECT(fscanf(stat, "%*d (%*[^)]) %c", &state) == 1);
            fclose(stat);
            stopped = stopped && state == 'T';
        }
        closedir(threads);
        usleep(1000);
    }
}

static void stop(shared_t *shared, const char *subject) {
    const int last = dsm_rank() == dsm_size() - 1;
    if (last) {
        EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0);
        shared->process = getpid();
        shared->value = 1; /* the page's owner, and the lock's holder, from now on */
    }
    dsm_barrier_all();
    const long process = shared->process;
    dsm_barrier_all();
    if (last) {
        say("stops now");
        raise(SIGSTOP);
        _exit(1); /* mpirun lets it go on for a moment when it ends the job */
    }
    await_stopped(process);
    if (strcmp(subject, "page") == 0) {
        shared->value = 2;
    } else if (strcmp(subject, "lock") == 0) {
        dsm_mutex_lock(&shared->mutex);
    }
    dsm_barrier_all();
    say("still alive");
}

int main(int argc, char **argv) {
    EXPECT(argc >= 2);
    EXPECT_CODE(dsm_init(), 0);
    EXPECT(dsm_size() >= 2);
    shared_t *shared = dsm_alloc(sizeof *shared, NULL);
    EXPECT(shared != NULL);
    const int last = dsm_rank() == dsm_size() - 1;
    if (strcmp(argv[1], "stopped") == 0) {
        EXPECT(argc == 3);
        stop(shared, argv[2]);
    } else if (strcmp(argv[1], "held_long") == 0) {
        if (last) { EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0); }
        dsm_barrier_all();
        if (last) {
            usleep((useconds_t)(2 * timeout_s() * 1e6));
        } else {
            EXPECT_CODE(dsm_mutex_lock(&shared->mutex), 0);
        }
        EXPECT_CODE(dsm_mutex_unlock(&shared->mutex), 0);
    } else if (strcmp(argv[1], "computes_long") == 0) {
        if (last) {
            shared->value = 41; /* the others need this page while its owner computes */
            dsm_barrier_all();
            compute(2 * timeout_s());
        } else {
            dsm_barrier_all();
            ++shared->value;
        }
    } else if (strcmp(argv[1], "arrives_late") == 0) {
        if (last) { usleep((useconds_t)(2 * timeout_s() * 1e6)); }
    } else {
        EXPECT(!"a known case");
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    say("finished");
    return 0;
}
