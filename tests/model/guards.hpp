// What the transition table calls impossible is not only never met: if it came, a check would end the job.
#pragma once

#include "tests/model/page_machine.hpp"

namespace dsm::model {

TableRow row_of(protocol::PageMessageKind kind);

/// Puts every impossible event into the cells of a finished search, each in a process of its own, and prints which
/// check ended it. How many were ended so: all of them must be.
unsigned count_guards(PageMachine &machine);

} // namespace dsm::model
