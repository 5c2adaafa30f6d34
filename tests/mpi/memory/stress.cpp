// Random reads, writes, atomic increments and locked sections by two threads of every rank on a few contended blocks,
// with a cache in which they do not fit. Checked along the way and at the end.
//
//   stress [--seed N] [--steps N] [--blocks N] [--block-bytes N] [--threads N]
#include "tests/mpi/memory/stress_page.hpp"
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <cstdlib>
#include <sched.h>
#include <thread>
#include <vector>

namespace {

using namespace dsm_test;

struct Settings {
    std::uint64_t seed, steps, blocks, block_bytes, threads;
};

/// What all ranks report at the end, each writer in its own place.
struct Reports {
    std::array<std::uint64_t, writers_max> added; ///< to the sums, over all blocks
    std::array<std::uint64_t, writers_max> locked;
    std::array<std::uint64_t, writers_max> excluded; ///< entries guarded by Peterson's flags
    std::atomic<std::uint64_t> evictions;
};

struct Shared {
    std::byte *blocks;
    Peterson *pairs; ///< one for two neighbouring ranks
    Reports *reports;
};

class Worker {
public:
    Worker(const Settings &settings, const Shared &shared, std::size_t thread)
        : settings_(settings), shared_(shared), thread_(thread),
          writer_(static_cast<std::size_t>(dsm_rank()) * settings.threads + thread),
          random_(settings.seed * 1000 + writer_), seen_(settings.blocks), counts_(settings.blocks) {}

    void run() {
        for (std::uint64_t step = 0; step < settings_.steps; ++step) {
            const std::size_t page = random_.below(settings_.blocks);
            const std::uint64_t kind = random_.below(100);
            if (kind < 35) {
                look(page);
            } else if (kind < 60) {
                write(page);
            } else if (kind < 75) {
                add(page);
            } else if (kind < 90) {
                enter(page);
            } else if (kind < 96) {
                look_between(page);
            } else if (thread_ == 0) {
                exclude();
            }
        }
        shared_.reports->added[writer_] = added_;
        shared_.reports->locked[writer_] = locked_;
        shared_.reports->excluded[writer_] = excluded_;
    }

    static StressPage &page_at(const Settings &settings, const Shared &shared, std::size_t page) {
        // Not always at the beginning of the block, so that blocks of many pages are written in different pages.
        const std::size_t pages = settings.block_bytes / 4096;
        return *reinterpret_cast<StressPage *>(shared.blocks + page * settings.block_bytes + page % pages * 4096);
    }

private:
    StressPage &at(std::size_t page) { return page_at(settings_, shared_, page); }

    /// What another writer has written never goes back.
    void look(std::size_t page) {
        const std::size_t other = random_.below(writers());
        const std::uint64_t word = at(page).tagged[other].load(std::memory_order_relaxed);
        const std::uint32_t count = word == 0 ? 0 : Tag::count(word);
        if (word != 0) { DSM_REQUIRE_EQUAL(word, Tag::make(page, other, count)); }
        if (other == writer_) { DSM_REQUIRE_EQUAL(count, counts_[page]); }
        if (count < seen_[page][other]) { fail(__FILE__, __LINE__, "a count went back", count, seen_[page][other]); }
        seen_[page][other] = count;
    }

    void write(std::size_t page) {
        StressPage &block = at(page);
        DSM_REQUIRE_EQUAL(block.bytes[writer_], counts_[page] & 0xffU);
        const std::uint32_t count = ++counts_[page];
        block.tagged[writer_].store(Tag::make(page, writer_, count), std::memory_order_relaxed);
        block.bytes[writer_] = static_cast<std::uint8_t>(count);
    }

    void add(std::size_t page) {
        const std::uint64_t amount = 1 + random_.below(1000);
        at(page).sum.fetch_add(amount);
        added_ += amount;
    }

    void enter(std::size_t page) {
        StressPage &block = at(page);
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&block.mutex), 0);
        const std::uint64_t entry = block.entries + 1;
        if (entry > 1) { DSM_REQUIRE_EQUAL(block.left, ~block.right); }
        for (const std::uint64_t value : block.area) { DSM_REQUIRE_EQUAL(value, block.entries); }
        block.entries = entry;
        block.left = random_.next();
        block.right = ~block.left;
        const std::uint64_t sequence = block.sequence.load();
        DSM_REQUIRE_EQUAL(sequence % 2, 0);
        block.sequence.store(sequence + 1);
        block.first.store(entry);
        block.second.store(2 * entry);
        block.sequence.store(sequence + 2);
        block.area.fill(entry);
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&block.mutex), 0);
        ++locked_;
    }

    /// A sequence lock (Lameter 2005) without the mutex: between two equal even numbers both values belong together.
    void look_between(std::size_t page) {
        StressPage &block = at(page);
        const std::uint64_t before = block.sequence.load();
        const std::uint64_t first = block.first.load();
        const std::uint64_t second = block.second.load();
        if (before % 2 == 0 && block.sequence.load() == before) { DSM_REQUIRE_EQUAL(2 * first, second); }
    }

    void exclude() {
        const auto rank = static_cast<std::uint32_t>(dsm_rank());
        Peterson &pair = shared_.pairs[rank / 2];
        const std::uint32_t self = rank % 2;
        const std::uint32_t other = 1 - self;
        pair.wants[self].store(1);
        pair.turn.store(other);
        while (pair.wants[other].load() == 1 && pair.turn.load() == other) { ::sched_yield(); }
        pair.entries = pair.entries + 1;
        pair.wants[self].store(0);
        ++excluded_;
    }

    std::size_t writers() const { return static_cast<std::size_t>(dsm_size()) * settings_.threads; }

    const Settings &settings_;
    const Shared &shared_;
    std::size_t thread_;
    std::size_t writer_;
    Random random_;
    std::vector<std::array<std::uint32_t, writers_max>> seen_;
    std::vector<std::uint32_t> counts_;
    std::uint64_t added_ = 0, locked_ = 0, excluded_ = 0;
};

std::uint64_t total(const std::array<std::uint64_t, writers_max> &values) {
    std::uint64_t sum = 0;
    for (const std::uint64_t value : values) { sum += value; }
    return sum;
}

/// After the last barrier, by every rank.
void check_end(const Settings &settings, const Shared &shared) {
    std::uint64_t added = 0;
    std::uint64_t locked = 0;
    for (std::size_t page = 0; page < settings.blocks; ++page) {
        const StressPage &block = Worker::page_at(settings, shared, page);
        added += block.sum.load();
        locked += block.entries;
        if (block.entries > 0) { DSM_REQUIRE_EQUAL(block.left, ~block.right); }
        DSM_REQUIRE_EQUAL(block.sequence.load(), 2 * block.entries);
        for (std::size_t writer = 0; writer < writers_max; ++writer) {
            const std::uint64_t word = block.tagged[writer].load();
            if (word != 0) { DSM_REQUIRE_EQUAL(word, Tag::make(page, writer, Tag::count(word))); }
            DSM_REQUIRE_EQUAL(block.bytes[writer], Tag::count(word) & 0xffU);
        }
    }
    DSM_REQUIRE_EQUAL(added, total(shared.reports->added));
    DSM_REQUIRE_EQUAL(locked, total(shared.reports->locked));
    std::uint64_t excluded = 0;
    for (int pair = 0; pair < dsm_size() / 2; ++pair) { excluded += shared.pairs[pair].entries; }
    DSM_REQUIRE_EQUAL(excluded, total(shared.reports->excluded));
}

} // namespace

int main(int argc, char **argv) {
    const Settings settings{option(argc, argv, "--seed", 1), option(argc, argv, "--steps", 400),
                            option(argc, argv, "--blocks", 32), option(argc, argv, "--block-bytes", 4096),
                            option(argc, argv, "--threads", 2)};
    the_seed = settings.seed;
    start(dsm_init());
    DSM_REQUIRE(static_cast<std::size_t>(dsm_size()) * settings.threads <= writers_max && dsm_size() % 2 == 0);
    const Shared shared{
        dsm_test::shared<std::byte>(settings.blocks * settings.block_bytes, DSM_HOMES_CYCLIC, settings.block_bytes),
        dsm_test::shared<Peterson>(static_cast<std::size_t>(dsm_size() / 2)), dsm_test::shared<Reports>()};
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < settings.threads; ++thread) {
        threads.emplace_back([&settings, &shared, thread] { Worker(settings, shared, thread).run(); });
    }
    for (std::thread &thread : threads) { thread.join(); }
    dsm_barrier_all();
    check_end(settings, shared);
    dsm_statistics_t statistics;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&statistics), 0);
    shared.reports->evictions.fetch_add(statistics.evictions);
    dsm_barrier_all();
    const std::uint64_t evictions = shared.reports->evictions.load();
    if (dsm_rank() == 0) {
        std::printf("stress: %d ranks on %d nodes, faults by %s, %llu evictions\n", dsm_size(), dsm_node_count(),
                    dsm_fault_backend(), static_cast<unsigned long long>(evictions));
    }
    // The blocks do not fit into DSM_CACHE: a run that evicts nothing tests nothing of it.
    if (std::getenv("DSM_CACHE") != nullptr && dsm_node_count() > 1) { DSM_REQUIRE(evictions > 0); }
    return finish("stress");
}
