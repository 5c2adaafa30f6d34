// One exploration from options to a report, and the lists of explorations that make a proof.
#pragma once

#include "tests/model/options.hpp"

#include <array>
#include <string>

namespace dsm::model {

/// What several runs have shown together.
struct Summary {
    std::uint64_t states = 0;
    std::uint64_t transitions = 0;
    TableCounts table;
    std::array<std::uint64_t, 16> page_invariants{}; ///< S<i>: how often it was checked
    std::array<std::uint64_t, 16> lock_invariants{}; ///< L<i>
};

/// Explores one job and prints a line about it; a counter-example as a chart. False if anything is not as it must be.
bool explore(const RunOptions &options, Summary &summary);
/// All jobs of a suite ("small", "short" or "full"), then the table and what was checked how often.
bool explore_suite(const std::string &name, unsigned threads);
/// Tries what the table calls impossible. False unless a check of the shipped code ends each.
bool try_impossible_events();
/// Table and invariants.
void print(const Summary &summary, bool has_table);

} // namespace dsm::model
