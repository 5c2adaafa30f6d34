// Words to options.
#include "tests/model/options.hpp"

#include "tests/simulation/protocol_world.hpp"

#include <cstdlib>
#include <functional>
#include <sstream>

namespace dsm::model {

namespace {

using sync::LockMutation;

const std::map<std::string, LockMutation> &lock_mutations() {
    static const std::map<std::string, LockMutation> names{
        {"hint-not-turned", LockMutation::HintNotTurned},
        {"next-forgotten", LockMutation::NextForgotten},
        {"head-not-woken", LockMutation::HeadNotWoken},
        {"token-kept", LockMutation::TokenKept},
        {"flag-not-raised", LockMutation::FlagNotRaised},
        {"try-takes-held", LockMutation::TryTakesHeld},
        {"try-refused-by-try", LockMutation::TryRefusedByTry},
        {"late-try-refused", LockMutation::LateTryRefused},
        {"return-not-awaited", LockMutation::ReturnNotAwaited},
        {"relock-not-counted", LockMutation::RelockNotCounted},
        {"relock-not-flagged", LockMutation::RelockNotFlagged},
        {"unlock-releases-all", LockMutation::UnlockReleasesAll},
        {"abandon-stays-queued", LockMutation::AbandonStaysQueued},
        {"abandon-not-served", LockMutation::AbandonNotServed},
        {"late-token-kept", LockMutation::LateTokenKept},
        {"abandoned-refuses", LockMutation::AbandonedRefuses},
        {"kept-mistaken", LockMutation::KeptMistaken},
        {"kept-forgotten", LockMutation::KeptForgotten},
        {"parked-try-forgotten", LockMutation::ParkedTryForgotten},
    };
    return names;
}

bool plant(const std::string &name, RunOptions &options) {
    const auto &page_bugs = protocol_test::mutations_by_name();
    if (options.is_locks) {
        if (!lock_mutations().contains(name)) { return false; }
        options.locks.rules.mutation = lock_mutations().at(name);
    } else {
        if (!page_bugs.contains(name)) { return false; }
        options.pages.rules.mutation = page_bugs.at(name);
    }
    options.limits.threads = 1; // A check that ends the program can tell its way here only with one.
    return true;
}

using Setter = std::function<void(RunOptions &, unsigned)>;

const std::map<std::string, Setter> &setters() {
    static const std::map<std::string, Setter> all{
        {"--nodes", [](auto &run, unsigned n) { run.pages.rules.nodes = run.locks.rules.nodes = n; }},
        {"--threads-per-node",
         [](auto &run, unsigned n) { run.pages.threads_per_node = run.locks.rules.threads_per_node = n; }},
        {"--pages", [](auto &run, unsigned n) { run.pages.pages = n; }},
        {"--second-home", [](auto &run, unsigned n) { run.pages.homes[1] = n; }},
        {"--accesses", [](auto &run, unsigned n) { run.pages.accesses = n; }},
        {"--evictions", [](auto &run, unsigned n) { run.pages.evictions = n; }},
        {"--frees", [](auto &run, unsigned n) { run.pages.frees = n; }},
        {"--pins", [](auto &run, unsigned n) { run.pages.pins = n; }},
        {"--slow-wakes", [](auto &run, unsigned n) { run.pages.slow_wakes = n; }},
        {"--extras", [](auto &run, unsigned n) { run.pages.extras = n; }},
        {"--first-touch", [](auto &run, unsigned n) { run.pages.rules.first_touch = n != 0; }},
        {"--in-file", [](auto &run, unsigned n) { run.pages.rules.in_file = n != 0; }},
        {"--residence", [](auto &run, unsigned n) { run.pages.rules.limits.residence_us = n; }},
        {"--fan-out", [](auto &run, unsigned n) { run.pages.rules.limits.fan_out = static_cast<std::uint16_t>(n); }},
        {"--tree", [](auto &run, unsigned n) { run.pages.rules.limits.tree_above_nodes = n != 0 ? 1 : job_nodes_max; }},
        {"--read-fan-out",
         [](auto &run, unsigned n) { run.pages.rules.limits.read_fan_out = static_cast<std::uint16_t>(n); }},
        {"--symmetry", [](auto &run, unsigned n) { run.pages.has_symmetry = n != 0; }},
        {"--locks",
         [](auto &run, unsigned n) {
             run.is_locks = true;
             run.locks.rules.locks = n;
         }},
        {"--uses", [](auto &run, unsigned n) { run.locks.rules.uses = n; }},
        {"--timed", [](auto &run, unsigned n) { run.locks.timed = n; }},
        {"--tries", [](auto &run, unsigned n) { run.locks.tries = n; }},
        {"--relocks", [](auto &run, unsigned n) { run.locks.relocks = n; }},
        {"--threads", [](auto &run, unsigned n) { run.limits.threads = n; }},
        {"--states-max", [](auto &run, unsigned n) { run.limits.states_max = n; }},
        {"--liveness", [](auto &run, unsigned n) { run.limits.checks_liveness = n != 0; }},
        {"--expect-failure", [](auto &run, unsigned n) { run.expects_failure = n != 0; }},
        {"--check-symmetry", [](auto &run, unsigned n) { run.checks_symmetry = n != 0; }},
        {"--table", [](auto &run, unsigned n) { run.shows_table = n != 0; }},
    };
    return all;
}

bool is_in_range(const RunOptions &options) {
    const JobOptions &job = options.pages;
    const LockRules &locks = options.locks.rules;
    const bool has_places = job.rules.nodes <= job_nodes_max && job.rules.nodes >= 2 && job.pages <= job_pages_max &&
                            job.pages >= 1 && job.homes[1] < job.rules.nodes && job.threads_per_node <= 2 &&
                            job.threads_per_node >= 1 && locks.locks <= locks_max;
    const bool has_counts = job.accesses <= 7 && job.evictions <= 7 && job.rules.limits.fan_out > 0 &&
                            job.rules.limits.read_fan_out > 0 && options.limits.threads >= 1 &&
                            options.limits.threads <= 16 && locks.uses <= 7;
    return has_places && has_counts;
}

} // namespace

bool parse(const std::string &words, RunOptions &options) {
    options.pages.rules.limits.residence_us = 0;
    options.pages.rules.limits.residence_doublings = 0;
    options.pages.rules.limits.tree_above_nodes = job_nodes_max;
    std::istringstream all(words);
    std::string bug;
    std::string name;
    std::string value;
    while (all >> name) {
        if (!(all >> value)) { return false; }
        if (name == "--bug") {
            bug = value;
        } else if (setters().contains(name)) {
            setters().at(name)(options, static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10)));
        } else {
            return false;
        }
    }
    return is_in_range(options) && (bug.empty() || plant(bug, options));
}

const char *usage_text() {
    return "dsm_explore --suite small|short|full, or one job:\n"
           "  pages: [--nodes N] [--pages 1|2] [--second-home N] [--threads-per-node 1|2] [--accesses K] [--evictions "
           "K]\n"
           "         [--frees K] [--pins K] [--slow-wakes K] [--extras K] [--residence 1] [--first-touch 1] [--in-file "
           "1]\n"
           "         [--fan-out F] [--tree 1] [--read-fan-out F] [--symmetry 0] [--check-symmetry 1]\n"
           "  locks: --locks 1|2 [--nodes N] [--threads-per-node 1|2] [--uses K] [--timed K] [--tries K] [--relocks "
           "K]\n"
           "  both:  [--threads N] [--states-max S] [--liveness 1] [--table 1] [--bug NAME] [--expect-failure 1]\n";
}

} // namespace dsm::model
