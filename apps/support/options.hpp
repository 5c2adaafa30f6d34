// The command-line options that several programs share, by CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <dsm/dsm.h>

#include <string>

namespace apps {

struct CommonOptions {
    std::string memory = "sequential";
    std::string homes = "block";
    std::string json;            ///< file for the report, "-" for standard output, empty for none
    std::string verify = "full"; ///< full, sample or none
    std::string compare;         ///< "mpi" or empty
    int repeat = 1;              ///< runs of each version, medians are reported

    /// For the shared memory that a program computes in.
    dsm_alloc_attr_t attributes() const;
    bool compares_mpi() const { return compare == "mpi"; }
};

/// --memory, --homes, --json
void add_common_options(CLI::App &app, CommonOptions &options);

/// --verify with the given choices, --repeat
void add_checking_options(CLI::App &app, CommonOptions &options, const std::vector<std::string> &verify_choices);

/// The same and --compare.
void add_measuring_options(CLI::App &app, CommonOptions &options, const std::vector<std::string> &verify_choices);

} // namespace apps
