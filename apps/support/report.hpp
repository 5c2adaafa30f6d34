// What a run reports: one JSON object, and a line or two for people.
#pragma once

#include "apps/support/options.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace apps {

using Json = nlohmann::ordered_json;

/// Seconds of the runs of each version.
struct Timings {
    std::vector<double> shared;
    std::vector<double> mpi; ///< empty without --compare mpi
};

/// Collective. Runs the versions in turn (A B A B ...), so that whatever else the machine does meets both. `run_mpi`
/// is called only with --compare mpi. Each gives its seconds.
Timings time_versions(const CommonOptions &options, const std::function<double()> &run_shared,
                      const std::function<double()> &run_mpi);

/// This rank's counters.
dsm_statistics_t statistics_now();
/// Of those that count up.
dsm_statistics_t difference(const dsm_statistics_t &later, const dsm_statistics_t &earlier);
/// Collective: sums over all ranks, on rank 0, divided by how often something was done.
Json sum_over_ranks(const dsm_statistics_t &own, std::size_t times);

/// What the checks of the results said; nothing where there was none.
struct Verdict {
    std::optional<bool> shared;
    std::optional<bool> mpi;
    /// No check failed.
    bool good() const { return shared.value_or(true) && mpi.value_or(true); }
};

/// Collective. The report with what is common to the programs: program, ranks, nodes, fault backend, memory, homes,
/// `verified` (null where nothing was checked), `seconds`, with a comparison `mpi_seconds`, `mpi_verified` and `ratio`
/// = mpi_seconds / seconds, and the statistics summed over all ranks.
Json make_report(const std::string &program, const CommonOptions &options, const Verdict &verdict,
                 const Timings &timings);

/// Throws InputError if the report's file cannot be written. For rank 0, before the work is done.
void check_report_writable(const CommonOptions &options);

/// Where text for people goes: standard output, unless the report takes that.
std::FILE *text_stream(const CommonOptions &options);

/// Collective. Rank 0 prints a summary, in which `what` says what was computed, and writes the report as --json asks.
void publish_report(const Json &report, const CommonOptions &options, const std::string &what);

} // namespace apps
