// Litmus files from disk.
#pragma once

#include "tests/litmus/program.hpp"

#include <string>
#include <vector>

namespace dsm::litmus {

/// The tests of one file, or of every *.litmus of a folder by name. Prints what is refused and sets `is_refused`.
[[nodiscard]] std::vector<LitmusTest> load(const std::string &path, bool &is_refused);

} // namespace dsm::litmus
