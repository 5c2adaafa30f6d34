// The parts of the test of all calls that dsm_pmpi covers beyond the common ones.
#pragma once

#include "tests/mpi/pmpi/turns.hpp"

#include <string>

namespace dsm_test {

void try_reductions(Field &from, Field &into);
void try_exchanges(Field &from, Field &into);
void try_neighbours(Field &from, Field &into);
void try_packing(Field &from, Field &into);
void try_files(Field &from, Field &into, const std::string &name);
void try_one_sided(Field &from, Field &into);

} // namespace dsm_test
