// Messages, page copies and faults of each basic operation, counted and checked against what docs/costs.md says.
// Every rank must be a node of its own.
#include "tests/mpi/counts/measurement.hpp"
#include "tests/mpi/support/job.hpp"

#include <array>
#include <mpi.h>

namespace {

constexpr std::size_t pages = 40; ///< operations of a kind, each on a page of its own
constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);
using Page = std::array<std::uint64_t, page_words>;

int ranks() { return dsm_size(); }
bool is(int rank) { return dsm_rank() == rank; }

/// Pages whose home is rank 0.
Page *fresh_pages() {
    Page *memory = dsm_test::shared<Page>(pages, DSM_HOMES_ONE);
    DSM_REQUIRE_EQUAL(dsm_home(memory), 0);
    return memory;
}

/// Every page, in one rank; the others go on at once, and wait at the end.
void write_all(Page *memory, int rank, std::uint64_t value) {
    if (is(rank)) {
        for (std::size_t page = 0; page < pages; ++page) { memory[page][1] = value; }
    }
    Measurement::line_up();
}

void read_all(const Page *memory, int rank, std::uint64_t expected) {
    if (is(rank)) {
        for (std::size_t page = 0; page < pages; ++page) { DSM_REQUIRE_EQUAL(memory[page][1], expected); }
    }
    Measurement::line_up();
}

void report(const char *name, const Costs &costs, const Bounds &bounds) {
    Measurement::report(name, costs, pages, bounds);
}

void count_first_touch() {
    Page *memory = fresh_pages();
    report("first write of a page, by its home", Measurement::of([&] { write_all(memory, 0, 1); }), {0, 0, 0, 1});
    memory = fresh_pages();
    report("first write of a page, elsewhere", Measurement::of([&] { write_all(memory, 1, 1); }), {2, 2, 0, 1});
    memory = fresh_pages();
    report("first read of a page, elsewhere", Measurement::of([&] { read_all(memory, 1, 0); }), {2, 2, 0, 1});
}

void count_reads() {
    Page *memory = fresh_pages();
    write_all(memory, 0, 1);
    report("read, the home owns the page", Measurement::of([&] { read_all(memory, 1, 1); }), {2, 2, 1, 1});
    report("read again", Measurement::of([&] { read_all(memory, 1, 1); }), {0, 0, 0, 0});
    if (ranks() < 3) { return; }
    memory = fresh_pages();
    write_all(memory, 1, 1);
    report("read, a third node owns it", Measurement::of([&] { read_all(memory, 2, 1); }), {3, 3, 1, 1});
    if (ranks() < 4) { return; }
    memory = fresh_pages();
    write_all(memory, 0, 1); // Ownership wanders, each time along the home's hint, which turns.
    write_all(memory, 1, 1);
    write_all(memory, 2, 1);
    report("read, after the ownership has wandered", Measurement::of([&] { read_all(memory, 3, 1); }), {3, 4, 1, 1});
}

void count_writes() {
    Page *memory = fresh_pages();
    write_all(memory, 0, 1);
    report("write, the home owns the page", Measurement::of([&] { write_all(memory, 1, 2); }), {2, 2, 1, 1});
    report("write again", Measurement::of([&] { write_all(memory, 1, 3); }), {0, 0, 0, 0});
    report("write, back to the home", Measurement::of([&] { write_all(memory, 0, 4); }), {2, 2, 1, 1});
    if (ranks() < 3) { return; }
    memory = fresh_pages();
    write_all(memory, 1, 1);
    report("write, a third node owns it", Measurement::of([&] { write_all(memory, 2, 2); }), {3, 3, 1, 1});
    read_all(memory, 0, 2);
    read_all(memory, 1, 2);
    report("write by the owner, two others have copies", Measurement::of([&] { write_all(memory, 2, 3); }),
           {4, 4, 0, 1});
}

void count_upgrades() {
    Page *memory = fresh_pages();
    write_all(memory, 0, 1);
    read_all(memory, 1, 1);
    report("upgrade by the owner, one other has a copy", Measurement::of([&] { write_all(memory, 0, 2); }),
           {2, 2, 0, 1});
    read_all(memory, 1, 2);
    report("upgrade by the reader", Measurement::of([&] { write_all(memory, 1, 3); }), {2, 2, 0, 1});
}

/// Mutexes far apart in the table; each has its home where a hash puts it, which may be the rank that uses it.
void count_locks() {
    auto *locks = dsm_test::shared<std::array<dsm_mutex_t, 8>>(pages);
    const auto pass = [&](int rank, int rounds) {
        for (std::size_t lock = 0; is(rank) && lock < pages; ++lock) {
            for (int round = 0; round < rounds; ++round) {
                DSM_REQUIRE_EQUAL(dsm_mutex_lock(&locks[lock][0]), 0);
                DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&locks[lock][0]), 0);
            }
        }
        Measurement::line_up();
    };
    report("lock, used for the first time", Measurement::of([&] { pass(0, 1); }), {0, 2, 0, 0});
    report("lock, used here last", Measurement::of([&] { pass(0, 1); }), {0, 0, 0, 0});
    const double far = ranks() > 2 ? 3 : 2;
    report("lock, used last at another node", Measurement::of([&] { pass(1, 1); }), {2, far, 0, 0});
    const Costs costs = Measurement::of([&] { pass(0, 1); });
    report("lock, back again", costs, {2, far, 0, 0});
    if (is(0)) { DSM_REQUIRE_EQUAL(costs.hand_overs, pages); }
    if (ranks() < 4) { return; }
    pass(1, 1);
    pass(2, 1);
    report("lock, after it has wandered", Measurement::of([&] { pass(3, 1); }), {2, 4, 0, 0});
}

void count_barriers() {
    constexpr std::uint64_t rounds = 50;
    const double others = ranks() - 1;
    Measurement::report("barrier of all ranks", Measurement::of([] {
                            for (std::uint64_t round = 0; round < rounds; ++round) { dsm_barrier_all(); }
                        }),
                        rounds, {2 * others, 2 * others, 0, 0});
    auto *barrier = dsm_test::shared<dsm_barrier_t>();
    dsm_barrier_wait(barrier); // From here on every rank has read the count.
    Measurement::report("counted barrier, a thread of each rank", Measurement::of([barrier] {
                            for (std::uint64_t round = 0; round < rounds; ++round) { dsm_barrier_wait(barrier); }
                        }),
                        rounds, {2 * others, 2 * others, 0, 0});
}

/// Every rank in turn uses every object: one of them is its home and sends nothing, so the sums are exact.
void count_home_objects() {
    struct alignas(512) Objects {
        dsm_rwlock_t rwlock;
        dsm_sem_t sem;
        dsm_once_t once;
    };
    auto *objects = dsm_test::shared<Objects>(pages);
    const auto by_all = [&](const std::function<void(Objects &)> &use) {
        for (int rank = 0; rank < ranks(); ++rank) {
            for (std::size_t at = 0; is(rank) && at < pages; ++at) { use(objects[at]); }
            Measurement::line_up();
        }
    };
    const auto read = [](Objects &used) {
        DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(&used.rwlock), 0);
        DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&used.rwlock), 0);
    };
    const auto post_and_wait = [](Objects &used) {
        DSM_REQUIRE_EQUAL(dsm_sem_post(&used.sem), 0);
        DSM_REQUIRE_EQUAL(dsm_sem_wait(&used.sem), 0);
    };
    const auto once = [](Objects &used) { DSM_REQUIRE_EQUAL(dsm_once(&used.once, [] {}), 0); };
    by_all(post_and_wait); // Every rank has read every object.
    const double others = ranks() - 1;
    report("read and unlock, by every node", Measurement::of([&] { by_all(read); }), {4 * others, 4 * others, 0, 0});
    report("post and wait, by every node", Measurement::of([&] { by_all(post_and_wait); }),
           {4 * others, 4 * others, 0, 0});
    report("once, by every node", Measurement::of([&] { by_all(once); }), {2 * others, 2 * others + 2, 0, 0});
    report("once that is done, by every node", Measurement::of([&] { by_all(once); }), {0, 0, 0, 0});
}

void count_atomics() {
    Page *memory = fresh_pages();
    const auto add = [memory](int rank) {
        for (std::size_t at = 0; is(rank) && at < pages; ++at) {
            dsm_atomic_fetch_add(reinterpret_cast<dsm_atomic_t *>(memory[at].data()), 1, 0);
        }
        Measurement::line_up();
    };
    report("atomic operation, the home is here", Measurement::of([&] { add(0); }), {0, 0, 0, 0});
    report("atomic operation, elsewhere", Measurement::of([&] { add(1); }), {2, 2, 0, 0});
}

/// Small blocks of rank 0, each a page of its own.
void count_frees() {
    struct Blocks {
        std::array<void *, pages> at;
    };
    auto *blocks = dsm_test::shared<Blocks>();
    const auto for_all = [](int rank, const std::function<void(std::size_t)> &what) {
        for (std::size_t at = 0; is(rank) && at < pages; ++at) { what(at); }
        Measurement::line_up();
    };
    const auto allocate = [&](std::size_t at) { blocks->at[at] = dsm_aligned_alloc(4096, 4096); };
    const auto lock = [&](std::size_t at) {
        auto *mutex = static_cast<dsm_mutex_t *>(blocks->at[at]);
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(mutex), 0);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(mutex), 0);
    };
    const auto free_one = [&](std::size_t at) { dsm_free(blocks->at[at]); };
    for_all(0, allocate);
    report("free, no objects", Measurement::of([&] { for_all(0, free_one); }), {0, 0, 0, 0});
    for_all(0, allocate);
    for_all(1, [&](std::size_t at) { DSM_REQUIRE(blocks->at[at] != nullptr); }); // The page comes here.
    report("first lock in another node's block", Measurement::of([&] { for_all(1, lock); }), {2, 4, 0, 0});
    for_all(0, [&](std::size_t at) { DSM_REQUIRE(blocks->at[at] != nullptr); });
    const double others = ranks() - 1;
    report("free, with objects", Measurement::of([&] { for_all(0, free_one); }),
           {4 * others + 2, 4 * others + 2, 0, 0});
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    dsm_test::start(dsm_init());
    DSM_REQUIRE(ranks() >= 2 && dsm_node_count() == ranks());
    if (is(0)) { std::printf("%d nodes, faults by %s\n\n", ranks(), dsm_fault_backend()); }
    Measurement::headline();
    count_first_touch();
    count_reads();
    count_writes();
    count_upgrades();
    count_locks();
    count_barriers();
    count_home_objects();
    count_atomics();
    count_frees();
    dsm_test::finish("counts");
    MPI_Finalize();
    return 0;
}
