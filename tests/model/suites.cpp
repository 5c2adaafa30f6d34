// The lists of jobs that are explored: what CI affords, and what the proof takes besides.
#include "tests/model/runs.hpp"

#include <chrono>
#include <cstdio>

namespace dsm::model {

namespace {

/// Every cell of the transition table is reached by these together.
constexpr std::array small_jobs{
    // Two pages; every operation on either.
    "--nodes 2 --pages 2 --accesses 3 --evictions 1 --second-home 1 --liveness 1",
    "--nodes 2 --pages 2 --accesses 3 --evictions 1 --second-home 0 --liveness 1",
    "--nodes 3 --pages 2 --accesses 2 --second-home 0",
    "--nodes 3 --pages 2 --accesses 2 --second-home 1",
    "--nodes 2 --pages 2 --threads-per-node 2 --accesses 1 --evictions 1 --second-home 1 --liveness 1",
    "--nodes 2 --pages 2 --accesses 2 --pins 2 --second-home 1 --liveness 1",
    // One page.
    "--nodes 3 --accesses 3 --liveness 1",
    "--nodes 2 --threads-per-node 2 --accesses 2 --evictions 1 --liveness 1",
    "--nodes 3 --accesses 2 --fan-out 1 --liveness 1",
    "--nodes 4 --accesses 1 --evictions 1 --liveness 1",
    "--nodes 4 --accesses 1 --evictions 1 --fan-out 2",
    // All that can happen besides.
    "--nodes 2 --accesses 2 --evictions 1 --frees 1 --pins 1 --residence 1 --slow-wakes 1 --liveness 1",
    "--nodes 2 --accesses 1 --evictions 1 --frees 1 --pins 2 --extras 1 --liveness 1",
    "--nodes 3 --accesses 1 --evictions 1 --frees 1 --residence 1 --slow-wakes 1 --liveness 1",
    "--nodes 3 --accesses 1 --evictions 1 --frees 1 --pins 1",
    "--nodes 3 --accesses 1 --evictions 1 --in-file 1 --residence 1 --slow-wakes 1 --liveness 1",
    "--nodes 2 --accesses 2 --evictions 1 --in-file 1 --pins 1 --extras 1 --liveness 1",
    "--nodes 2 --accesses 1 --evictions 1 --in-file 1 --frees 1 --liveness 1",
    "--nodes 2 --accesses 2 --evictions 1 --frees 1 --first-touch 1 --pins 1 --liveness 1",
    // Reads that climb.
    "--nodes 3 --accesses 2 --tree 1 --read-fan-out 1 --liveness 1",
    "--nodes 3 --accesses 1 --evictions 1 --pins 1 --tree 1 --read-fan-out 1",
    "--nodes 3 --accesses 1 --evictions 1 --frees 1 --residence 1 --slow-wakes 1 --tree 1 --read-fan-out 2",
    "--nodes 4 --accesses 1 --tree 1 --read-fan-out 2 --fan-out 1 --liveness 1",
    // Renaming nodes and pages changes nothing: without it there are as many states as those with it stand for.
    "--nodes 3 --accesses 2 --check-symmetry 1",
    "--nodes 2 --pages 2 --accesses 2 --evictions 1 --second-home 1 --check-symmetry 1",
    "--nodes 4 --accesses 1 --check-symmetry 1",
    // Locks.
    "--locks 2 --nodes 3 --uses 2 --liveness 1",
    "--locks 1 --nodes 4 --uses 2 --liveness 1",
    "--locks 1 --nodes 3 --uses 1 --timed 1 --tries 2 --liveness 1",
    "--locks 1 --nodes 4 --uses 1 --timed 1 --tries 1 --liveness 1",
    "--locks 1 --nodes 2 --threads-per-node 2 --uses 2 --liveness 1",
    "--locks 1 --nodes 2 --threads-per-node 2 --uses 1 --timed 1 --tries 2 --relocks 1 --liveness 1",
};

/// Besides those, in CI.
constexpr std::array short_jobs{
    "--nodes 3 --pages 2 --accesses 3 --second-home 0",
};

/// Besides those: the sizes of the proof, and more of everything.
constexpr std::array full_jobs{
    "--nodes 3 --pages 2 --accesses 3 --second-home 1",
    "--nodes 3 --accesses 3 --evictions 1",
    "--nodes 3 --pages 2 --accesses 2 --evictions 1 --second-home 1",
    "--nodes 2 --pages 2 --accesses 3 --evictions 2 --frees 1 --second-home 1",
    "--nodes 2 --pages 2 --threads-per-node 2 --accesses 2 --second-home 1",
    "--nodes 3 --accesses 2 --evictions 1 --fan-out 1",
    "--nodes 3 --accesses 2 --evictions 1 --residence 1 --slow-wakes 1",
    "--nodes 2 --accesses 2 --evictions 1 --frees 1 --pins 2 --extras 1",
    "--nodes 3 --accesses 2 --evictions 1 --tree 1 --read-fan-out 1",
    "--nodes 4 --accesses 1 --evictions 1 --tree 1 --read-fan-out 1",
    "--nodes 4 --accesses 1 --evictions 1 --tree 1 --read-fan-out 2",
    "--locks 2 --nodes 2 --threads-per-node 2 --uses 1 --timed 1 --tries 2 --relocks 1",
    "--locks 1 --nodes 3 --threads-per-node 2 --uses 1 --timed 1 --tries 1",
    "--locks 1 --nodes 2 --threads-per-node 2 --uses 2 --timed 1 --tries 1 --relocks 1",
    "--locks 1 --nodes 4 --uses 1 --timed 1 --tries 2 --liveness 1",
};

bool explore_one(const char *job, unsigned threads, Summary &summary) {
    std::printf("%s\n", job);
    RunOptions options;
    options.limits.threads = threads;
    const bool is_good = parse(job, options) && explore(options, summary);
    if (!is_good) { std::printf("  FAILED\n"); }
    std::fflush(stdout);
    return is_good;
}

} // namespace

bool explore_suite(const std::string &name, unsigned threads) {
    const auto began = std::chrono::steady_clock::now();
    const bool is_full = name == "full";
    const bool is_short = name == "short" || is_full;
    std::vector<const char *> jobs(small_jobs.begin(), small_jobs.end());
    if (is_short) { jobs.insert(jobs.end(), short_jobs.begin(), short_jobs.end()); }
    if (is_full) { jobs.insert(jobs.end(), full_jobs.begin(), full_jobs.end()); }
    Summary summary;
    bool is_good = is_short || name == "small";
    for (const char *job : jobs) { is_good = explore_one(job, threads, summary) && is_good; }
    print(summary, true);
    is_good = try_impossible_events() && is_good;
    const std::string disagreement = summary.table.disagreement(true);
    std::printf("%stable: %u of %u cells reached that can be, %u impossible ones never\n", disagreement.c_str(),
                summary.table.reached(), TableCounts::expected(), TableCounts::impossible());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("explorer, %s: %zu jobs, %llu states, %llu transitions, %.0f s: %s\n", name.c_str(), jobs.size(),
                static_cast<unsigned long long>(summary.states), static_cast<unsigned long long>(summary.transitions),
                took.count(), is_good && disagreement.empty() ? "all hold" : "FAILED");
    return is_good && disagreement.empty();
}

} // namespace dsm::model
