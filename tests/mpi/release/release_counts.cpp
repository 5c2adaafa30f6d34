// What release memory costs when it has learned how its pages are used: messages, faults and fetches of a round,
// counted over all ranks. Every rank must be a node of its own.
#include "tests/mpi/counts/measurement.hpp"
#include "tests/mpi/support/job.hpp"

#include <array>
#include <bit>
#include <mpi.h>
#include <span>

namespace {

constexpr std::uint64_t warm_up = 40;
constexpr std::uint64_t rounds = 50;
constexpr std::size_t pages = 16;
constexpr std::size_t page_words = 4096 / sizeof(std::uint32_t);
using Page = std::array<std::uint32_t, page_words>;

bool is(int rank) { return dsm_rank() == rank; }
double others() { return dsm_size() - 1; }
/// Of one barrier of all ranks.
double barrier_messages() { return 2 * others(); }

Page *release_pages(std::size_t count, int home) {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = DSM_HOMES_ONE;
    attr.home_rank = home;
    attr.memory = DSM_RELEASE;
    void *block = dsm_alloc(count * sizeof(Page), &attr);
    DSM_REQUIRE(block != nullptr);
    return static_cast<Page *>(block);
}

/// What an operation costs over all ranks.
struct Expected {
    double messages_min, messages_max, faults, fetches, diffs, packets_max;
    double fetches_in_vain = 0; ///< or for a trial, at most
};
constexpr double any = 1e9;
/// A message in 64 rounds or so tells who sends notices, and hears nothing, that they have come.
double told() { return 0.06 * others(); }
/// Every 32nd notice goes without an Update, and whoever still wants the page fetches it: two rounds in 50 at most.
constexpr double trials = 0.04;

void report(const char *name, const Costs &costs, std::uint64_t operations, const Expected &expected) {
    if (!is(0)) { return; }
    const auto per = [operations](std::uint64_t count) {
        return static_cast<double>(count) / static_cast<double>(operations);
    };
    std::printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", name, per(costs.messages),
                per(costs.packets), per(costs.faults), per(costs.fetches), per(costs.diffs), per(costs.pages),
                per(costs.notices), per(costs.homes_moved));
    std::fflush(stdout);
    constexpr double tolerance = 1e-9;
    const auto is_from_to = [](double found, double low, double high) {
        return found >= low - tolerance && found <= high + tolerance;
    };
    const auto is_equal = [&](double found, double wanted) { return is_from_to(found, wanted, wanted); };
    const bool as_written =
        is_from_to(per(costs.messages), expected.messages_min, expected.messages_max) &&
        is_equal(per(costs.faults), expected.faults) &&
        is_from_to(per(costs.fetches), expected.fetches, expected.fetches + expected.fetches_in_vain) &&
        is_equal(per(costs.diffs), expected.diffs) && is_from_to(per(costs.packets), 0, expected.packets_max);
    if (as_written) { return; }
    std::fprintf(stderr,
                 "FAILED: %s: expected %.2f to %.2f messages in at most %.2f packets, %.2f faults, %.2f fetches, %.2f "
                 "diffs\n",
                 name, expected.messages_min, expected.messages_max, expected.packets_max, expected.faults,
                 expected.fetches, expected.diffs);
    ::_exit(1);
}

/// Round after round, the first ones unseen. `round` counts from 1.
template <class Round> void count_rounds(const char *name, const Expected &expected, Round round) {
    std::uint32_t number = 0;
    for (std::uint64_t i = 0; i < warm_up; ++i) { round(++number); }
    const Costs costs = Measurement::of([&] {
        for (std::uint64_t i = 0; i < rounds; ++i) { round(++number); }
    });
    report(name, costs, rounds, expected);
}

/// The home writes what nobody else has.
void count_own_pages() {
    Page *memory = release_pages(pages, 0);
    count_rounds("home writes its own pages, barrier", {barrier_messages(), barrier_messages(), 0, 0, 0, any},
                 [&](std::uint32_t round) {
                     for (std::size_t page = 0; is(0) && page < pages; ++page) { memory[page][1] = round; }
                     dsm_barrier_all();
                 });
}

/// One writes, a barrier, another reads, a barrier. Wherever the home was at first, it is the writer in the end, and
/// sends the page unasked; the root of the barrier does so when it has come itself, before it tells others.
void count_producer_and_consumer(int home) {
    Page *memory = release_pages(1, home);
    const std::string name = "rank 0 writes, rank 1 reads, home was rank " + std::to_string(home);
    const double messages = 2 * barrier_messages() + 1;
    const Expected expected{messages, messages + trials + told(), 0, 0, 0, any, trials};
    count_rounds(name.c_str(), expected, [&](std::uint32_t round) {
        if (is(0)) {
            for (std::size_t word = 0; word < page_words; ++word) {
                memory[0][word] = round + static_cast<std::uint32_t>(word);
            }
        }
        dsm_barrier_all();
        for (std::size_t word = 0; is(1) && word < page_words; ++word) {
            DSM_REQUIRE_EQUAL(memory[0][word], round + word);
        }
        dsm_barrier_all();
    });
}

/// Two write every other integer of the same pages. A page: a diff to the home, which answers, and what the home has
/// written, sent unasked when its interval ends; again behind the answer, where the diff was under way by then.
void count_alternate_integers() {
    Page *memory = release_pages(pages, 0);
    const double messages = 2 * barrier_messages() + 3 * pages;
    const double at_most = messages + (1 + 2 * trials) * pages + told();
    const Expected expected{messages, at_most, 0, 0, pages, any, trials * pages};
    count_rounds("16 pages, two write alternate integers", expected, [&](std::uint32_t round) {
        const auto self = static_cast<std::size_t>(dsm_rank());
        for (std::size_t page = 0; self < 2 && page < pages; ++page) {
            for (std::size_t word = self; word < page_words; word += 2) {
                memory[page][word] = round * 7 + static_cast<std::uint32_t>(word);
            }
        }
        dsm_barrier_all();
        for (std::size_t page = 0; self < 2 && page < pages; ++page) {
            for (std::size_t word = 0; word < page_words; ++word) {
                DSM_REQUIRE_EQUAL(memory[page][word], round * 7 + static_cast<std::uint32_t>(word));
            }
        }
        dsm_barrier_all();
    });
}

/// A message of MPI says whose turn it is: so each lock is one hand-over. Both sleep meanwhile.
void pass_turn(int from, int to) {
    MPI_Request request = MPI_REQUEST_NULL;
    if (is(from)) { MPI_Isend(nullptr, 0, MPI_BYTE, to, 7, MPI_COMM_WORLD, &request); }
    if (is(to)) { MPI_Irecv(nullptr, 0, MPI_BYTE, from, 7, MPI_COMM_WORLD, &request); }
    for (int done = 0; done == 0;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done == 0) { ::usleep(20); }
    }
}

/// A round is two hand-overs, each of two packets: the request for the lock; its token, and the page with it.
void count_counter(bool is_in_page_of_lock) {
    struct Counted {
        dsm_mutex_t mutex;
        std::uint64_t count;
    };
    Page *memory = release_pages(2, 0);
    auto *lock = reinterpret_cast<Counted *>(memory);
    std::uint64_t *count = is_in_page_of_lock ? &lock->count : reinterpret_cast<std::uint64_t *>(memory + 1);
    const char *name = is_in_page_of_lock ? "counter beside its lock, to and fro" : "counter under a lock, to and fro";
    count_rounds(name, {6, 6, 0, 0, 0, 4}, [&](std::uint32_t round) {
        for (int rank = 0; rank < 2; ++rank) {
            if (is(rank)) {
                DSM_REQUIRE_EQUAL(dsm_mutex_lock(&lock->mutex), 0);
                DSM_REQUIRE_EQUAL(*count, 2 * (round - 1) + static_cast<std::uint32_t>(rank));
                ++*count;
                DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&lock->mutex), 0);
            }
            pass_turn(rank, 1 - rank);
        }
    });
}

/// An acquire releases nothing: what its node has written stays here.
void count_acquire(Page *memory) {
    dsm_barrier_all();
    if (is(1)) { memory[0][2] = 8; } // Its own page, of which rank 0 has a copy.
    if (is(0)) { memory[1][2] = 9; } // A copy.
    const auto acquire_at = [](int rank) {
        return Measurement::of([rank] {
            if (is(rank)) { DSM_REQUIRE_EQUAL(dsm_acquire(nullptr, 0), 0); }
        });
    };
    report("acquire, where rank 0 has written", acquire_at(1), 1, {2, 2, 0, 0, 0, any});
    report("acquire at rank 0, which has written", acquire_at(0), 1, {0, 0, 0, 0, 0, any});
}

/// Who releases a range writes out its pages alone.
void count_release_of_range(Page *memory) {
    constexpr std::size_t first = 5;
    constexpr std::size_t in_range = 4;
    constexpr std::size_t behind = first + in_range;
    for (std::size_t page = 0; is(0) && page < pages; ++page) { memory[page][3] = 7; }
    const auto release_at_rank_0 = [](const void *address, std::size_t bytes) {
        return Measurement::of([=] {
            if (is(0)) { DSM_REQUIRE_EQUAL(dsm_release(address, bytes), 0); }
        });
    };
    report("flush 4 of 16 pages", release_at_rank_0(memory[first].data(), in_range * sizeof(Page)), in_range,
           {2, 2, 0, 0, 1, any});
    report("flush them again", release_at_rank_0(memory[first].data(), in_range * sizeof(Page)), in_range,
           {0, 0, 0, 0, 0, any});
    report("flush those behind", release_at_rank_0(memory[behind].data(), (pages - behind) * sizeof(Page)),
           pages - behind, {2, 2, 0, 0, 1, any});
}

/// Pages whose home is rank 1; what rank 0 does with them. It keeps the fences, so its release asks nobody.
void count_single_steps() {
    Page *memory = release_pages(pages, 1);
    for (std::size_t page = 0; is(1) && page < pages; ++page) { memory[page][0] = 5; }
    dsm_barrier_all();
    // In an order without strides (that of the bits of the number, reversed), which nothing reads ahead.
    static_assert(std::has_single_bit(pages));
    const auto shuffled = [](std::size_t number) {
        std::size_t result = 0;
        for (std::size_t bit = 1; bit < pages; bit *= 2) { result = result * 2 + ((number & bit) != 0 ? 1 : 0); }
        return result;
    };
    const auto by_rank_0 = [&](auto step) {
        return Measurement::of([&] {
            for (std::size_t page = 0; is(0) && page < pages; ++page) { step(memory[shuffled(page)]); }
        });
    };
    report("read a page that is not here", by_rank_0([](Page &page) { DSM_REQUIRE_EQUAL(page[0], 5); }), pages,
           {2, 2, 1, 1, 0, any});
    report("read it again", by_rank_0([](Page &page) { DSM_REQUIRE_EQUAL(page[0], 5); }), pages, {0, 0, 0, 0, 0, any});
    report("write to the copy", by_rank_0([](Page &page) { page[1] = 6; }), pages, {0, 0, 1, 0, 0, any});
    const Costs costs = Measurement::of([] {
        if (is(0)) { DSM_REQUIRE_EQUAL(dsm_release(nullptr, 0), 0); }
    });
    report("flush it", costs, pages, {2, 2, 0, 0, 1, any});
    count_acquire(memory);
    dsm_barrier_all();
    count_release_of_range(memory);
    dsm_barrier_all();
    for (const Page &page : std::span(memory, pages)) { DSM_REQUIRE(page[1] == 6 && page[3] == 7); }
    DSM_REQUIRE(memory[0][2] == 8 && memory[1][2] == 9);
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    dsm_test::start(dsm_init());
    DSM_REQUIRE(dsm_size() >= 2 && dsm_node_count() == dsm_size());
    if (is(0)) {
        std::printf("%d nodes, faults by %s\n\n", dsm_size(), dsm_fault_backend());
        std::printf("| round | messages | packets | faults | fetches | diffs | pages sent | notices | homes moved |\n");
        std::printf("|---|---|---|---|---|---|---|---|---|\n");
    }
    count_own_pages();
    count_producer_and_consumer(0);
    count_producer_and_consumer(1);
    count_alternate_integers();
    count_counter(false);
    count_counter(true);
    count_single_steps();
    dsm_test::finish("release_counts");
    MPI_Finalize();
    return 0;
}
