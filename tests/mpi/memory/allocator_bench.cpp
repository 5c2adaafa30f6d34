// Nanoseconds per allocation and free, dsm_malloc beside glibc's malloc in the same run: medians over runs that take
// turns, of the processor time of the threads that allocate and free. Rank 0 measures alone; with several nodes
// the last rows are blocks that rank 0 allocates and the last rank frees.
//
//   mpirun -n 2 allocator_bench [--runs N] [--operations N]
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <thread>
#include <vector>

namespace {

using dsm_test::Random;

struct Allocator {
    void *(*allocate)(std::size_t);
    void (*release)(void *);
};
/// Through pointers, so that no compiler takes a pair out.
constexpr std::array<Allocator, 2> allocators{{{dsm_malloc, dsm_free}, {std::malloc, std::free}}};

/// Time that this thread had the processor: what other programs take away does not count.
double processor_seconds_of(auto work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    };
    const double began = now();
    work();
    return now() - began;
}

/// One block taken and given back at once.
double pairs(const Allocator &with, std::size_t bytes, std::size_t operations) {
    return processor_seconds_of([&] {
        for (std::size_t at = 0; at < operations; ++at) { with.release(with.allocate(bytes)); }
    });
}

/// A working set of sizes up to `bytes`; each operation replaces a random member.
double churn(const Allocator &with, std::size_t bytes, std::size_t operations) {
    Random random(7);
    std::vector<void *> set(std::min<std::size_t>(20'000, (std::size_t{32} << 20U) / bytes), nullptr);
    return processor_seconds_of([&] {
        for (std::size_t at = 0; at < operations; ++at) {
            void *&place = set[random.below(set.size())];
            with.release(place);
            place = with.allocate(1 + random.below(bytes));
        }
        for (void *block : set) { with.release(block); }
    });
}

/// A thread allocates 10,000 blocks, another one frees them; in turns, so that what they cost each other is left out.
double between_threads(const Allocator &with, std::size_t bytes, std::size_t operations) {
    std::vector<void *> blocks(10'000);
    double seconds = 0;
    for (std::size_t done = 0; done < operations; done += blocks.size()) {
        seconds += processor_seconds_of([&] {
            for (void *&block : blocks) { block = with.allocate(bytes); }
        });
        std::thread other([&] {
            seconds += processor_seconds_of([&] {
                for (void *block : blocks) { with.release(block); }
            });
        });
        other.join();
    }
    return seconds;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

using Pattern = double (*)(const Allocator &, std::size_t, std::size_t);

void measure(const char *name, Pattern pattern, std::size_t bytes, std::size_t operations, std::uint64_t runs) {
    std::array<std::vector<double>, 2> ns;
    for (std::uint64_t run = 0; run <= runs; ++run) {
        for (std::size_t which = 0; which < allocators.size(); ++which) {
            const double seconds = pattern(allocators[which], bytes, operations);
            if (run > 0) { ns[which].push_back(seconds * 1e9 / static_cast<double>(operations)); } // The first warms.
        }
    }
    const double ours = median(ns[0]);
    const double theirs = median(ns[1]);
    std::printf("| %s | %zu | %.0f | %.0f | %.1f |\n", name, bytes, ours, theirs, ours / theirs);
    std::fflush(stdout);
}

/// Rank 0 allocates a batch, the last rank frees it: by message when that is another node.
void measure_between_ranks(std::size_t bytes, std::uint64_t runs) {
    constexpr std::size_t blocks_max = 4096;
    auto **blocks = dsm_test::shared<void *>(blocks_max);
    std::vector<double> ns;
    for (std::uint64_t run = 0; run < 4 * runs; ++run) {
        if (dsm_rank() == 0) {
            for (std::size_t at = 0; at < blocks_max; ++at) { blocks[at] = dsm_malloc(bytes); }
        }
        dsm_barrier_all();
        if (dsm_rank() == dsm_size() - 1) {
            const std::vector<void *> here(blocks, blocks + blocks_max); // The page comes before the clock starts.
            const double seconds = processor_seconds_of([&] {
                for (void *block : here) { dsm_free(block); }
            });
            ns.push_back(seconds * 1e9 / static_cast<double>(blocks_max));
        }
        dsm_barrier_all();
    }
    if (dsm_rank() == dsm_size() - 1) {
        std::printf("| freed by %s | %zu | %.0f | | |\n", dsm_node_count() > 1 ? "another node" : "another rank", bytes,
                    median(ns));
        std::fflush(stdout);
    }
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    const std::uint64_t runs = dsm_test::option(argc, argv, "--runs", 9);
    const std::size_t operations = dsm_test::option(argc, argv, "--operations", 300'000);
    dsm_test::start(dsm_init());
    if (dsm_rank() == 0) {
        std::printf("| ns for one allocation and one free | bytes | dsm_malloc | glibc malloc | ratio |\n"
                    "|---|---|---|---|---|\n");
        for (const std::size_t bytes : {16, 64, 512, 4096, 32768}) {
            measure("own, at once", pairs, bytes, operations, runs);
        }
        for (const std::size_t bytes : {64, 512, 4096, 32768, 500'000}) {
            measure("own, working set of sizes up to", churn, bytes, bytes > 100'000 ? operations / 10 : operations,
                    runs);
        }
        for (const std::size_t bytes : {64, 512, 4096}) {
            measure("freed by another thread", between_threads, bytes, operations, runs);
        }
    }
    dsm_barrier_all();
    for (const std::size_t bytes : {64, 512, 4096}) { measure_between_ranks(bytes, runs); }
    return dsm_test::finish("allocator_bench");
}
