// dsm_explore: visits every state of small jobs of sequential memory or of locks, and says what it has seen.
//
//   dsm_explore --suite small|short|full [--threads N]
//   dsm_explore [options of one job]: see usage_text()
#include "tests/model/runs.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace dsm::model;

int main(int argc, char **argv) {
    constexpr int exit_usage = 2;
    if (argc >= 3 && std::strcmp(argv[1], "--suite") == 0) {
        const bool has_threads = argc == 5 && std::strcmp(argv[3], "--threads") == 0;
        const unsigned threads = has_threads ? static_cast<unsigned>(std::atoi(argv[4])) : 2;
        return explore_suite(argv[2], threads) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    std::string words;
    for (int i = 1; i < argc; ++i) { words += std::string(argv[i]) + " "; }
    RunOptions options;
    if (!parse(words, options)) {
        std::fputs(usage_text(), stderr);
        return exit_usage;
    }
    Summary summary;
    const bool is_good = explore(options, summary);
    const std::string disagreement = summary.table.disagreement(false);
    const bool has_bug = options.expects_failure;
    if (options.shows_table) { print(summary, !options.is_locks); }
    if (!has_bug) { std::fputs(disagreement.c_str(), stdout); }
    return is_good && (has_bug || disagreement.empty()) ? EXIT_SUCCESS : EXIT_FAILURE;
}
