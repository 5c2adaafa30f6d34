// Every rank allocates blocks of mixed sizes, fills them and passes them on through shared memory; who gets one checks
// it, keeps it a while, passes it on once more or frees it. After each round nothing is left, and no round needs more
// memory than the first.
//
//   pass_on [--blocks N] [--rounds N] [--seed N]     N blocks in all, over all ranks and rounds
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace {

using dsm_test::Random;
using dsm_test::shared;

constexpr std::size_t ranks_max = 64;
constexpr std::size_t batch = 512;                 ///< blocks that a rank hands over in one step
constexpr std::uint64_t fresh_max = batch / 4 * 3; ///< of these, new ones
constexpr std::size_t kept_max = 1024;

/// The first words of a block; the rest is a pattern that follows from the number.
struct Head {
    std::uint64_t size;
    std::uint64_t number;
};

/// What a rank hands over: pages of its own, so that ranks do not disturb one another.
struct alignas(4096) Outbox {
    std::array<Head *, batch> blocks;
};

/// What a rank says about itself when all are still.
struct alignas(4096) Report {
    dsm_malloc_statistics_t statistics;
    int node;
    std::uint64_t passed_on;
    std::uint64_t received;
};

struct Table {
    std::array<Outbox, ranks_max> boxes;
    std::array<Report, ranks_max> reports;
};

std::uint64_t word_at(std::uint64_t number, std::size_t at) { return (number + at) * 0x9e3779b97f4a7c15U; }

/// Words that are written and checked: all of a small block, every 64th of a larger one, always the last.
template <class Visit> void for_each_word(const Head &head, Visit visit) {
    const std::size_t words = head.size / sizeof(std::uint64_t);
    const std::size_t step = head.size <= 512 ? 1 : 64;
    for (std::size_t at = 2; at < words; at += step) { visit(at); }
    if (words > 2) { visit(words - 1); }
}

std::size_t some_size(Random &random) {
    const std::uint64_t dice = random.below(10'000);
    if (dice < 8'000) { return 16 + random.below(240); }
    if (dice < 9'900) { return 16 + random.below(2'000); }
    if (dice < 9'995) { return 16 + random.below(32'000); }
    return 16 + random.below(300'000);
}

Head *make(Random &random, std::uint64_t number) {
    const std::size_t size = some_size(random);
    auto *block = static_cast<Head *>(dsm_malloc(size));
    DSM_REQUIRE(block != nullptr);
    *block = {size, number};
    auto *words = reinterpret_cast<std::uint64_t *>(block);
    for_each_word(*block, [&](std::size_t at) { words[at] = word_at(number, at); });
    return block;
}

void check(const Head *block) {
    const auto *words = reinterpret_cast<const std::uint64_t *>(block);
    for_each_word(*block, [&](std::size_t at) { DSM_REQUIRE_EQUAL(words[at], word_at(block->number, at)); });
}

class Player {
public:
    explicit Player(Table &table)
        : table_(table), self_(static_cast<std::size_t>(dsm_rank())), ranks_(static_cast<std::size_t>(dsm_size())),
          random_(dsm_test::the_seed * 1000 + self_) {}

    /// Allocates `count` blocks and hands them on, a batch a step. `middle` is called once, when the heaps are full.
    template <class Middle> void play(std::uint64_t count, Middle middle) {
        const std::uint64_t steps = (count + fresh_max - 1) / fresh_max; // The same at all ranks.
        for (std::uint64_t step = 0; step < steps; ++step) {
            fill_outbox(std::min(fresh_max, count - step * fresh_max));
            dsm_barrier_all();
            empty_box((self_ + 1 + step % std::max<std::size_t>(ranks_ - 1, 1)) % ranks_);
            dsm_barrier_all();
            if (step == steps / 2) { middle(); }
        }
        for (Head *block : kept_) { retire(block); }
        kept_.clear();
    }
    std::uint64_t passed_on() const { return passed_on_; }
    std::uint64_t received() const { return received_; }

private:
    /// Three of four are new, the others were kept since they came.
    void fill_outbox(std::uint64_t fresh) {
        std::size_t at = 0;
        Outbox &box = table_.boxes[self_];
        for (; at < fresh; ++at) { box.blocks[at] = make(random_, numbers_++); }
        for (; at < batch && !kept_.empty(); ++at) {
            std::swap(kept_[random_.below(kept_.size())], kept_.back());
            box.blocks[at] = kept_.back();
            kept_.pop_back();
        }
        passed_on_ += at;
        std::fill(box.blocks.begin() + static_cast<std::ptrdiff_t>(at), box.blocks.end(), nullptr);
    }
    void empty_box(std::size_t other) {
        for (Head *block : table_.boxes[other].blocks) {
            if (block == nullptr) { continue; }
            ++received_;
            check(block);
            if (kept_.size() < kept_max && random_.below(2) == 0) {
                kept_.push_back(block);
            } else {
                retire(block);
            }
        }
    }
    static void retire(Head *block) {
        check(block);
        dsm_free(block);
    }

    Table &table_;
    const std::size_t self_;
    const std::size_t ranks_;
    Random random_;
    std::vector<Head *> kept_;
    std::uint64_t numbers_ = 1;
    std::uint64_t passed_on_ = 0;
    std::uint64_t received_ = 0;
};

/// The sums over ranks, and over nodes for what belongs to nodes. Collective; the same at all ranks.
struct Sums {
    dsm_malloc_statistics_t statistics{};
    std::uint64_t passed_on = 0;
    std::uint64_t received = 0;
};

Sums sum_up(Table &table, const Player &player) {
    Report &mine = table.reports[static_cast<std::size_t>(dsm_rank())];
    DSM_REQUIRE_EQUAL(dsm_get_malloc_statistics(&mine.statistics), 0);
    mine.node = dsm_node();
    mine.passed_on = player.passed_on();
    mine.received = player.received();
    dsm_barrier_all();
    Sums sums;
    std::vector<bool> seen(static_cast<std::size_t>(dsm_node_count()));
    for (std::size_t rank = 0; rank < static_cast<std::size_t>(dsm_size()); ++rank) {
        const Report &report = table.reports[rank];
        sums.passed_on += report.passed_on;
        sums.received += report.received;
        sums.statistics.allocations += report.statistics.allocations;
        sums.statistics.frees += report.statistics.frees;
        sums.statistics.remote_frees += report.statistics.remote_frees;
        if (seen[static_cast<std::size_t>(report.node)]) { continue; }
        seen[static_cast<std::size_t>(report.node)] = true;
        sums.statistics.heap_bytes += report.statistics.heap_bytes;
        sums.statistics.live_bytes += report.statistics.live_bytes;
        sums.statistics.cached_bytes += report.statistics.cached_bytes;
        sums.statistics.chunks_fetched += report.statistics.chunks_fetched;
        sums.statistics.chunks_returned += report.statistics.chunks_returned;
    }
    dsm_barrier_all();
    return sums;
}

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

void print_round(std::uint64_t round, double seconds, const Sums &full, const Sums &empty) {
    const dsm_malloc_statistics_t &at_end = empty.statistics;
    std::printf("%5llu %9.2f %12.1f %12.1f %12.1f %12.2f %10llu %9llu %12llu %12llu\n",
                static_cast<unsigned long long>(round), seconds, mib(full.statistics.heap_bytes),
                mib(full.statistics.live_bytes), mib(at_end.heap_bytes), mib(at_end.cached_bytes),
                static_cast<unsigned long long>(at_end.chunks_fetched),
                static_cast<unsigned long long>(at_end.chunks_returned), static_cast<unsigned long long>(at_end.frees),
                static_cast<unsigned long long>(at_end.remote_frees));
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t blocks = dsm_test::option(argc, argv, "--blocks", 200'000);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 5);
    dsm_test::start(dsm_init());
    DSM_REQUIRE(static_cast<std::size_t>(dsm_size()) <= ranks_max);
    Table &table = *shared<Table>();
    Player player(table);
    const std::uint64_t share = blocks / rounds / static_cast<std::uint64_t>(dsm_size());
    if (dsm_rank() == 0) {
        std::printf(
            "round   seconds   full: heap    live, MiB    end: heap  cached, MiB    fetched  returned        frees "
            "      remote\n");
    }
    std::uint64_t heap_of_first_round = 0;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        const auto began = std::chrono::steady_clock::now();
        Sums full;
        player.play(share, [&] { full = sum_up(table, player); });
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
        dsm_barrier_all();
        Sums empty = sum_up(table, player);
        while (empty.statistics.live_bytes != 0) { empty = sum_up(table, player); } // Frees are still on their way.
        DSM_REQUIRE_EQUAL(empty.statistics.allocations, empty.statistics.frees);
        DSM_REQUIRE_EQUAL(empty.statistics.allocations, round * share * static_cast<std::uint64_t>(dsm_size()));
        DSM_REQUIRE_EQUAL(empty.passed_on, empty.received);
        if (round == 1) { heap_of_first_round = std::max(full.statistics.heap_bytes, empty.statistics.heap_bytes); }
        // The rounds differ in their random sizes: an eighth, and the reserve of two chunks of each node.
        const std::uint64_t reserve = static_cast<std::uint64_t>(dsm_node_count()) * 2 * (2U << 20U);
        const std::uint64_t limit = heap_of_first_round + heap_of_first_round / 8 + reserve;
        DSM_REQUIRE(full.statistics.heap_bytes <= limit && empty.statistics.heap_bytes <= limit);
        if (dsm_rank() == 0) { print_round(round, passed.count(), full, empty); }
    }
    return dsm_test::finish("pass_on");
}
