// dsm_simulate_home: runs simulated jobs of read-write locks, semaphores, latches and onces, one per seed, until one
// fails or all ended. The command line is in simulator.hpp.
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/sync/home_programs.hpp"

using namespace dsm::sync_test;

namespace {

const NamedBug<HomeMutation> bugs[] = {
    {"reader-passes-writer", HomeMutation::ReaderPassesWriter},
    {"writer-joins-readers", HomeMutation::WriterJoinsReaders},
    {"last-reader-serves-none", HomeMutation::LastReaderServesNone},
    {"cancel-serves-none", HomeMutation::CancelServesNone},
    {"home-cancel-always-agrees", HomeMutation::CancelAlwaysAgrees},
    {"post-counts-and-wakes", HomeMutation::PostCountsAndWakes},
    {"incarnation-ignored", HomeMutation::IncarnationIgnored},
    {"latch-forgets-last", HomeMutation::LatchForgetsLast},
    {"failure-leaves-waiters", HomeMutation::FailureLeavesWaiters},
    {"once-runs-twice", HomeMutation::OnceRunsTwice},
};

const NamedCount<HomeCounts> counts[] = {
    {"steps", &HomeCounts::steps},
    {"messages", &HomeCounts::messages},
    {"waits", &HomeCounts::waits},
    {"grants", &HomeCounts::grants},
    {"refused", &HomeCounts::refused},
    {"timed_out", &HomeCounts::timed_out},
    {"late_cancels", &HomeCounts::late_cancels},
    {"crossed", &HomeCounts::crossed},
    {"deadlocks", &HomeCounts::deadlocks},
    {"no_space", &HomeCounts::no_space},
    {"read_again", &HomeCounts::read_again},
    {"restarts", &HomeCounts::restarts},
    {"opened", &HomeCounts::opened},
    {"failed_runs", &HomeCounts::failed_runs},
    {"overflows", &HomeCounts::overflows},
};

} // namespace

int main(int argc, char **argv) {
    return simulate(make_simulator<HomeMutation, HomeCounts>("dsm_simulate_home", bugs, counts, run_home_seed), argc,
                    argv);
}
