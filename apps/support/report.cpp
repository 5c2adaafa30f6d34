// What a run reports.
#include "apps/support/report.hpp"

#include "apps/support/file.hpp"
#include "apps/support/session.hpp"
#include "apps/support/timing.hpp"

#include <cstdio>

namespace apps {
namespace {

struct Counter {
    const char *name;
    std::uint64_t dsm_statistics_t::*field;
};

constexpr Counter counters[] = {
    {"read_faults", &dsm_statistics_t::read_faults},
    {"write_faults", &dsm_statistics_t::write_faults},
    {"faults_served_here", &dsm_statistics_t::faults_served_here},
    {"messages_sent", &dsm_statistics_t::messages_sent},
    {"messages_received", &dsm_statistics_t::messages_received},
    {"packets_sent", &dsm_statistics_t::packets_sent},
    {"bytes_sent", &dsm_statistics_t::bytes_sent},
    {"pages_sent", &dsm_statistics_t::pages_sent},
    {"page_copies", &dsm_statistics_t::page_copies},
    {"invalidations", &dsm_statistics_t::invalidations},
    {"evictions", &dsm_statistics_t::evictions},
    {"lock_hand_overs", &dsm_statistics_t::lock_hand_overs},
    {"wake_ups", &dsm_statistics_t::wake_ups},
    {"fetches", &dsm_statistics_t::fetches},
    {"twins", &dsm_statistics_t::twins},
    {"diffs_sent", &dsm_statistics_t::diffs_sent},
    {"diff_bytes", &dsm_statistics_t::diff_bytes},
    {"lines_sent", &dsm_statistics_t::lines_sent},
    {"notices", &dsm_statistics_t::notices},
    {"homes_moved", &dsm_statistics_t::homes_moved},
};

Json as_json(std::optional<bool> answer) { return answer ? Json(*answer) : Json(nullptr); }

std::string seconds_text(const Json &value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.4f s", value.get<double>());
    return text;
}

std::string summary(const Json &report, const std::string &what) {
    std::string text = report["program"].get<std::string>() + ": " + what + ", " + report["ranks"].dump() +
                       " ranks on " + report["nodes"].dump() + " nodes, " + report["memory"].get<std::string>() +
                       " memory: " + seconds_text(report["seconds"]);
    if (report.contains("ratio")) {
        char ratio[32];
        std::snprintf(ratio, sizeof ratio, "%.3f", report["ratio"].get<double>());
        text += ", MPI " + seconds_text(report["mpi_seconds"]) + ", ratio " + ratio;
    }
    if (report.contains("mpi_verified") && report["mpi_verified"] == false) { text += ", WRONG RESULT OF MPI"; }
    if (report["verified"].is_null()) { return text + ", not checked\n"; }
    return text + (report["verified"] == true ? ", verified\n" : ", WRONG RESULT\n");
}

} // namespace

dsm_statistics_t statistics_now() {
    dsm_statistics_t now = {};
    dsm_get_statistics(&now);
    return now;
}

dsm_statistics_t difference(const dsm_statistics_t &later, const dsm_statistics_t &earlier) {
    dsm_statistics_t result = {};
    for (const Counter &counter : counters) { result.*counter.field = later.*counter.field - earlier.*counter.field; }
    return result;
}

Json sum_over_ranks(const dsm_statistics_t &own, std::size_t times) {
    const std::span<dsm_statistics_t> all =
        alloc_on_first_rank<dsm_statistics_t>(static_cast<std::size_t>(dsm::size()));
    all[static_cast<std::size_t>(dsm::rank())] = own;
    dsm::barrier_all();
    Json sums = Json::object();
    if (dsm::rank() != 0) { return sums; }
    for (const Counter &counter : counters) {
        std::uint64_t sum = 0;
        for (const dsm_statistics_t &statistics : all) { sum += statistics.*counter.field; }
        sums[counter.name] = times == 1 ? Json(sum) : Json(static_cast<double>(sum) / static_cast<double>(times));
    }
    return sums;
}

Timings time_versions(const CommonOptions &options, const std::function<double()> &run_shared,
                      const std::function<double()> &run_mpi) {
    Timings timings;
    for (int i = 0; i < options.repeat; ++i) {
        timings.shared.push_back(run_shared());
        if (options.compares_mpi()) { timings.mpi.push_back(run_mpi()); }
    }
    return timings;
}

Json make_report(const std::string &program, const CommonOptions &options, const Verdict &verdict,
                 const Timings &timings) {
    Json report;
    report["program"] = program;
    report["ranks"] = dsm::size();
    report["nodes"] = dsm::node_count();
    report["fault_backend"] = dsm_fault_backend();
    report["memory"] = options.memory;
    report["homes"] = options.homes;
    report["verified"] = as_json(verdict.shared);
    report["seconds"] = median(timings.shared);
    report["seconds_of_runs"] = timings.shared;
    if (!timings.mpi.empty()) {
        report["mpi_seconds"] = median(timings.mpi);
        report["mpi_seconds_of_runs"] = timings.mpi;
        report["mpi_verified"] = as_json(verdict.mpi);
        report["ratio"] = median(timings.mpi) / median(timings.shared);
    }
    report["statistics"] = sum_over_ranks(statistics_now(), 1);
    return report;
}

void check_report_writable(const CommonOptions &options) {
    if (!options.json.empty() && options.json != "-") { check_writable(options.json); }
}

std::FILE *text_stream(const CommonOptions &options) { return options.json == "-" ? stderr : stdout; }

void publish_report(const Json &report, const CommonOptions &options, const std::string &what) {
    decide_on_first_rank<bool>([&] {
        std::fputs(summary(report, what).c_str(), text_stream(options));
        if (options.json == "-") {
            std::puts(report.dump(2).c_str());
        } else if (!options.json.empty()) {
            write_file(options.json, report.dump(2) + "\n");
        }
        return true;
    });
}

} // namespace apps
