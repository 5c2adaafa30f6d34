// Random race-free programs for the simulated job of release memory: one seed makes the job, its program and
// everything that happens to it.
#pragma once

#include "tests/simulation/release/release_world.hpp"

namespace dsm::release_test {

struct ReleaseCounts {
    std::uint64_t steps, messages, reads, writes, hand_overs, tokens, barriers, flags, pins, evictions, hints, fetches,
        datas, flushes, flush_acks, homes, passed_on, kept, killed, merged, mapped_merges, zeros, updates, puts, claims,
        notices, compared, moved_fetch, moved_flush, moved_lock, intervals, part_intervals, own_flushes, returned,
        updates_used, updates_dropped, lines_sent, lines_used;
};

/// Runs one job to its end; ends the program at the first thing that is wrong. `nodes` 0 lets the seed choose 2 to 6.
ReleaseCounts run_release_seed(std::uint64_t seed, unsigned nodes, protocol::ReleaseMutation mutation, bool traces);

} // namespace dsm::release_test
