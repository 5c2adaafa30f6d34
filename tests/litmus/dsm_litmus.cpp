// dsm_litmus: litmus tests without MPI.
//
//   dsm_litmus reference|explore|simulate|bugs [--files PATH] [--test NAME]... [--threads-max N]
//              [--placement page|pages|shifted] [--start cold|shared|away] [--evictions K] [--slow-wakes K]
//              [--states-max S] [--seed S] [--seeds N] [--bug NAME] [--reader-tree] [--outcomes]
//   with [--memory release] [--manner stay|move|bind|eager|touch|push] [--fine]
#include "tests/litmus/files.hpp"
#include "tests/litmus/runners.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace dsm::litmus;

namespace {

constexpr int exit_usage = 2;
constexpr std::uint64_t counts_max = 100; ///< a state has a byte for each

[[noreturn]] void usage() {
    std::fprintf(stderr,
                 "dsm_litmus reference|explore|simulate|bugs [--files PATH] [--test NAME]... [--threads-max N]\n"
                 "           [--placement page|pages|shifted] [--start cold|shared|away] [--evictions K]\n"
                 "           [--slow-wakes K] [--states-max S] [--seed S] [--seeds N] [--bug NAME]\n"
                 "           [--reader-tree] [--outcomes] [--memory sequential|release]\n"
                 "           [--manner stay|move|bind|eager|touch|push] [--fine]\n");
    std::exit(exit_usage);
}

struct Arguments {
    std::string command;
    std::string files = DSM_LITMUS_FILES;
    std::vector<std::string> tests;
    std::string bug;
    std::uint64_t threads_max = dsm::litmus::threads_max;
    bool lists_outcomes = false;
    Choice choice;
};

template <class Value, class Values> Value named(const std::string &name, const Values &values) {
    for (const Value value : values) {
        if (name == name_of(value)) { return value; }
    }
    usage();
}

/// False when no option of that name takes a number.
bool take_number(Arguments &arguments, const std::string &name, std::uint64_t number) {
    Choice &choice = arguments.choice;
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(number, counts_max));
    if (name == "--threads-max") {
        arguments.threads_max = number;
    } else if (name == "--evictions") {
        choice.evictions = count;
    } else if (name == "--slow-wakes") {
        choice.slow_wakes = count;
    } else if (name == "--states-max") {
        choice.states_max = number;
    } else if (name == "--seed") {
        choice.seed = number;
    } else if (name == "--seeds") {
        choice.seeds = number;
    } else {
        return false;
    }
    return true;
}

void take_text(Arguments &arguments, const std::string &name, const std::string &value) {
    if (name == "--files") {
        arguments.files = value;
    } else if (name == "--test") {
        arguments.tests.push_back(value);
    } else if (name == "--placement") {
        arguments.choice.placement = named<Placement>(value, model_placements);
    } else if (name == "--start") {
        arguments.choice.start = named<Start>(value, all_starts);
    } else if (name == "--memory") {
        arguments.choice.memory = named<Memory>(value, all_memories);
    } else if (name == "--manner") {
        arguments.choice.manner = named<Manner>(value, all_manners);
    } else if (name == "--bug") {
        arguments.bug = value;
    } else {
        usage();
    }
}

Arguments parse_arguments(int argc, char **argv) {
    Arguments arguments;
    if (argc < 2) { usage(); }
    arguments.command = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--outcomes") {
            arguments.lists_outcomes = true;
        } else if (name == "--fine") {
            arguments.choice.is_fine = true;
        } else if (name == "--reader-tree") {
            arguments.choice.has_reader_tree = true;
        } else if (i + 1 == argc) {
            usage();
        } else {
            const std::string value = argv[++i];
            const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
            if (!take_number(arguments, name, number)) { take_text(arguments, name, value); }
        }
    }
    return arguments;
}

} // namespace

int main(int argc, char **argv) {
    Arguments arguments = parse_arguments(argc, argv);
    bool is_refused = false;
    std::vector<LitmusTest> tests = load(arguments.files, is_refused);
    if (is_refused) { return EXIT_FAILURE; }
    if (!arguments.tests.empty()) {
        std::erase_if(tests, [&](const LitmusTest &test) {
            return std::find(arguments.tests.begin(), arguments.tests.end(), test.name) == arguments.tests.end();
        });
    }
    std::erase_if(tests, [&](const LitmusTest &test) { return test.threads.size() > arguments.threads_max; });
    if (tests.empty()) { usage(); }
    watch_checks();
    if (arguments.command == "bugs") {
        return run_bugs(tests, arguments.choice, arguments.bug) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (!arguments.bug.empty() && !plant_bug(arguments.bug, arguments.choice)) { usage(); }
    Report report(arguments.lists_outcomes, arguments.choice.memory);
    if (arguments.command == "reference") {
        run_reference(tests, arguments.choice, report);
    } else if (arguments.command == "explore") {
        run_exhaustive(tests, arguments.choice, report);
    } else if (arguments.command == "simulate") {
        run_simulated(tests, arguments.choice, report);
    } else {
        usage();
    }
    return report.finish() ? EXIT_SUCCESS : EXIT_FAILURE;
}
