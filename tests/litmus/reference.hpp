// What sequential consistency allows: every interleaving of the threads' operations on one memory (Lamport 1979).
//
// The other runners compare every outcome they see with this set. It also says whether the program has a data race in
// the sense of the C++ memory model: in some interleaving two threads are about to access the same variable, and one
// of them writes. A program without a race has the same outcomes in release memory (Adve and Hill 1990).
#pragma once

#include "tests/litmus/program.hpp"

#include <set>

namespace dsm::litmus {

struct Reference {
    std::set<Outcome> outcomes;
    std::uint64_t states = 0;
    bool has_race = false;
    bool has_deadlock = false;
};

[[nodiscard]] Reference enumerate(const LitmusTest &test);

/// What release memory may show (release_reference.cpp). Without a data race, the same. `has_race` is left out.
[[nodiscard]] Reference enumerate_release(const LitmusTest &test);

/// What is wrong with the file's verdicts, a line each; empty when they are right.
[[nodiscard]] std::vector<std::string> check_verdicts(const LitmusTest &test, const Reference &reference);

} // namespace dsm::litmus
