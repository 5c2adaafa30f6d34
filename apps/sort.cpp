// Integer keys in shared memory, sorted by all ranks: each writes its keys to where they belong, all over the array,
// and so do the others between them. Where a page is written by one node at a time, this is the worst that a program
// can do.
#include "apps/key_sorter.hpp"
#include "apps/sort_mpi.hpp"
#include "apps/support/mpi_comparison.hpp"
#include "apps/support/progress.hpp"
#include "apps/support/rank_team.hpp"
#include "apps/support/report.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>

namespace {

struct Options : apps::CommonOptions {
    std::size_t keys = 1U << 16U;
    apps::Key max_key = 1U << 19U;
    std::size_t iterations = 4;
    std::uint64_t seed = 1;
    std::string writes = "keys";
    apps::SortInput input() const { return {keys, max_key, seed, iterations}; }
};

// Timed: from "every rank has written its keys" to "all keys are sorted in shared memory and all ranks know".
double sort(apps::KeySorter &sorter, std::size_t iterations) {
    sorter.generate();
    apps::Progress progress("sort, iteration", iterations);
    dsm::barrier_all();
    const apps::Stopwatch clock;
    for (std::size_t iteration = 0; iteration < iterations; ++iteration) {
        sorter.sort(iteration);
        progress.show(iteration + 1);
    }
    return clock.seconds();
}

// What a rank found about its strips of both arrays.
struct StripCheck {
    apps::Checksum of_keys, of_sorted;
    std::uint64_t is_sorted; // up to and with the first key of the next strip
};

// Every rank looks at its strip: all together are sorted, and have the sums of the keys that were to be sorted.
bool is_sorted_by_sums(const apps::SortInput &input, std::span<const apps::Key> sorted) {
    const auto checks = apps::alloc_on_first_rank<StripCheck>(static_cast<std::size_t>(dsm::size()));
    const apps::RowRange strip = apps::rows_of(input.keys, dsm::rank(), dsm::size());
    const std::size_t with_next = std::min(strip.end + 1, input.keys) - strip.first;
    checks[static_cast<std::size_t>(dsm::rank())] = {
        apps::checksum_of(apps::last_keys(input, strip)),
        apps::checksum_of(sorted.subspan(strip.first, strip.count())),
        std::ranges::is_sorted(sorted.subspan(strip.first, with_next)) ? 1U : 0U,
    };
    dsm::barrier_all();
    apps::Checksum of_keys, of_sorted;
    bool is_sorted = true;
    for (const StripCheck &check : checks) {
        of_keys = of_keys + check.of_keys;
        of_sorted = of_sorted + check.of_sorted;
        is_sorted = is_sorted && check.is_sorted != 0;
    }
    return is_sorted && of_keys == of_sorted;
}

apps::Verdict check(const Options &options, std::span<const apps::Key> sorted, const apps::MpiSort *mpi) {
    if (options.verify == "none") { return {}; }
    const bool by_sums = is_sorted_by_sums(options.input(), sorted);
    if (options.verify == "sums") { return {by_sums, {}}; }
    struct Both {
        bool shared, mpi;
    };
    const Both good = apps::decide_on_first_rank<Both>([&] {
        std::vector<apps::Key> expected = apps::last_keys(options.input(), {0, options.keys});
        std::ranges::sort(expected);
        return Both{by_sums && std::ranges::equal(sorted, expected), mpi == nullptr || mpi->result() == expected};
    });
    return {good.shared, mpi == nullptr ? std::optional<bool>() : good.mpi};
}

bool run(const Options &options) {
    apps::decide_on_first_rank<bool>([&] {
        apps::check_report_writable(options);
        return true;
    });
    if (options.compares_mpi()) { apps::require_mpi(); }
    const dsm_alloc_attr_t attr = options.attributes();
    const apps::SortMemory memory = {
        apps::alloc_shared<apps::Key>(options.keys, attr), apps::alloc_shared<apps::Key>(options.keys, attr),
        apps::alloc_shared<std::uint64_t>(apps::bucket_count * static_cast<std::size_t>(dsm::size()), attr)};
    apps::RankTeam team(1, attr);
    apps::KeySorter sorter(team, memory, options.input(), options.writes == "buckets");
    const auto mpi = options.compares_mpi() ? std::make_unique<apps::MpiSort>(options.input()) : nullptr;
    const apps::Timings timings = apps::time_versions(
        options, [&] { return sort(sorter, options.iterations); }, [&] { return mpi->run(); });
    const apps::Verdict verdict = check(options, memory.sorted, mpi.get());
    apps::Json report = apps::make_report("sort", options, verdict, timings);
    report["keys"] = options.keys;
    report["max_key"] = options.max_key;
    report["iterations"] = options.iterations;
    report["seed"] = options.seed;
    report["writes"] = options.writes;
    report["verify"] = options.verify;
    const double rate = static_cast<double>(options.keys * options.iterations) / report["seconds"].get<double>();
    report["keys_per_second"] = rate;
    apps::publish_report(report, options,
                         std::to_string(options.keys) + " keys, " + std::to_string(options.iterations) +
                             " iterations, " + std::to_string(static_cast<long>(rate)) + " keys/s");
    return verdict.good();
}

} // namespace

int main(int argc, char **argv) {
    constexpr std::size_t max_keys = 1U << 28U;
    constexpr std::size_t max_iterations = 100000;
    Options options;
    CLI::App app("Integer keys sorted by buckets in shared memory.", "sort");
    app.add_option("--keys", options.keys, "Keys in all")
        ->check(CLI::Range(std::size_t{1}, max_keys))
        ->capture_default_str();
    app.add_option("--max-key", options.max_key, "Keys are below this")
        ->check(CLI::Range(apps::Key{1}, apps::max_key_max))
        ->capture_default_str();
    app.add_option("--iterations", options.iterations, "How often to sort; two keys change in between")
        ->check(CLI::Range(std::size_t{1}, max_iterations))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "Other keys")->capture_default_str();
    app.add_option("--writes", options.writes,
                   "Write each key to its bucket as it comes, or those of a bucket together")
        ->check(CLI::IsMember({"keys", "buckets"}))
        ->capture_default_str();
    apps::add_common_options(app, options);
    apps::add_measuring_options(app, options, {"full", "sums", "none"});
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
