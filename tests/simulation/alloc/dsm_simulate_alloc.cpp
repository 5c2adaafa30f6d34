// dsm_simulate_alloc: runs simulated jobs that allocate, find, resize and free spans, one per seed, until one fails or
// all ended. The command line is in tests/simulation/simulator.hpp.
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/alloc/alloc_world.hpp"

using namespace dsm::alloc_test;

namespace {

const dsm::sync_test::NamedBug<AllocMutation> bugs[] = {
    {"reports-before-children", AllocMutation::ReportsBeforeChildren},
    {"forget-skips-child", AllocMutation::ChildForgotten},
    {"punches-at-once", AllocMutation::PunchesAtOnce},
    {"ends-when-forgotten", AllocMutation::EndsWhenForgotten},
    {"no-span-for-late-askers", AllocMutation::NoSpanForLateAskers},
    {"stale-trusted", AllocMutation::StaleTrusted},
    {"unknown-not-forgotten", AllocMutation::UnknownNotForgotten},
    {"tail-ends-at-once", AllocMutation::TailEndsAtOnce},
    {"freed-twice", AllocMutation::FreedTwice},
};

const dsm::sync_test::NamedCount<AllocCounts> counts[] = {
    {"steps", &AllocCounts::steps},
    {"messages", &AllocCounts::messages},
    {"grants", &AllocCounts::grants},
    {"heap_chunks", &AllocCounts::heap_chunks},
    {"waited", &AllocCounts::waited},
    {"finds", &AllocCounts::finds},
    {"on_the_way", &AllocCounts::on_the_way},
    {"stale", &AllocCounts::stale},
    {"no_span", &AllocCounts::no_span},
    {"frees", &AllocCounts::frees},
    {"freed_twice", &AllocCounts::freed_twice},
    {"grown", &AllocCounts::grown},
    {"cut", &AllocCounts::cut},
    {"touches", &AllocCounts::touches},
    {"copies", &AllocCounts::copies},
    {"slices", &AllocCounts::slices},
    {"relays", &AllocCounts::relays},
    {"pauses", &AllocCounts::pauses},
};

AllocCounts run_seed(std::uint64_t seed, unsigned nodes, AllocMutation mutation, bool traces) {
    Random choice(seed * 0x9e3779b97f4a7c15 + 7);
    AllocWorldOptions options{};
    options.nodes = nodes != 0 ? nodes : choice.one_in(2) ? choice.between(5, 16) : choice.between(2, 4);
    options.threads = choice.between(1, 2 * options.nodes);
    options.chunks = choice.one_in(3) ? choice.between(2, 8) : choice.between(9, 40);
    options.operations = choice.between(2, 30);
    options.mutation = mutation;
    options.traces = traces;
    return AllocWorld(options, choice.next()).run();
}

} // namespace

int main(int argc, char **argv) {
    return dsm::sync_test::simulate(
        dsm::sync_test::make_simulator<AllocMutation, AllocCounts>("dsm_simulate_alloc", bugs, counts, run_seed), argc,
        argv);
}
