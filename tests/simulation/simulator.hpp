// What the simulators of synchronisation and of the allocator share: the command line, planted bugs by name, runs that
// must fail, the table of counts, and how a failing seed is told.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace dsm::sync_test {

/// Ends the program with exit code 1; prints the text and the seed that runs.
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// The seed that fail() and broken invariants name.
void set_running_seed(std::uint64_t seed);

/// What one seed is run with.
struct SeedOptions {
    std::uint64_t seed;
    unsigned nodes; ///< 0: the seed chooses
    unsigned bug;   ///< index into Simulator::bugs, or no_bug
    bool traces;
};
constexpr unsigned no_bug = ~0U;

struct Simulator {
    const char *name;
    std::vector<std::string_view> bugs;
    /// What a run counts. In a long run each must have happened, or the simulation shows less than it says.
    std::vector<std::string_view> counts;
    /// Runs a seed and adds what it counted to `sums`, in the order of `counts`.
    std::function<void(const SeedOptions &options, std::span<std::uint64_t> sums)> run;
};

/// A simulator's main():
///
///   NAME --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]
int simulate(const Simulator &simulator, int argc, char **argv);

/// Names of planted bugs with what they are, as a simulator lists them; counts likewise.
template <class Mutation> struct NamedBug {
    std::string_view name;
    Mutation mutation;
};
template <class Counts> struct NamedCount {
    std::string_view name;
    std::uint64_t Counts::*value;
};

/// A simulator whose seeds are run by `run(seed, nodes, mutation, traces)`, which returns counts.
template <class Mutation, class Counts, class Run>
Simulator make_simulator(const char *name, std::span<const NamedBug<Mutation>> bugs,
                         std::span<const NamedCount<Counts>> counts, Run run) {
    Simulator simulator{name, {}, {}, {}};
    for (const auto &bug : bugs) { simulator.bugs.push_back(bug.name); }
    for (const auto &count : counts) { simulator.counts.push_back(count.name); }
    simulator.run = [bugs, counts, run](const SeedOptions &options, std::span<std::uint64_t> sums) {
        const Mutation mutation = options.bug == no_bug ? Mutation{} : bugs[options.bug].mutation;
        const Counts seen = run(options.seed, options.nodes, mutation, options.traces);
        for (std::size_t i = 0; i < counts.size(); ++i) { sums[i] += seen.*counts[i].value; }
    };
    return simulator;
}

} // namespace dsm::sync_test
