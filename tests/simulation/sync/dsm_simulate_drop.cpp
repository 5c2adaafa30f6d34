// dsm_simulate_drop: runs simulated jobs that free the memory of synchronisation objects, one per seed, until one fails
// or all ended. The command line is in simulator.hpp.
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/sync/drop_world.hpp"

using namespace dsm::sync_test;

namespace {

const NamedBug<DropMutation> bugs[] = {
    {"renewed-notes-taken-back", DropMutation::RenewedNotesTakenBack},
    {"notes-taken-back-unasked", DropMutation::NotesTakenBackUnasked},
    {"unsettled-dropped", DropMutation::UnsettledDropped},
    {"forgotten-late", DropMutation::ForgottenLate},
    {"drop-child-forgotten", DropMutation::ChildForgotten},
    {"drop-answers-early", DropMutation::AnswersEarly},
    {"drop-answers-twice", DropMutation::AnswersTwice},
};

const NamedCount<DropCounts> counts[] = {
    {"steps", &DropCounts::steps},
    {"messages", &DropCounts::messages},
    {"frees", &DropCounts::frees},
    {"rounds", &DropCounts::rounds},
    {"looks_again", &DropCounts::looks_again},
    {"dropped", &DropCounts::dropped},
    {"notes", &DropCounts::notes},
    {"notes_taken_back", &DropCounts::notes_taken_back},
    {"notes_kept", &DropCounts::notes_kept},
    {"renewed", &DropCounts::renewed},
    {"atomics_alone", &DropCounts::atomics_alone},
    {"wanders", &DropCounts::wanders},
    {"relays", &DropCounts::relays},
};

DropCounts run_seed(std::uint64_t seed, unsigned nodes, DropMutation mutation, bool traces) {
    Random choice(seed * 0x9e3779b97f4a7c15 + 3);
    DropWorldOptions options{};
    options.nodes = nodes != 0 ? nodes : choice.one_in(3) ? choice.between(5, 16) : choice.between(2, 4);
    options.threads = choice.between(1, 2 * options.nodes);
    options.pages = choice.between(1, 3);
    options.blocks_per_page = choice.between(1, 3);
    options.fan_out = static_cast<std::uint16_t>(choice.one_in(3) ? DropRounds::default_fan_out : choice.between(1, 3));
    options.operations = choice.between(2, 20);
    options.mutation = mutation;
    options.traces = traces;
    return DropWorld(options, choice.next()).run();
}

} // namespace

int main(int argc, char **argv) {
    return simulate(make_simulator<DropMutation, DropCounts>("dsm_simulate_drop", bugs, counts, run_seed), argc, argv);
}
