// What the test programs under mpirun share: start and end of the job, and checks that end it with rank, place and
// seed.
#pragma once

#include <dsm/dsm.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace dsm_test {

inline constexpr int exit_skipped = 77;

/// What a failure prints, so that the run can be repeated.
inline std::uint64_t the_seed = 1;

/// Ends this rank at once; mpirun then ends the others.
[[noreturn]] inline void fail(const char *file, int line, const char *what, long long left, long long right) {
    std::fprintf(stderr, "FAILED: rank %d, %s:%d: %s (%lld, %lld; hexadecimal %llx, %llx), seed %llu\n", dsm_rank(),
                 file, line, what, left, right, static_cast<unsigned long long>(left),
                 static_cast<unsigned long long>(right), static_cast<unsigned long long>(the_seed));
    std::fflush(stderr);
    ::_exit(1);
}

/// Starts libdsm. A way of copying that this MPI does not have skips the test.
inline void start(int code) {
    if (code == 0) { return; }
    const char *bulk = std::getenv("DSM_BULK");
    const bool rma = bulk != nullptr && std::string_view(bulk) == "rma";
    if (code == ENOTSUP && rma) { ::_exit(exit_skipped); }
    std::fprintf(stderr, "FAILED: start: %s\n", std::strerror(code));
    ::_exit(1);
}

/// Ends libdsm; rank 0 says that the program has passed. Returns the exit code for main.
inline int finish(const char *name) {
    const int rank = dsm_rank();
    const int code = dsm_finalize();
    if (code != 0) { fail(__FILE__, __LINE__, "dsm_finalize", code, 0); }
    if (rank == 0) { std::printf("%s: passed, seed %llu\n", name, static_cast<unsigned long long>(the_seed)); }
    return 0;
}

/// The value after --name on the command line, or the default.
inline std::uint64_t option(int argc, char **argv, std::string_view name, std::uint64_t otherwise) {
    for (int at = 1; at + 1 < argc; ++at) {
        if (name == argv[at]) { return std::strtoull(argv[at + 1], nullptr, 10); }
    }
    return otherwise;
}

/// Whether every allocation is of release memory, on which the processor's own atomics mean nothing between nodes.
inline bool all_is_release() {
    const char *memory = std::getenv("DSM_MEMORY");
    return memory != nullptr && std::string_view(memory) == "release";
}

/// Zeroed shared memory for `count` objects, each of which is valid when zero. Collective.
template <class T> T *shared(std::size_t count = 1, dsm_homes_t homes = DSM_HOMES_CYCLIC, std::size_t block_bytes = 0) {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = homes;
    attr.block_size = block_bytes;
    void *block = dsm_alloc(count * sizeof(T), &attr);
    if (block == nullptr) { fail(__FILE__, __LINE__, "dsm_alloc", errno, 0); }
    return static_cast<T *>(block);
}

} // namespace dsm_test

#define DSM_REQUIRE(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) { dsm_test::fail(__FILE__, __LINE__, #condition, 0, 0); }                                    \
    } while (false)

#define DSM_REQUIRE_EQUAL(left, right)                                                                                 \
    do {                                                                                                               \
        const auto left_value = static_cast<long long>(left);                                                          \
        const auto right_value = static_cast<long long>(right);                                                        \
        if (left_value != right_value) {                                                                               \
            dsm_test::fail(__FILE__, __LINE__, #left " == " #right, left_value, right_value);                          \
        }                                                                                                              \
    } while (false)
