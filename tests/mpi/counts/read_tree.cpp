// What reads cost that climb the tree of readers, counted: nobody serves more than six, and few readers pay no more
// than one long way each. Every rank must be a node of its own, and DSM_READ_TREE=1.
#include "tests/mpi/counts/measurement.hpp"
#include "tests/mpi/support/job.hpp"

#include <array>
#include <mpi.h>

namespace {

constexpr std::uint64_t pages = 40;
constexpr std::uint64_t read_fan_out = 6;
constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);
using Page = std::array<std::uint64_t, page_words>;

bool is(int rank) { return dsm_rank() == rank; }

/// Pages whose home is rank 0.
Page *fresh_pages() { return dsm_test::shared<Page>(pages, DSM_HOMES_ONE); }

void write_all(Page *memory, std::uint64_t value) {
    if (is(0)) {
        for (std::size_t page = 0; page < pages; ++page) { memory[page][1] = value; }
    }
    Measurement::line_up();
}

void read_all(const Page *memory, std::uint64_t expected) {
    for (std::size_t page = 0; page < pages; ++page) { DSM_REQUIRE_EQUAL(memory[page][1], expected); }
}

std::uint64_t pages_sent_here() {
    dsm_statistics_t here;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&here), 0);
    return here.pages_sent;
}

/// Every rank reads every page at once; `name` says in which state they were.
void count_crowd(const char *name, const Page *memory, std::uint64_t value) {
    const double others = dsm_size() - 1;
    const std::uint64_t sent_before = pages_sent_here();
    Measurement::report(name, Measurement::of([&] { read_all(memory, value); }), pages,
                        {2 * others, 2 * others, others, others});
    DSM_REQUIRE(pages_sent_here() - sent_before <= pages * read_fan_out);
}

void count_all_at_once() {
    Page *memory = fresh_pages();
    write_all(memory, 1);
    count_crowd("read by all at once, the first time", memory, 1);
    const double others = dsm_size() - 1;
    Measurement::report("write by the owner, all others have copies", Measurement::of([&] { write_all(memory, 2); }),
                        pages, {2 * others, 2 * others, 0, 1});
    count_crowd("read by all at once, again", memory, 2);
}

/// The last rank alone; with more than seven ranks it asks rank 1, which asks rank 0.
void count_one_reader() {
    const int reader = dsm_size() - 1;
    const double depth = dsm_size() > 7 ? 2 : 1;
    Page *memory = fresh_pages();
    write_all(memory, 1);
    const auto read_alone = [&](std::uint64_t value) {
        if (is(reader)) { read_all(memory, value); }
        Measurement::line_up();
    };
    Measurement::report("read by one, the first time", Measurement::of([&] { read_alone(1); }), pages,
                        {2 * depth, 2 * depth, depth, 1});
    write_all(memory, 2);
    Measurement::report("read by one, again", Measurement::of([&] { read_alone(2); }), pages, {2, 2, 1, 1});
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    dsm_test::start(dsm_init());
    DSM_REQUIRE(dsm_node_count() == dsm_size());
    Measurement::headline();
    count_all_at_once();
    count_one_reader();
    dsm_test::finish("read_tree");
    MPI_Finalize();
    return 0;
}
