// The commands of dsm_litmus: each runs tests and fills a table.
#pragma once

#include "tests/litmus/exhaustive.hpp"
#include "tests/litmus/random_runs.hpp"
#include "tests/litmus/release_search.hpp"
#include "tests/litmus/report.hpp"

#include <optional>

namespace dsm::litmus {

struct Choice {
    std::optional<Placement> placement; ///< none: all that differ
    std::optional<Start> start;
    Memory memory = Memory::Sequential;
    std::optional<Manner> manner; ///< release memory; none: all that differ
    bool is_fine = false;         ///< likewise: notices and diffs page by page, and bytes put late
    unsigned evictions = 0;
    unsigned slow_wakes = 0;
    bool has_reader_tree = false;
    std::uint64_t states_max = 8'000'000;
    std::uint64_t seed = 1;
    std::uint64_t seeds = 1000;
    protocol::Mutation mutation = protocol::Mutation::None;
    sync::LockMutation lock_mutation = sync::LockMutation::None;
    protocol::ReleaseMutation release_mutation = protocol::ReleaseMutation::None;
    bool hunts_bug = false; ///< the first bad run ends it; a search that is cut short is none
};

/// The verdicts of the files against the interleavings on one memory.
void run_reference(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report);
/// Every order of delivery.
void run_exhaustive(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report);
/// Simulated time, `seeds` runs of each test and placement.
void run_simulated(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report);
/// Which tests find which planted bug. True when the chosen bug, or each of them, is found both ways.
bool run_bugs(const std::vector<LitmusTest> &tests, const Choice &choice, const std::string &only);

/// Puts the bug of that name into the next runs; false when there is none.
[[nodiscard]] bool plant_bug(const std::string &name, Choice &choice);

/// Ends the program when a check in the protocol breaks: prints what led there.
void watch_checks();

} // namespace dsm::litmus
