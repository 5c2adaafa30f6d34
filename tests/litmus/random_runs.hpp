// A litmus test in simulated time: messages are delayed and overtake each other, threads and nodes dawdle, pages are
// evicted, all as one seed says. Equal seeds give equal runs.
#pragma once

#include "tests/litmus/exhaustive.hpp"

namespace dsm::litmus {

struct RandomOptions {
    Placement placement = Placement::Pages;
    std::uint64_t seed = 1;
    protocol::Mutation mutation = protocol::Mutation::None;
    sync::LockMutation lock_mutation = sync::LockMutation::None;
    std::vector<std::string> *trace = nullptr;
};

struct RandomResult {
    Outcome outcome;
    std::uint64_t events = 0;
    std::string failure;
};

/// One run. Fails at a deadlock and at what no program may meet; the outcome is for the caller to judge.
[[nodiscard]] RandomResult run_random(const LitmusTest &test, const RandomOptions &options);

} // namespace dsm::litmus
