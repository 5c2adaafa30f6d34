// dsm_simulate_home: runs simulated jobs of read-write locks, semaphores, latches and onces, one per seed, until one
// fails or all ended.
//
//   dsm_simulate_home --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/sync/home_programs.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

using namespace dsm::sync_test;

namespace {

constexpr int exit_usage = 2;
constexpr int exit_wrong = 1;
constexpr int exit_broken_invariant = 70;

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    unsigned nodes = 0;
    HomeMutation bug = HomeMutation::None;
    bool expects_failure = false;
    bool traces = false;
};

struct Bug {
    std::string_view name;
    HomeMutation mutation;
};

const Bug bugs[] = {
    {"reader-passes-writer", HomeMutation::ReaderPassesWriter},
    {"writer-joins-readers", HomeMutation::WriterJoinsReaders},
    {"last-reader-serves-none", HomeMutation::LastReaderServesNone},
    {"cancel-serves-none", HomeMutation::CancelServesNone},
    {"home-cancel-always-agrees", HomeMutation::CancelAlwaysAgrees},
    {"post-counts-and-wakes", HomeMutation::PostCountsAndWakes},
    {"incarnation-ignored", HomeMutation::IncarnationIgnored},
    {"latch-forgets-last", HomeMutation::LatchForgetsLast},
    {"failure-leaves-waiters", HomeMutation::FailureLeavesWaiters},
    {"once-runs-twice", HomeMutation::OnceRunsTwice},
};

/// What must have happened in a long run, or the simulation shows less than it says.
struct Count {
    const char *name;
    std::uint64_t HomeCounts::*value;
};

const Count named_counts[] = {
    {"steps", &HomeCounts::steps},
    {"messages", &HomeCounts::messages},
    {"waits", &HomeCounts::waits},
    {"grants", &HomeCounts::grants},
    {"refused", &HomeCounts::refused},
    {"timed_out", &HomeCounts::timed_out},
    {"late_cancels", &HomeCounts::late_cancels},
    {"crossed", &HomeCounts::crossed},
    {"deadlocks", &HomeCounts::deadlocks},
    {"no_space", &HomeCounts::no_space},
    {"read_again", &HomeCounts::read_again},
    {"restarts", &HomeCounts::restarts},
    {"opened", &HomeCounts::opened},
    {"failed_runs", &HomeCounts::failed_runs},
    {"overflows", &HomeCounts::overflows},
};

[[noreturn]] void usage(const char *what) {
    std::fprintf(stderr, "dsm_simulate_home: %s\n", what);
    std::fprintf(stderr, "  --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]\n  bugs:");
    for (const Bug &bug : bugs) { std::fprintf(stderr, " %s", bug.name.data()); }
    std::fprintf(stderr, "\n");
    std::_Exit(exit_usage);
}

template <class Integer> Integer number(const char *text) {
    Integer value = 0;
    const char *end = text + std::strlen(text);
    const auto parsed = std::from_chars(text, end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) { usage("a number is expected"); }
    return value;
}

HomeMutation mutation_of(std::string_view name) {
    for (const Bug &bug : bugs) {
        if (bug.name == name) { return bug.mutation; }
    }
    usage("no such bug");
}

Options parse(int argc, char **argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : (usage("a value is missing"), nullptr); };
        if (name == "--seed") {
            options.seed = number<std::uint64_t>(value());
        } else if (name == "--count") {
            options.count = number<std::uint64_t>(value());
        } else if (name == "--nodes") {
            options.nodes = number<unsigned>(value());
        } else if (name == "--bug") {
            options.bug = mutation_of(value());
        } else if (name == "--expect-failure") {
            options.expects_failure = true;
        } else if (name == "--trace") {
            options.traces = true;
        } else {
            usage("unknown option");
        }
    }
    return options;
}

int run(const Options &options) {
    constexpr std::uint64_t count_that_sees_all = 500;
    HomeCounts sum{};
    for (std::uint64_t i = 0; i < options.count; ++i) {
        const HomeCounts counts = run_home_seed(options.seed + i, options.nodes, options.bug, options.traces);
        for (const Count &count : named_counts) { sum.*count.value += counts.*count.value; }
    }
    std::printf("seeds %llu", static_cast<unsigned long long>(options.count));
    bool is_rich = true;
    for (const Count &count : named_counts) {
        std::printf("  %s %llu", count.name, static_cast<unsigned long long>(sum.*count.value));
        is_rich = is_rich && sum.*count.value != 0;
    }
    std::printf("\n");
    if (options.count >= count_that_sees_all && !is_rich) {
        std::printf("something that should happen never did\n");
        return exit_wrong;
    }
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    const Options options = parse(argc, argv);
    if (!options.expects_failure) { return run(options); }
    const pid_t child = ::fork();
    if (child == 0) { std::_Exit(run(options)); }
    int status = 0;
    ::waitpid(child, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    const bool found = code == exit_wrong || code == exit_broken_invariant;
    std::printf("%s\n", found ? "the planted bug was found" : "the planted bug was NOT found");
    return found ? 0 : exit_wrong;
}
