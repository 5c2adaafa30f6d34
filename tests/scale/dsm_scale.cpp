// The shipped protocols on 2 to 10,240 nodes in virtual time. docs/scale.md says what the figures mean.
//
//   dsm_scale [--model tcp|fabric|all] [--nodes-max N] [--jitter-us N] [--json FILE]
//             [--latency-ns N] [--send-ns N] [--receive-ns N] [--ps-per-byte N] [--connect-ns N]
//             [--barrier-fan-out N] [--fan-out N] [--read-fan-out N] [--tree-above-nodes N]
//
// Prints the tables. The numbers given replace those of the models and of the shipped code (--fan-out: of
// invalidations). Ends with 1 when a limit is not kept.
#include "libdsm/base/ids.hpp"
#include "tests/scale/scale_report.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

namespace {

using namespace dsm::scale_test;

const std::map<std::string, std::uint64_t NetworkModel::*> model_options{
    {"--latency-ns", &NetworkModel::latency_ns}, {"--send-ns", &NetworkModel::send_ns},
    {"--receive-ns", &NetworkModel::receive_ns}, {"--ps-per-byte", &NetworkModel::ps_per_byte},
    {"--connect-ns", &NetworkModel::connect_ns},
};

struct Options {
    std::string model = "all";
    std::string json;
    RunOptions run;
    std::map<std::string, TimeNs> model_numbers; ///< by option
};

std::uint16_t as_fan_out(TimeNs number) { return static_cast<std::uint16_t>(std::clamp<TimeNs>(number, 1, 0x3fff)); }

/// False if the option is none.
bool take(Options &options, const std::string &option, const std::string &value) {
    const auto number = static_cast<TimeNs>(std::strtoull(value.c_str(), nullptr, 10));
    if (option == "--model") {
        options.model = value;
    } else if (option == "--json") {
        options.json = value;
    } else if (option == "--nodes-max") {
        options.run.nodes_max = static_cast<unsigned>(number);
    } else if (option == "--jitter-us") {
        options.run.jitter_ns = number * 1000;
    } else if (option == "--barrier-fan-out") {
        options.run.barrier_fan_out = as_fan_out(number);
    } else if (option == "--fan-out") {
        options.run.limits.fan_out = as_fan_out(number);
    } else if (option == "--read-fan-out") {
        options.run.limits.read_fan_out = as_fan_out(number);
    } else if (option == "--tree-above-nodes") {
        options.run.limits.tree_above_nodes = as_fan_out(number);
    } else if (model_options.contains(option)) {
        options.model_numbers[option] = number;
    } else {
        return false;
    }
    return true;
}

std::optional<Options> parse(int argc, char **argv) {
    Options options;
    for (int at = 1; at < argc; at += 2) {
        if (at + 1 == argc || !take(options, argv[at], argv[at + 1])) { return std::nullopt; }
    }
    const bool known_model = options.model == "all" || options.model == "tcp" || options.model == "fabric";
    if (!known_model || options.run.nodes_max < 2 || options.run.nodes_max > dsm::nodes_max) { return std::nullopt; }
    return options;
}

NetworkModel changed(NetworkModel model, const Options &options) {
    for (const auto &[option, number] : options.model_numbers) { model.*model_options.at(option) = number; }
    return model;
}

} // namespace

int main(int argc, char **argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        std::cerr << "usage: see the head of tests/scale/dsm_scale.cpp\n";
        return 2;
    }
    std::ostringstream json;
    json << "{\"models\": [";
    bool is_broken = false;
    const char *before = "\n";
    for (const NetworkModel &preset : {tcp_cluster(), fast_fabric()}) {
        if (options->model != "all" && options->model != preset.name) { continue; }
        const NetworkModel model = changed(preset, *options);
        const auto all = run_all(model, options->run);
        print_table(std::cout, model, all);
        json << before;
        before = ",\n";
        write_json(json, model, all);
        for (const std::string &line : broken_limits(all)) {
            std::cout << "LIMIT: " << model.name << ": " << line << "\n";
            is_broken = true;
        }
    }
    print_memory(std::cout, options->run.nodes_max);
    json << "],\n\"memory\": ";
    write_memory_json(json);
    json << "}\n";
    if (!options->json.empty() && !(std::ofstream(options->json) << json.str())) {
        std::cerr << "cannot write " << options->json << "\n";
        return 2;
    }
    return is_broken ? 1 : 0;
}
