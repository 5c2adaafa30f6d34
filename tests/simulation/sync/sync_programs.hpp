// Random programs for the simulated job: one seed makes the job, its program and everything that happens to it.
#pragma once

#include "tests/simulation/sync/sync_world.hpp"

namespace dsm::sync_test {

/// Runs one job to its end; ends the program at the first thing that is wrong. `nodes` 0 lets the seed choose 2 to 16.
Counts run_seed(std::uint64_t seed, unsigned nodes, const Mutations &mutations, bool traces);

} // namespace dsm::sync_test
