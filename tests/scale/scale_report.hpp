// The figures as a table for people and as JSON for programs.
#pragma once

#include "tests/scale/scale_run.hpp"

#include <ostream>

namespace dsm::scale_test {

void print_table(std::ostream &out, const NetworkModel &model, const std::vector<Series> &all);
void print_memory(std::ostream &out, unsigned nodes_max);
/// One object: the model, and the series with their points. Integers alone, so equal runs give equal bytes.
void write_json(std::ostream &out, const NetworkModel &model, const std::vector<Series> &all);
/// A list of objects.
void write_memory_json(std::ostream &out);

} // namespace dsm::scale_test
