// dsm_simulate_release: runs simulated jobs of release-consistent memory, one per seed, until one fails or all ended.
// The command line is in tests/simulation/simulator.hpp.
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/release/release_bugs.hpp"
#include "tests/simulation/release/release_programs.hpp"
#include "tests/simulation/simulator.hpp"

using namespace dsm::release_test;
using dsm::protocol::ReleaseMutation;

namespace {

const dsm::sync_test::NamedCount<ReleaseCounts> counts[] = {
    {"steps", &ReleaseCounts::steps},
    {"messages", &ReleaseCounts::messages},
    {"reads", &ReleaseCounts::reads},
    {"writes", &ReleaseCounts::writes},
    {"hand_overs", &ReleaseCounts::hand_overs},
    {"tokens", &ReleaseCounts::tokens},
    {"barriers", &ReleaseCounts::barriers},
    {"flags", &ReleaseCounts::flags},
    {"pins", &ReleaseCounts::pins},
    {"evictions", &ReleaseCounts::evictions},
    {"hints", &ReleaseCounts::hints},
    {"fetches", &ReleaseCounts::fetches},
    {"datas", &ReleaseCounts::datas},
    {"flushes", &ReleaseCounts::flushes},
    {"flush_acks", &ReleaseCounts::flush_acks},
    {"homes", &ReleaseCounts::homes},
    {"passed_on", &ReleaseCounts::passed_on},
    {"kept", &ReleaseCounts::kept},
    {"killed", &ReleaseCounts::killed},
    {"merged", &ReleaseCounts::merged},
    {"mapped_merges", &ReleaseCounts::mapped_merges},
    {"zeros", &ReleaseCounts::zeros},
    {"updates", &ReleaseCounts::updates},
    {"puts", &ReleaseCounts::puts},
    {"claims", &ReleaseCounts::claims},
    {"notices", &ReleaseCounts::notices},
    {"compared", &ReleaseCounts::compared},
    {"moved_fetch", &ReleaseCounts::moved_fetch},
    {"moved_flush", &ReleaseCounts::moved_flush},
    {"moved_lock", &ReleaseCounts::moved_lock},
    {"intervals", &ReleaseCounts::intervals},
    {"part_intervals", &ReleaseCounts::part_intervals},
    {"own_flushes", &ReleaseCounts::own_flushes},
    {"returned", &ReleaseCounts::returned},
    {"updates_used", &ReleaseCounts::updates_used},
    {"updates_dropped", &ReleaseCounts::updates_dropped},
    {"lines_sent", &ReleaseCounts::lines_sent},
    {"lines_used", &ReleaseCounts::lines_used},
};

} // namespace

int main(int argc, char **argv) {
    return dsm::sync_test::simulate(dsm::sync_test::make_simulator<ReleaseMutation, ReleaseCounts>(
                                        "dsm_simulate_release", release_bugs, counts, run_release_seed),
                                    argc, argv);
}
