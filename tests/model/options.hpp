// What a run of dsm_explore explores, from words such as a command line has.
#pragma once

#include "tests/model/lock_model.hpp"
#include "tests/model/page_model.hpp"

#include <string>

namespace dsm::model {

struct RunOptions {
    bool is_locks = false; ///< else pages
    JobOptions pages;
    LockJobOptions locks;
    SearchLimits limits;
    bool expects_failure = false;
    bool checks_symmetry = false; ///< also search without it, and compare the numbers of states
    bool shows_table = false;
};

/// "--nodes 2 --pages 2 ..." as RunOptions. False at a word that it does not know.
bool parse(const std::string &words, RunOptions &options);
const char *usage_text();

} // namespace dsm::model
