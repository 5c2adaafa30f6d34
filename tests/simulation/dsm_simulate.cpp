// dsm_simulate: runs simulated jobs of sequential memory, one per seed, until one fails or all have ended.
//
//   dsm_simulate --seed S [--count N] [--nodes N] [--pages P] [--read-fan-out F] [--bug NAME] [--expect-failure]
//                [--ending disturbed|calm|death] [--trace] [--trace-last K]
#include "libdsm/base/check.hpp"
#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

using namespace dsm::protocol_test;
using dsm::protocol::PageMessageKind;

namespace {

constexpr std::size_t chunks_in_pool = 1 << 16;
constexpr unsigned trace_lines_at_failure = 60;
constexpr int exit_usage = 2;

struct Options {
    SimulationOptions simulation;
    std::uint64_t count = 1;
    std::string bug;
    std::string_view ending; ///< empty: the seed chooses
    bool expects_failure = false;
    bool traces = false;
    std::uint64_t trace_last = 0; ///< 0: all lines
};

Options options;
std::uint64_t seed_running = 0;
std::vector<std::string> trace_lines;

void print_trace() {
    const std::size_t shown = options.trace_last == 0 ? trace_lines.size() : options.trace_last;
    const std::size_t first = trace_lines.size() > shown ? trace_lines.size() - shown : 0;
    for (std::size_t i = first; i < trace_lines.size(); ++i) { std::printf("%s\n", trace_lines[i].c_str()); }
}

/// Runs the failing seed again in a program of its own, now with its trace.
void replay() {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child != 0) {
        ::waitpid(child, nullptr, 0);
        return;
    }
    std::vector<std::string> arguments{"dsm_simulate",
                                       "--seed",
                                       std::to_string(seed_running),
                                       "--nodes",
                                       std::to_string(options.simulation.nodes),
                                       "--pages",
                                       std::to_string(options.simulation.pages),
                                       "--read-fan-out",
                                       std::to_string(options.simulation.read_fan_out),
                                       "--trace",
                                       "--trace-last",
                                       std::to_string(trace_lines_at_failure)};
    if (!options.bug.empty()) { arguments.insert(arguments.end(), {"--bug", options.bug}); }
    if (!options.ending.empty()) { arguments.insert(arguments.end(), {"--ending", std::string(options.ending)}); }
    if (options.simulation.pins_in_any_order) { arguments.emplace_back("--pins-in-any-order"); }
    std::vector<char *> pointers;
    for (std::string &argument : arguments) { pointers.push_back(argument.data()); }
    pointers.push_back(nullptr);
    ::execv("/proc/self/exe", pointers.data());
    std::perror("execv");
    ::_exit(exit_usage);
}

[[noreturn]] void end_with_failure(const std::string &failure) {
    if (options.traces) { print_trace(); }
    const auto tried = static_cast<unsigned long long>(seed_running - options.simulation.seed + 1);
    std::printf("seed %llu failed: %s\n", static_cast<unsigned long long>(seed_running), failure.c_str());
    if (!options.bug.empty() && !options.traces) {
        std::printf("bug %s found after %llu seeds\n", options.bug.c_str(), tried);
    }
    if (!options.traces && !options.expects_failure) { replay(); }
    std::fflush(stdout);
    std::_Exit(options.expects_failure ? EXIT_SUCCESS : EXIT_FAILURE);
}

void on_broken_check(int /*exit_code*/) { end_with_failure("a check in the protocol, see above"); }

[[noreturn]] void usage() {
    std::fprintf(stderr, "dsm_simulate --seed S [--count N] [--nodes N] [--pages P] [--read-fan-out F] [--bug NAME] "
                         "[--expect-failure] [--pins-in-any-order] [--ending disturbed|calm|death] "
                         "[--trace] [--trace-last K]\nbugs:");
    for (const auto &[name, mutation] : mutations_by_name()) { std::fprintf(stderr, " %s", name.c_str()); }
    for (const auto &[name, plant] : plants_by_name()) { std::fprintf(stderr, " %s", name.c_str()); }
    std::fprintf(stderr, "\n");
    std::exit(exit_usage);
}

std::uint64_t number_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) { usage(); }
    return value;
}

Ending ending_of(std::string_view name) {
    if (name == "disturbed") { return Ending::Disturbed; }
    if (name == "calm") { return Ending::Calm; }
    if (name == "death") { return Ending::Death; }
    usage();
}

/// In the protocol or in what stands around it.
void choose_bug(const std::string &name) {
    const auto mutation = mutations_by_name().find(name);
    const auto plant = plants_by_name().find(name);
    if (mutation != mutations_by_name().end()) {
        options.simulation.mutation = mutation->second;
    } else if (plant != plants_by_name().end()) {
        options.simulation.plant = plant->second;
    } else {
        usage();
    }
}

void parse(int argc, char **argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const auto value = [&]() -> std::string_view {
            if (++i >= argc) { usage(); }
            return argv[i];
        };
        if (name == "--seed") {
            options.simulation.seed = number_of(value());
        } else if (name == "--pins-in-any-order") {
            options.simulation.pins_in_any_order = true;
        } else if (name == "--count") {
            options.count = number_of(value());
        } else if (name == "--nodes") {
            options.simulation.nodes = static_cast<unsigned>(number_of(value()));
        } else if (name == "--pages") {
            options.simulation.pages = static_cast<unsigned>(number_of(value()));
        } else if (name == "--read-fan-out") {
            options.simulation.read_fan_out = static_cast<unsigned>(number_of(value()));
        } else if (name == "--bug") {
            options.bug = value();
        } else if (name == "--ending") {
            options.ending = value();
            options.simulation.ending = ending_of(options.ending);
        } else if (name == "--expect-failure") {
            options.expects_failure = true;
        } else if (name == "--trace") {
            options.traces = true;
        } else if (name == "--trace-last") {
            options.trace_last = number_of(value());
        } else {
            usage();
        }
    }
    if (!options.bug.empty()) { choose_bug(options.bug); }
}

void add(SimulationResult &sum, const SimulationResult &one) {
    sum.steps += one.steps;
    sum.accesses += one.accesses;
    sum.frees += one.frees;
    sum.evictions += one.evictions;
    sum.abandoned_waits += one.abandoned_waits;
    sum.frames_sent += one.frames_sent;
    sum.tree.climbs += one.tree.climbs;
    sum.tree.served_by_readers += one.tree.served_by_readers;
    sum.tree.second_invalidations += one.tree.second_invalidations;
    sum.waits_for_room += one.waits_for_room;
    sum.requests_held += one.requests_held;
    sum.calms += one.calms;
    sum.waits_in_calm += one.waits_in_calm;
    sum.deaths += one.deaths;
    sum.deaths_with_stuck_waits += one.deaths_with_stuck_waits;
    sum.stuck_waits += one.stuck_waits;
    const auto keep_highest = [](auto &highest, auto value) { highest = std::max(highest, value); };
    keep_highest(sum.longest_queue, one.longest_queue);
    keep_highest(sum.messages_waited_max, one.messages_waited_max);
    keep_highest(sum.share_of_bound_max, one.share_of_bound_max);
    keep_highest(sum.peaks.invalidations, one.peaks.invalidations);
    keep_highest(sum.peaks.take_backs, one.peaks.take_backs);
    keep_highest(sum.peaks.deferred, one.peaks.deferred);
    keep_highest(sum.peaks.sent_in_step, one.peaks.sent_in_step);
    for (std::size_t i = 0; i < sum.messages_sent.size(); ++i) { sum.messages_sent[i] += one.messages_sent[i]; }
}

void print(const SimulationResult &sum) {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "%llu seeds, %llu steps, %llu accesses, %llu evictions, %llu frees, %llu abandoned waits, %llu frames sent\n",
        number(options.count), number(sum.steps), number(sum.accesses), number(sum.evictions), number(sum.frees),
        number(sum.abandoned_waits), number(sum.frames_sent));
    std::printf("%llu reads climbed, %llu copies came from readers, %llu invalidations reached a relay\n",
                number(sum.tree.climbs), number(sum.tree.served_by_readers), number(sum.tree.second_invalidations));
    std::printf("%llu messages waited for room, queues of up to %u, %llu requests held back\n",
                number(sum.waits_for_room), sum.longest_queue, number(sum.requests_held));
    std::printf(
        "at most under way: %u of an invalidation, %u TakeBacks of one owner; %u deferred at a node, %u sent in a "
        "step\n",
        sum.peaks.invalidations, sum.peaks.take_backs, sum.peaks.deferred, sum.peaks.sent_in_step);
    std::printf("%llu calms, %llu waits in them, the longest of %llu messages; at most %.1f %% of the bound\n",
                number(sum.calms), number(sum.waits_in_calm), number(sum.messages_waited_max),
                100 * sum.share_of_bound_max);
    std::printf("%llu deaths, %llu of them with %llu waits that do not end\n", number(sum.deaths),
                number(sum.deaths_with_stuck_waits), number(sum.stuck_waits));
    for (unsigned kind = 1; kind < sum.messages_sent.size(); ++kind) {
        std::printf("  %-14s %llu\n", dsm::protocol::name_of(static_cast<PageMessageKind>(kind)),
                    number(sum.messages_sent[kind]));
    }
}

} // namespace

int main(int argc, char **argv) {
    parse(argc, argv);
    dsm::set_job_ender(on_broken_check);
    SimulationResult sum;
    for (std::uint64_t i = 0; i < options.count; ++i) {
        PoolMemory memory(chunks_in_pool);
        SimulationOptions one = options.simulation;
        one.seed += i;
        seed_running = one.seed;
        const SimulationResult result = Simulation(one, memory.pool(), options.traces ? &trace_lines : nullptr).run();
        if (!result.failure.empty()) { end_with_failure(result.failure); }
        add(sum, result);
    }
    if (options.traces) { print_trace(); }
    print(sum);
    if (options.expects_failure) {
        std::printf("no failure in %llu seeds\n", static_cast<unsigned long long>(options.count));
    }
    return options.expects_failure ? EXIT_FAILURE : EXIT_SUCCESS;
}
