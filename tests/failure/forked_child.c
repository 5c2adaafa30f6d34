/* A forked child that touches shared memory dies by the ordinary signal; one that does not lives; the parent goes on.
 */
#include "expect.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(pid_t child) {
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    return status;
}

int main(void) {
    EXPECT_CODE(dsm_init(), 0);
    volatile long *block = dsm_alloc(2 * sizeof(long), NULL);
    EXPECT(block != NULL);
    block[dsm_rank()] = 7 + dsm_rank();
    dsm_barrier_all();
    const struct rlimit no_core = {0, 0};
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        block[0] = 99; /* dies here */
        _exit(0);
    }
    int status = status_of(child);
    EXPECT(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS));
    child = fork();
    if (child == 0) { _exit(5); }
    status = status_of(child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    EXPECT(block[0] == 7 && block[dsm_rank()] == 7 + dsm_rank());
    dsm_barrier_all();
    block[dsm_rank()] = 17;
    dsm_barrier_all();
    EXPECT(block[0] == 17);
    EXPECT_CODE(dsm_finalize(), 0);
    say("finished");
    return 0;
}
