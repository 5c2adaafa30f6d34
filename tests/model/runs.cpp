// Explorations and their reports.
#include "tests/model/runs.hpp"

#include "libdsm/base/check.hpp"
#include "tests/model/guards.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>

namespace dsm::model {

namespace {

using Number = unsigned long long;

/// What prints the way to a check in the shipped code that has failed.
std::function<void()> report_broken_check;

void on_broken_check(int /*exit_code*/) {
    report_broken_check();
    std::fflush(stdout);
}

void print_line(const SearchResult &result, unsigned letters_most) {
    std::printf("  %llu states, %llu transitions, %u steps deep, at most %u messages under way at once; %s, %.1f s, "
                "%.0f states/s\n",
                static_cast<Number>(result.states), static_cast<Number>(result.transitions), result.depth, letters_most,
                result.is_complete ? "complete" : "cut short", result.seconds,
                static_cast<double>(result.states) / std::max(result.seconds, 1e-3));
    std::printf("  odds that two states were taken for one: %.1e\n", collision_odds(result.states));
}

/// Prints what a search has found. `is_full`: it saw all that it must.
template <class Model>
bool judge(Model &model, const RunOptions &options, const SearchResult &result, const typename Model::Tally &tally) {
    if (result.failure != nullptr) {
        std::printf("%sfailed: %s, after %llu states\n", model.chart(result.path, true).c_str(), result.failure,
                    static_cast<Number>(result.states));
        return options.expects_failure;
    }
    print_line(result, tally.letters_most);
    if (options.limits.checks_liveness) {
        std::printf("  liveness: from each of them one of %llu states of rest is reached without help\n",
                    static_cast<Number>(result.states_quiet));
    }
    bool is_full = true;
    for (const auto &[what, count] : model.sights(tally)) {
        if (count > 0) { continue; }
        std::printf("  never seen: %s\n", what.c_str());
        is_full = false;
    }
    return is_full && result.is_complete && !options.expects_failure;
}

template <class Model> void watch(Model &model, const Search<Model> &search, bool expects_failure) {
    report_broken_check = [&model, &search, expects_failure] {
        std::printf("%sfailed: a check in the shipped code, see above; after %llu states\n",
                    model.chart(search.path_to_current(), false).c_str(), static_cast<Number>(search.states()));
        std::fflush(stdout);
        std::_Exit(expects_failure ? EXIT_SUCCESS : EXIT_FAILURE);
    };
    set_job_ender(on_broken_check);
}

bool compare_symmetry(const RunOptions &options, const JobTally &tally) {
    JobOptions job = options.pages;
    job.has_symmetry = false;
    PageModel model(job);
    const SearchResult all = Search<PageModel>(model, options.limits).run();
    std::printf("  without symmetry %llu states; those with it stand for %llu\n", static_cast<Number>(all.states),
                static_cast<Number>(tally.stands_for));
    return all.states == tally.stands_for;
}

bool explore_pages(const RunOptions &options, Summary &summary) {
    PageModel model(options.pages);
    Search<PageModel> search(model, options.limits);
    model.counts_orbits = options.checks_symmetry;
    watch(model, search, options.expects_failure);
    const SearchResult result = search.run();
    const JobTally tally = search.tally();
    summary.states += result.states;
    summary.transitions += result.transitions;
    model.count_table(tally, summary.table);
    model.count_invariants(tally, summary.page_invariants);
    const bool is_good = judge(model, options, result, tally);
    return is_good && (!options.checks_symmetry || compare_symmetry(options, tally));
}

bool explore_locks(const RunOptions &options, Summary &summary) {
    LockModel model(options.locks);
    Search<LockModel> search(model, options.limits);
    watch(model, search, options.expects_failure);
    const SearchResult result = search.run();
    const LockTally tally = search.tally();
    summary.states += result.states;
    summary.transitions += result.transitions;
    for (std::size_t i = 0; i < tally.invariants.size(); ++i) { summary.lock_invariants[i] += tally.invariants[i]; }
    return judge(model, options, result, tally);
}

void print_counts(char letter, const std::array<std::uint64_t, 16> &counts) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) { std::printf("  %c%zu: %llu", letter, i, static_cast<Number>(counts[i])); }
    }
    std::printf("\n");
}

} // namespace

bool explore(const RunOptions &options, Summary &summary) {
    return options.is_locks ? explore_locks(options, summary) : explore_pages(options, summary);
}

bool try_impossible_events() {
    RunOptions options;
    if (!parse("--nodes 3 --accesses 2 --threads 1", options)) { return false; }
    PageModel model(options.pages);
    Search<PageModel> search(model, options.limits);
    const SearchResult result = search.run();
    std::printf("impossible events, and the check that would end the job:\n");
    return result.is_complete && count_guards(model.machine()) == TableCounts::impossible();
}

void print(const Summary &summary, bool has_table) {
    if (has_table) { std::printf("\n%s\n", summary.table.text().c_str()); }
    std::printf("invariants, how often each was checked:\n");
    print_counts('S', summary.page_invariants);
    print_counts('L', summary.lock_invariants);
}

} // namespace dsm::model
