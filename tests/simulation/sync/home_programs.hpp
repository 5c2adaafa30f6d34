// Random programs for the simulated job of home objects: one seed makes the job, its program and everything that
// happens to it.
#pragma once

#include "tests/simulation/sync/home_world.hpp"

namespace dsm::sync_test {

/// Runs one job to its end; ends the program at the first thing that is wrong. `nodes` 0 lets the seed choose 2 to 8.
HomeCounts run_home_seed(std::uint64_t seed, unsigned nodes, HomeMutation mutation, bool traces);

} // namespace dsm::sync_test
