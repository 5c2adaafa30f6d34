// What release memory costs beside sequential memory, both in one run, in turn: medians over rounds, printed by rank 0.
// Not a test.
//
//   DSM_RANKS_PER_NODE=1 mpirun -n 2 build/tests/mpi_release_bench [--rounds N]
#include "tests/mpi/support/job.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <vector>

namespace {

using namespace dsm_test;

constexpr std::size_t page_ints = 4096 / sizeof(int);
constexpr std::size_t shared_pages = 16;
constexpr std::size_t turn_pages = 1000;

struct Counter {
    dsm_mutex_t mutex;
    long value;
};

/// One kind of memory, and what is done in it.
struct Arena {
    explicit Arena(dsm_memory_t memory) {
        dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
        attr.memory = memory;
        integers = static_cast<int *>(dsm_alloc(shared_pages * 4096, &attr));
        counter = static_cast<Counter *>(dsm_alloc(sizeof(Counter), &attr));
        attr.homes = DSM_HOMES_ONE;
        attr.home_rank = dsm_size() - 1;
        pages = static_cast<unsigned char *>(dsm_alloc(turn_pages * 4096, &attr));
        DSM_REQUIRE(integers != nullptr && counter != nullptr && pages != nullptr);
    }

    /// Every rank writes its integers of all pages so many times, page after page for each place, as threads would that
    /// take turns.
    void alternate(int times) const {
        const auto ranks = static_cast<std::size_t>(dsm_size());
        for (int time = 0; time < times; ++time) {
            for (auto at = static_cast<std::size_t>(dsm_rank()); at < page_ints; at += ranks) {
                for (std::size_t page = 0; page < shared_pages; ++page) {
                    volatile int &integer = integers[page * page_ints + at];
                    integer = integer + 1;
                }
            }
        }
        dsm_barrier_all();
    }
    void check(int sum) const {
        for (std::size_t i = 0; i < shared_pages * page_ints; ++i) { DSM_REQUIRE_EQUAL(integers[i], sum); }
        dsm_barrier_all();
    }
    /// The ranks add to the counter in turn.
    void count(long times) const {
        const long end = ++counted * times * dsm_size();
        for (long seen = 0; seen < end;) {
            dsm_mutex_lock(&counter->mutex);
            seen = counter->value;
            if (seen < end && seen % dsm_size() == dsm_rank()) { counter->value = ++seen; }
            dsm_mutex_unlock(&counter->mutex);
        }
        dsm_barrier_all();
    }
    /// One rank after the other writes a word of each page.
    void take_turns(int round) const {
        if (dsm_rank() == round % dsm_size()) {
            for (std::size_t page = 0; page < turn_pages; ++page) { ++pages[page * 4096]; }
        }
        dsm_barrier_all();
    }

    /// Every rank writes into each page; then rank 0 releases so many bytes, from the first page on.
    double release_us(std::size_t bytes) const {
        for (std::size_t page = 0; page < turn_pages; ++page) { ++pages[page * 4096 + 8 * rank_number()]; }
        dsm_barrier_all();
        for (std::size_t page = 0; page < turn_pages; ++page) { ++pages[page * 4096 + 8 * rank_number()]; }
        const auto began = std::chrono::steady_clock::now();
        if (dsm_rank() == 0) { DSM_REQUIRE_EQUAL(dsm_release(pages, bytes), 0); }
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
        dsm_barrier_all();
        return took.count();
    }
    static std::size_t rank_number() { return static_cast<std::size_t>(dsm_rank()); }

    int *integers;
    Counter *counter;
    unsigned char *pages;
    mutable long counted = 0;
};

double median(std::vector<double> &times) {
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    return times[times.size() / 2];
}

double median_us(int rounds, const std::function<void(int)> &once) {
    std::vector<double> times;
    for (int round = 0; round < rounds; ++round) {
        const auto began = std::chrono::steady_clock::now();
        once(round);
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
        if (round >= rounds / 4) { times.push_back(took.count()); } // Pages have settled.
    }
    return median(times);
}

/// In turn, rank 0's.
void compare_ranges(const Arena &arena, int rounds) {
    std::vector<double> all;
    std::vector<double> page;
    for (int round = 0; round < rounds; ++round) {
        all.push_back(arena.release_us(turn_pages * 4096));
        page.push_back(arena.release_us(4096));
    }
    if (dsm_rank() != 0) { return; }
    const double all_us = median(all);
    const double page_us = median(page);
    std::printf("\n%-58s %12s %12s %8s\n", "median, microseconds", "all", "a page", "ratio");
    std::printf("%-58s %12.1f %12.1f %8.1f\n", "dsm_release, 1,000 pages written", all_us, page_us, all_us / page_us);
}

void print(const char *what, double sequential_us, double release_us) {
    if (dsm_rank() != 0) { return; }
    std::printf("%-58s %12.1f %12.1f %8.1f\n", what, sequential_us, release_us, sequential_us / release_us);
}

} // namespace

int main(int argc, char **argv) {
    start(dsm_init());
    const int rounds = static_cast<int>(option(argc, argv, "--rounds", 40));
    const Arena sequential(DSM_SEQUENTIAL);
    const Arena release(DSM_RELEASE);
    if (dsm_rank() == 0) {
        std::printf("%-58s %12s %12s %8s\n", "median, microseconds", "sequential", "release", "ratio");
    }
    const auto compare = [&](const char *what, int times, const std::function<void(const Arena &, int)> &once) {
        const double in_sequential = median_us(times, [&](int round) { once(sequential, round); });
        const double in_release = median_us(times, [&](int round) { once(release, round); });
        print(what, in_sequential, in_release);
    };
    compare("alternate integers of 16 pages once, and a barrier", rounds,
            [](const Arena &arena, int) { arena.alternate(1); });
    compare("the same 20 times, and a barrier", rounds, [](const Arena &arena, int) { arena.alternate(20); });
    sequential.check(rounds * 21);
    release.check(rounds * 21);
    compare("a counter behind a mutex, 100 additions a rank in turn", rounds,
            [](const Arena &arena, int) { arena.count(100); });
    compare("a word of 1,000 pages by each rank in turn, and a barrier", rounds,
            [](const Arena &arena, int round) { arena.take_turns(round); });
    compare_ranges(release, rounds);
    return finish("release_bench");
}
