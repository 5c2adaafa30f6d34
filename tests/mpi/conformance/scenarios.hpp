// The scenarios of the conformance tests, a file for each kind of object.
#pragma once

#include "tests/mpi/conformance/scenario.hpp"

namespace conformance {

void mutex_scenarios();
void condition_scenarios();
void barrier_scenarios();
void rwlock_scenarios();
void semaphore_scenarios();
void once_scenarios();

} // namespace conformance
