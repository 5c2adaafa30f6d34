// dsm_explore: visits every state of a small job of sequential memory and says how many there were.
//
//   dsm_explore [--nodes N] [--accesses K] [--evictions K] [--frees K] [--pins K] [--fan-out F] [--first-touch 1]
//               [--in-file 1] [--residence 1] [--slow-wakes K] [--states-max S] [--bug NAME] [--expect-failure 1]
#include "libdsm/base/check.hpp"
#include "tests/model/explorer.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace dsm::protocol_test;

namespace {

constexpr int exit_usage = 2;
Explorer *explorer_running = nullptr;
bool expects_failure = false;

[[noreturn]] void end_with_failure(const std::string &failure, const std::vector<std::string> &path) {
    for (const std::string &line : path) { std::printf("%s\n", line.c_str()); }
    std::printf("failed: %s\n", failure.c_str());
    std::fflush(stdout);
    std::_Exit(expects_failure ? EXIT_SUCCESS : EXIT_FAILURE);
}

void on_broken_check(int /*exit_code*/) {
    end_with_failure("a check in the protocol, see above", explorer_running->path_to_current());
}

[[noreturn]] void usage() {
    std::fprintf(
        stderr,
        "dsm_explore [--nodes N] [--accesses K] [--evictions K] [--frees K] [--pins K] [--fan-out F]\n"
        "            [--first-touch 1] [--in-file 1] [--residence 1] [--slow-wakes K] [--states-max S] [--bug NAME] "
        "[--expect-failure 1]\n");
    std::exit(exit_usage);
}

ExplorerOptions parse(int argc, char **argv) {
    ExplorerOptions options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::string value = argv[i + 1];
        const auto number = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
        if (name == "--nodes") {
            options.nodes = number;
        } else if (name == "--accesses") {
            options.accesses_per_node = number;
        } else if (name == "--evictions") {
            options.evictions_per_node = number;
        } else if (name == "--frees") {
            options.frees = number;
        } else if (name == "--pins") {
            options.pins = number;
        } else if (name == "--fan-out") {
            options.fan_out = number;
        } else if (name == "--in-file") {
            options.in_file = number != 0;
        } else if (name == "--first-touch") {
            options.first_touch = number != 0;
        } else if (name == "--residence") {
            options.has_residence = number != 0;
        } else if (name == "--slow-wakes") {
            options.slow_wakes = number;
        } else if (name == "--states-max") {
            options.states_max = number;
        } else if (name == "--expect-failure") {
            expects_failure = number != 0;
        } else if (name == "--bug" && mutations_by_name().contains(value)) {
            options.mutation = mutations_by_name().at(value);
        } else {
            usage();
        }
    }
    if (argc % 2 == 0) { usage(); }
    return options;
}

} // namespace

int main(int argc, char **argv) {
    const ExplorerOptions options = parse(argc, argv);
    Explorer explorer(options);
    explorer_running = &explorer;
    dsm::set_job_ender(on_broken_check);
    const ExplorerResult result = explorer.run();
    if (!result.failure.empty()) {
        std::printf("after %llu states:\n", static_cast<unsigned long long>(result.states));
        end_with_failure(result.failure, result.counterexample);
    }
    std::printf("%u nodes, %u accesses each: %llu states, %llu transitions, %s\n", options.nodes,
                options.accesses_per_node, static_cast<unsigned long long>(result.states),
                static_cast<unsigned long long>(result.transitions), result.is_complete ? "complete" : "cut short");
    bool is_full = true;
    for (const auto &[what, count] : result.seen) {
        std::printf("  %-40s %llu\n", what.c_str(), static_cast<unsigned long long>(count));
        is_full = is_full && count > 0;
    }
    if (!is_full) { std::printf("something was never seen: the model is emptier than it looks\n"); }
    return is_full != expects_failure ? EXIT_SUCCESS : EXIT_FAILURE;
}
