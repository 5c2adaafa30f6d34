// dsm_explore_release: visits every state of small jobs of release memory, and says what it has seen.
//
//   dsm_explore_release --suite short|full [--threads N]
//   dsm_explore_release [--nodes N] [--pages P] [--locks L] [--accesses A] [--passes T] [--evictions E] [--hints H]
//                       [--page-bytes B] [--one-home 1] [--ranges 1] [--first-touch 1] [--values V] [--puts 1]
//                       [--split 1] [--move M] [--bind B] [--hot F] [--refresh R] [--push S] [--lines L]
//                       [--liveness 1] [--threads N] [--states-max S] [--bug NAME] [--expect-failure 1]
#include "libdsm/base/check.hpp"
#include "tests/model/release_model.hpp"
#include "tests/simulation/release/release_bugs.hpp"

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <unistd.h>

using namespace dsm::model;

namespace {

using Number = unsigned long long;

struct Options {
    ReleaseJobOptions job;
    SearchLimits limits;
    bool one_home = false;
    bool expects_failure = false;
};

bool set(Options &options, const std::string &name, const std::string &value) {
    unsigned number = 0;
    if (name == "--bug") {
        for (const auto &bug : dsm::release_test::release_bugs) {
            if (value != bug.name) { continue; }
            options.job.world.mutation = bug.mutation;
            return true;
        }
        return false;
    }
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if (parsed.ec != std::errc{}) { return false; }
    auto &world = options.job.world;
    const auto byte = static_cast<std::uint8_t>(number);
    const std::map<std::string, std::function<void()>> setters{
        {"--nodes", [&] { world.nodes = number; }},
        {"--pages", [&] { world.pages = number; }},
        {"--page-bytes", [&] { world.page_bytes = number; }},
        {"--one-home", [&] { options.one_home = number != 0; }},
        {"--ranges", [&] { options.job.ranges = number != 0; }},
        {"--locks", [&] { options.job.locks = number; }},
        {"--accesses", [&] { options.job.accesses = number; }},
        {"--passes", [&] { options.job.passes = number; }},
        {"--evictions", [&] { options.job.evictions = number; }},
        {"--hints", [&] { options.job.hints = number; }},
        {"--values", [&] { options.job.values = number; }},
        {"--first-touch", [&] { world.first_touch = number != 0; }},
        {"--puts", [&] { options.job.puts = number != 0; }},
        {"--split", [&] { world.splits_data = world.splits_diffs = number != 0; }},
        {"--move", [&] { world.limits.move_streak = byte; }},
        {"--bind", [&] { world.limits.bind_streak = byte; }},
        {"--hot", [&] { world.limits.hot_faults = byte; }},
        {"--refresh", [&] { world.limits.refresh_misses = byte; }},
        {"--push", [&] { world.limits.push_streak = byte; }},
        {"--lines", [&] { world.limits.lines_max = byte; }},
        {"--liveness", [&] { options.limits.checks_liveness = number != 0; }},
        {"--threads", [&] { options.limits.threads = number; }},
        {"--states-max", [&] { options.limits.states_max = number; }},
        {"--expect-failure", [&] { options.expects_failure = number != 0; }},
    };
    const auto setter = setters.find(name);
    if (setter == setters.end()) { return false; }
    setter->second();
    return true;
}

bool parse(const std::string &words, Options &options) {
    std::istringstream in(words);
    std::string name;
    std::string value;
    while (in >> name) {
        if (!(in >> value) || !set(options, name, value)) { return false; }
    }
    auto &world = options.job.world;
    const bool fits = world.nodes >= 2 && world.nodes <= release_nodes_max && world.pages >= 1 && world.pages <= 2 &&
                      options.job.locks >= 1 && options.job.locks <= release_locks_max && world.page_bytes >= 1 &&
                      world.page_bytes <= dsm::release_test::page_bytes_max;
    for (unsigned page = 0; fits && page < world.pages; ++page) {
        world.homes.push_back(options.one_home ? 0 : page % world.nodes);
    }
    return fits;
}

std::function<void()> report_broken_check;

thread_local bool shows_way = false;

/// The thread that shows the way to a broken check meets it again; others wait for that one to end the program.
[[noreturn]] void wait_for_the_end() {
    if (shows_way) {
        std::fflush(stdout);
        std::_Exit(EXIT_FAILURE);
    }
    for (;;) { ::pause(); }
}

bool explore(const Options &options, std::uint64_t &states, std::map<std::string, std::uint64_t> &sights) {
    ReleaseModel model(options.job);
    Search<ReleaseModel> search(model, options.limits);
    report_broken_check = [&] {
        std::printf("failed: a check in the shipped code, see above; after %llu states%s\n",
                    static_cast<Number>(search.states()),
                    options.limits.threads == 1 || options.expects_failure ? "" : "; --threads 1 shows the way there");
        std::fflush(stdout);
        shows_way = true;
        if (options.limits.threads == 1 && !options.expects_failure) { model.print(search.path_to_current()); }
        std::fflush(stdout);
        std::_Exit(options.expects_failure ? EXIT_SUCCESS : EXIT_FAILURE);
    };
    dsm::set_job_ender([](int /*exit_code*/) {
        static std::atomic_flag is_reported;
        if (is_reported.test_and_set()) { wait_for_the_end(); } // Another thread, or the way there shown again.
        report_broken_check();
    });
    const SearchResult result = search.run();
    if (result.failure != nullptr) {
        if (!options.expects_failure) { model.print(result.path); }
        std::printf("failed: %s, %zu steps, after %llu states\n", result.failure, result.path.size(),
                    static_cast<Number>(result.states));
        return options.expects_failure;
    }
    std::printf("  %llu states, %llu transitions, %u steps deep; %s, %.1f s%s\n", static_cast<Number>(result.states),
                static_cast<Number>(result.transitions), result.depth, result.is_complete ? "complete" : "cut short",
                result.seconds, options.limits.checks_liveness ? "; from each all comes to rest" : "");
    for (const auto &[what, count] : model.sights(search.tally())) { sights[what] += count; }
    states += result.states;
    return result.is_complete && !options.expects_failure;
}

/// All of it in CI.
constexpr const char *short_jobs[] = {
    // Homes move with every write; updates.
    "--nodes 2 --accesses 5 --passes 3 --move 1 --bind 0 --hot 1 --refresh 0 --liveness 1",
    "--nodes 3 --accesses 4 --passes 3 --move 1 --bind 0 --hot 2",
    "--nodes 2 --accesses 4 --passes 3 --split 1 --hints 1 --move 2 --hot 1 --refresh 0 --liveness 1",
    // Pages travel with a lock.
    "--nodes 2 --accesses 4 --passes 3 --move 0 --bind 1 --hints 1 --liveness 1",
    "--nodes 3 --accesses 3 --passes 4 --move 0 --bind 1 --liveness 1",
    // Homes stay; writes bring back what was there.
    "--nodes 3 --accesses 3 --passes 2 --hints 1 --hot 1 --move 0 --bind 0 --values 2 --liveness 1",
    "--nodes 2 --accesses 6 --passes 2 --hints 1 --evictions 1 --hot 1 --move 2 --bind 1 --values 2",
    "--nodes 2 --accesses 4 --passes 3 --hints 1 --evictions 1 --puts 1 --move 0 --bind 0",
    // Homes send unasked.
    "--nodes 2 --accesses 5 --passes 3 --hot 0 --push 0 --lines 2 --move 0 --bind 0 --liveness 1",
    "--nodes 2 --accesses 3 --passes 3 --hot 0 --push 0 --move 2 --bind 0 --evictions 1 --refresh 0 --liveness 1",
    "--nodes 3 --accesses 3 --passes 3 --hot 0 --push 0 --lines 1 --move 1 --bind 0 --refresh 0 --liveness 1",
    "--nodes 2 --accesses 4 --passes 3 --hot 0 --push 1 --move 0 --bind 1 --hints 1 --liveness 1",
    // Old copies are sent the lines that they lack.
    "--nodes 2 --accesses 4 --passes 3 --hot 1 --refresh 0 --lines 1 --move 0 --bind 0 --liveness 1",
    "--nodes 3 --accesses 3 --passes 3 --hot 1 --refresh 0 --lines 2 --move 0 --bind 0 --liveness 1",
    // First touch.
    "--nodes 2 --accesses 4 --passes 2 --first-touch 1 --evictions 1 --hints 1 --move 1 --hot 1 --liveness 1",
    "--nodes 3 --accesses 2 --passes 2 --first-touch 1 --hints 2 --liveness 1",
    // Two pages.
    "--nodes 2 --pages 2 --accesses 3 --passes 2 --move 1 --hot 1 --liveness 1",
    "--nodes 3 --pages 2 --accesses 3 --passes 2 --move 1 --bind 0 --liveness 1",
    // Whoever releases writes out the pages of a range alone.
    "--nodes 2 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 5 --passes 3 --move 0 --bind 0 --hot 1 "
    "--liveness 1",
    "--nodes 2 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 4 --passes 4 --move 0 --bind 0 --hot 0 "
    "--push 0 --lines 1 --refresh 0 --liveness 1",
    "--nodes 2 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 4 --passes 4 --move 1 --bind 1 --hot 1 "
    "--liveness 1",
    "--nodes 3 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 4 --passes 3 --move 0 --bind 0 --refresh 0 "
    "--liveness 1",
};
/// Besides those: the sizes of the proof.
constexpr const char *full_jobs[] = {
    "--nodes 2 --accesses 4 --passes 3 --hot 0 --push 0 --move 2 --bind 0 --evictions 1 --refresh 0 --liveness 1",
    "--nodes 2 --accesses 6 --passes 4 --move 2 --bind 1 --hot 2 --refresh 1 --evictions 1",
    "--nodes 2 --accesses 4 --passes 3 --first-touch 1 --evictions 1 --hints 1 --move 1 --hot 1",
    "--nodes 3 --accesses 3 --passes 4 --hints 1 --puts 1 --move 0 --bind 1",
    "--nodes 3 --pages 2 --accesses 4 --passes 3 --move 1 --bind 0",
    "--nodes 3 --accesses 5 --passes 4 --move 1 --bind 0 --hot 1 --refresh 0",
    "--nodes 2 --pages 2 --accesses 5 --passes 3 --move 1 --bind 0 --hot 1",
    "--nodes 3 --accesses 4 --passes 3 --hot 0 --push 0 --lines 1 --move 0 --bind 0",
    "--nodes 2 --pages 2 --accesses 4 --passes 3 --hot 0 --push 0 --lines 2 --move 1 --bind 0",
    "--nodes 3 --accesses 4 --passes 3 --hot 1 --refresh 0 --lines 1 --move 1 --bind 0",
    "--nodes 2 --pages 2 --accesses 5 --passes 3 --hot 1 --refresh 0 --lines 1 --move 0 --bind 0",
    "--nodes 2 --accesses 4 --passes 3 --hot 1 --refresh 0 --lines 1 --move 2 --bind 0 --puts 1 --evictions 1",
    "--nodes 2 --accesses 4 --passes 3 --hot 1 --refresh 0 --lines 1 --move 1 --bind 1 --split 1 --hints 1",
    "--nodes 3 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 5 --passes 4 --move 0 --bind 0 --hot 1 "
    "--refresh 0",
    "--nodes 3 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 4 --passes 4 --move 1 --bind 0 --hot 0 "
    "--push 0 --lines 1",
};

bool explore_suite(bool is_full, unsigned threads) {
    std::vector<const char *> jobs(std::begin(short_jobs), std::end(short_jobs));
    if (is_full) { jobs.insert(jobs.end(), std::begin(full_jobs), std::end(full_jobs)); }
    std::uint64_t states = 0;
    std::map<std::string, std::uint64_t> sights;
    bool is_good = true;
    for (const char *job : jobs) {
        std::printf("%s\n", job);
        Options options;
        options.limits.threads = threads;
        is_good = parse(job, options) && explore(options, states, sights) && is_good;
        std::fflush(stdout);
    }
    for (const auto &[what, count] : sights) {
        std::printf("  %s: %llu\n", what.c_str(), static_cast<Number>(count));
        is_good = is_good && count != 0;
    }
    std::printf("release memory: %zu jobs, %llu states: %s\n", jobs.size(), static_cast<Number>(states),
                is_good ? "all hold" : "FAILED");
    return is_good;
}

} // namespace

int main(int argc, char **argv) {
    const std::string first = argc >= 3 ? argv[1] : "";
    if (first == "--suite") {
        const unsigned threads = argc == 5 ? static_cast<unsigned>(std::atoi(argv[4])) : 2;
        return explore_suite(std::string(argv[2]) == "full", threads) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    std::string words;
    for (int i = 1; i < argc; ++i) { words += std::string(argv[i]) + " "; }
    Options options;
    if (!parse(words, options)) {
        std::fprintf(stderr, "options: see the head of dsm_explore_release.cpp\n");
        return 2;
    }
    std::uint64_t states = 0;
    std::map<std::string, std::uint64_t> sights;
    const bool is_good = explore(options, states, sights);
    for (const auto &[what, count] : sights) { std::printf("  %s: %llu\n", what.c_str(), static_cast<Number>(count)); }
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
