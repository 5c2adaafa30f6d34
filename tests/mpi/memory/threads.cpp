// Many threads of one rank fault at the same moment: on one page and on many, to read and to write.
#include "tests/mpi/support/job.hpp"

#include <algorithm>
#include <array>
#include <barrier>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t threads = 8;
constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);
using Page = std::array<std::uint64_t, page_words>;

struct Shared {
    Page *one;   ///< a single page for all
    Page *many;  ///< a page for each thread of each rank
    Page *words; ///< a page in which every thread of every rank has a word
};

std::uint64_t value_of(std::size_t rank, std::size_t thread, std::uint64_t round) {
    return round << 16U | rank << 8U | thread;
}

/// One thread of one rank. `together` lines up the threads of the rank; thread 0 also waits for the other ranks.
class Worker {
public:
    Worker(const Shared &shared, std::barrier<> &together, std::size_t thread)
        : shared_(shared), together_(together), rank_(static_cast<std::size_t>(dsm_rank())),
          ranks_(static_cast<std::size_t>(dsm_size())), thread_(thread) {}

    void run(std::uint64_t rounds) {
        for (std::uint64_t round = 1; round <= rounds; ++round) {
            if (thread_ == 0 && round % ranks_ == rank_) { shared_.one->fill(round); }
            line_up();
            // All threads of all ranks read the page that one rank has written.
            DSM_REQUIRE_EQUAL((*shared_.one)[thread_ * 7], round);
            DSM_REQUIRE_EQUAL((*shared_.one)[page_words - 1 - thread_], round);
            line_up();
            // All write the same page, each its word, and a page of their own.
            (*shared_.words)[rank_ * threads + thread_] = value_of(rank_, thread_, round);
            shared_.many[rank_ * threads + thread_].fill(value_of(rank_, thread_, round));
            line_up();
            // Each reads the page and the word of the same thread of the next rank, and of the next thread.
            check((rank_ + 1) % ranks_, thread_, round);
            check(rank_, (thread_ + 1) % threads, round);
            line_up();
        }
    }

private:
    void line_up() {
        together_.arrive_and_wait();
        if (thread_ == 0) { dsm_barrier_all(); }
        together_.arrive_and_wait();
    }

    void check(std::size_t rank, std::size_t thread, std::uint64_t round) const {
        const std::uint64_t expected = value_of(rank, thread, round);
        DSM_REQUIRE_EQUAL((*shared_.words)[rank * threads + thread], expected);
        for (const std::uint64_t word : shared_.many[rank * threads + thread]) { DSM_REQUIRE_EQUAL(word, expected); }
    }

    const Shared &shared_;
    std::barrier<> &together_;
    std::size_t rank_, ranks_, thread_;
};

} // namespace

int main(int argc, char **argv) {
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 50);
    dsm_test::start(dsm_init());
    const auto ranks = static_cast<std::size_t>(dsm_size());
    DSM_REQUIRE(ranks * threads <= page_words);
    const Shared shared{dsm_test::shared<Page>(), dsm_test::shared<Page>(ranks * threads), dsm_test::shared<Page>()};
    std::barrier<> together(threads);
    std::vector<std::thread> workers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        workers.emplace_back([&, thread] { Worker(shared, together, thread).run(rounds); });
    }
    for (std::thread &worker : workers) { worker.join(); }
    return dsm_test::finish("threads");
}
