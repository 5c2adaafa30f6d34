// The command-line options that several programs share.
#include "apps/support/options.hpp"

namespace apps {

namespace {

dsm_homes_t homes_of(const std::string &name) {
    if (name == "cyclic") { return DSM_HOMES_CYCLIC; }
    if (name == "block") { return DSM_HOMES_BLOCK; }
    return name == "one" ? DSM_HOMES_ONE : DSM_HOMES_FIRST_TOUCH;
}

} // namespace

dsm_alloc_attr_t CommonOptions::attributes() const {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = homes_of(homes);
    attr.memory = memory == "release" ? DSM_RELEASE : DSM_SEQUENTIAL;
    return attr;
}

void add_common_options(CLI::App &app, CommonOptions &options) {
    app.add_option("--memory", options.memory, "How the shared memory that is computed in is kept coherent")
        ->check(CLI::IsMember({"sequential", "release"}))
        ->capture_default_str();
    app.add_option("--homes", options.homes, "Where the homes of the shared pages are")
        ->check(CLI::IsMember({"cyclic", "block", "first-touch", "one"}))
        ->capture_default_str();
    app.add_option("--json", options.json, "Write a report of the run to this file, - for standard output");
}

void add_checking_options(CLI::App &app, CommonOptions &options, const std::vector<std::string> &verify_choices) {
    constexpr int max_repeat = 10000;
    app.add_option("--verify", options.verify, "How much of the result to check against a serial computation")
        ->check(CLI::IsMember(verify_choices))
        ->capture_default_str();
    app.add_option("--repeat", options.repeat, "Runs of each version; medians are reported")
        ->check(CLI::Range(1, max_repeat))
        ->capture_default_str();
}

void add_measuring_options(CLI::App &app, CommonOptions &options, const std::vector<std::string> &verify_choices) {
    add_checking_options(app, options, verify_choices);
    app.add_option("--compare", options.compare, "Also run this version, in turn with the shared-memory one")
        ->check(CLI::IsMember({"mpi"}));
}

} // namespace apps
