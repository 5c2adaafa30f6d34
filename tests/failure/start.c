/*
 * Start-up against odds: runs the steps that its arguments name, in order. "R:STEP" is a step of rank R alone.
 *
 *   set=NAME=VALUE      an environment variable            occupy=ADDRESS   other memory is mapped there
 *   limit_v=BYTES       as ulimit -v                       limit_f=BYTES    as ulimit -f (hard and soft)
 *   limit_soft_f=BYTES  the soft limit alone               refuse=userfaultfd   the system call gives EPERM (seccomp)
 *   mpi=LEVEL           MPI_Init_thread at single, funneled, serialized or multiple
 *   headers=VERSION     the headers are of that version    (until then: of the library's)
 *   init=CODE           dsm_init() gives CODE              finalize=CODE    dsm_finalize() gives CODE
 *   use=BYTES           allocates, writes and reads shared memory with all ranks
 *   sleep=SECONDS       comes late
 */
#define _GNU_SOURCE
#include "expect.h"

#include <dsm/mpi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int header_version = DSM_VERSION;

static void set_variable(char *text) {
    char *value = strchr(text, '=');
    EXPECT(value != NULL);
    *value = '\0';
    EXPECT(setenv(text, value + 1, 1) == 0);
}

static void limit(int soft_only, __rlimit_resource_t what, const char *bytes) {
    struct rlimit limits;
    EXPECT(getrlimit(what, &limits) == 0);
    limits.rlim_cur = strtoull(bytes, NULL, 0);
    if (!soft_only) { limits.rlim_max = limits.rlim_cur; }
    EXPECT(setrlimit(what, &limits) == 0);
}

static void occupy(const char *address) {
    void *wanted = (void *)strtoull(address, NULL, 0); /* NOLINT */
    EXPECT(mmap(wanted, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted);
}

static void refuse_userfaultfd(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void start_mpi(const char *level) {
    const struct {
        const char *name;
        int level;
    } levels[] = {{"single", MPI_THREAD_SINGLE},
                  {"funneled", MPI_THREAD_FUNNELED},
                  {"serialized", MPI_THREAD_SERIALIZED},
                  {"multiple", MPI_THREAD_MULTIPLE}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; ++i) {
        if (strcmp(level, levels[i].name) != 0) { continue; }
        int provided = 0;
        MPI_Init_thread(NULL, NULL, levels[i].level, &provided);
        EXPECT(provided >= levels[i].level);
        return;
    }
    EXPECT(!"a known level");
}

static void use(size_t bytes) {
    volatile unsigned char *block = dsm_alloc(bytes, NULL);
    EXPECT(block != NULL);
    if (dsm_rank() == 0) {
        for (size_t i = 0; i < bytes; i += 1024) { block[i] = (unsigned char)(i / 1024 + 1); }
    }
    dsm_barrier_all();
    for (size_t i = 0; i < bytes; i += 1024) { EXPECT(block[i] == (unsigned char)(i / 1024 + 1)); }
    dsm_barrier_all();
}

static void expect_named(int code, const char *wanted, const char *call) {
    if (strcmp(code_name(code), wanted) == 0) { return; }
    fprintf(stderr, "%s gave %s, expected %s\n", call, code_name(code), wanted);
    _Exit(1);
}

static void run(const char *step, char *value) {
    if (strcmp(step, "set") == 0) {
        set_variable(value);
    } else if (strcmp(step, "occupy") == 0) {
        occupy(value);
    } else if (strcmp(step, "limit_v") == 0) {
        limit(0, RLIMIT_AS, value);
    } else if (strcmp(step, "limit_f") == 0) {
        limit(0, RLIMIT_FSIZE, value);
    } else if (strcmp(step, "limit_soft_f") == 0) {
        limit(1, RLIMIT_FSIZE, value);
    } else if (strcmp(step, "refuse") == 0) {
        refuse_userfaultfd();
    } else if (strcmp(step, "mpi") == 0) {
        start_mpi(value);
    } else if (strcmp(step, "init") == 0) {
        expect_named(dsm_init_version(header_version), value, "dsm_init");
    } else if (strcmp(step, "headers") == 0) {
        header_version = atoi(value);
    } else if (strcmp(step, "finalize") == 0) {
        expect_named(dsm_finalize(), value, "dsm_finalize");
    } else if (strcmp(step, "use") == 0) {
        use(strtoull(value, NULL, 0));
    } else if (strcmp(step, "sleep") == 0) {
        sleep((unsigned)atoi(value));
    } else {
        EXPECT(!"a known step");
    }
}

int main(int argc, char **argv) {
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    int program_starts_mpi = 0;
    for (int i = 1; i < argc; ++i) {
        char *step = argv[i];
        char *colon = strchr(step, ':');
        char *equals = strchr(step, '=');
        EXPECT(equals != NULL);
        if (colon != NULL && colon < equals) {
            *colon = '\0';
            if (strcmp(rank != NULL ? rank : "0", step) != 0) { continue; }
            step = colon + 1;
        }
        *equals = '\0';
        program_starts_mpi = program_starts_mpi || strcmp(step, "mpi") == 0;
        run(step, equals + 1);
    }
    if (program_starts_mpi) { MPI_Finalize(); }
    return 0;
}
