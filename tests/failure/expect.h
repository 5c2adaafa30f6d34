/* What the programs of this folder share: a check that ends the program with exit code 1, and names of errno codes. */
#ifndef DSM_TESTS_FAILURE_EXPECT_H
#define DSM_TESTS_FAILURE_EXPECT_H

#include <dsm/dsm.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Prints where it failed and ends the program at once, so that no other rank waits for it. */
#define EXPECT(condition)                                                                                              \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition), _Exit(1)))

/* As EXPECT(code == wanted) for codes of errno, which are printed by name. */
#define EXPECT_CODE(code, wanted) expect_code(code, wanted, #code, __FILE__, __LINE__)

static inline const char *code_name(int code) {
    static const struct {
        int code;
        const char *name;
    } names[] = {{0, "0"},         {EINVAL, "EINVAL"},     {ENOMEM, "ENOMEM"},   {ENOTSUP, "ENOTSUP"},
                 {EPERM, "EPERM"}, {EALREADY, "EALREADY"}, {EDEADLK, "EDEADLK"}, {EBUSY, "EBUSY"},
                 {EFBIG, "EFBIG"}, {EEXIST, "EEXIST"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        if (names[i].code == code) { return names[i].name; }
    }
    return strerror(code);
}

static inline void expect_code(int code, int wanted, const char *call, const char *file, int line) {
    if (code == wanted) { return; }
    fprintf(stderr, "%s:%d: %s gave %s, expected %s\n", file, line, call, code_name(code), code_name(wanted));
    _Exit(1);
}

static inline double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One line on standard output, whole, so that lines of ranks do not mix. */
static inline void say(const char *text) {
    printf("rank %d: %s\n", dsm_rank(), text);
    fflush(stdout);
}

#endif /* DSM_TESTS_FAILURE_EXPECT_H */
