// Loops over tests, placements and starts.
#include "tests/litmus/runners.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace dsm::litmus {

namespace {

/// What runs now, for a check in the protocol that ends the program.
Exhaustive *exhaustive_running = nullptr;
ReleaseSearch *release_running = nullptr;
const LitmusTest *test_running = nullptr;
std::uint64_t seed_running = 0;

void on_broken_check(int /*exit_code*/) {
    if (exhaustive_running != nullptr) {
        Exhaustive *const search = exhaustive_running;
        exhaustive_running = nullptr;
        for (const std::string &line : search->path()) { std::printf("%s\n", line.c_str()); }
    }
    if (release_running != nullptr) {
        ReleaseSearch *const search = release_running;
        release_running = nullptr;
        for (const std::string &line : search->path()) { std::printf("%s\n", line.c_str()); }
    }
    std::printf("FAILED: %s, seed %llu: a check in the protocol, see above\n",
                test_running == nullptr ? "?" : test_running->name.c_str(),
                static_cast<unsigned long long>(seed_running));
    std::fflush(stdout);
    std::_Exit(EXIT_FAILURE);
}

} // namespace

void watch_checks() { set_job_ender(on_broken_check); }

namespace {
/// What the tests are compared with.
Reference reference_of(const LitmusTest &test, Memory memory) {
    Reference reference = enumerate(test);
    if (memory == Memory::Sequential) { return reference; }
    const bool has_race = reference.has_race;
    reference = enumerate_release(test);
    reference.has_race = has_race;
    return reference;
}
} // namespace

void run_reference(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report) {
    report.head("states");
    for (const LitmusTest &test : tests) {
        const Reference reference = reference_of(test, choice.memory);
        Seen seen;
        for (const Outcome &outcome : reference.outcomes) { seen[outcome] = 1; }
        report.add(test, reference.has_race ? "race" : "no race", std::to_string(reference.states), reference, seen,
                   Expected::All);
        for (const std::string &finding : check_verdicts(test, enumerate(test))) {
            report.fail(test, "file", finding, {});
        }
    }
}

namespace {

/// One placement of a test, from every beginning.
void search(const LitmusTest &test, const Reference &reference, Placement placement, const Choice &choice,
            Report &report) {
    Seen seen;
    std::uint64_t states = 0;
    bool is_complete = !choice.hunts_bug;
    for (const Start start : all_starts) {
        if (choice.start && *choice.start != start) { continue; }
        Exhaustive one(test, reference,
                       {.placement = placement,
                        .start = start,
                        .evictions = choice.evictions,
                        .slow_wakes = choice.slow_wakes,
                        .has_reader_tree = choice.has_reader_tree,
                        .states_max = choice.states_max,
                        .mutation = choice.mutation,
                        .lock_mutation = choice.lock_mutation});
        exhaustive_running = &one;
        const ExhaustiveResult result = one.run();
        exhaustive_running = nullptr;
        for (const auto &[outcome, count] : result.outcomes) { seen[outcome] += count; }
        states += result.states;
        is_complete = is_complete && result.is_complete;
        const std::string where = std::string(name_of(placement)) + " " + name_of(start);
        if (!result.failure.empty()) {
            report.fail(test, where, result.failure, result.counterexample);
            if (choice.hunts_bug) { return; }
        } else if (!result.is_complete && !choice.hunts_bug) {
            report.fail(test, where, "not complete: more than " + std::to_string(choice.states_max) + " states", {});
        }
    }
    report.add(test, name_of(placement), std::to_string(states), reference, seen,
               is_complete ? Expected::All : Expected::Nothing);
}

/// Manners that differ for the test: without a lock nothing is bound to one. What is sent unasked to three nodes makes
/// tens of millions of states; it is searched where it is asked for.
std::vector<Manner> manners_of(const LitmusTest &test, const Choice &choice) {
    std::vector<Manner> manners;
    const bool has_lock = std::any_of(test.objects.begin(), test.objects.end(),
                                      [](const Object &object) { return object.kind == ObjectKind::Lock; });
    for (const Manner manner : all_manners) {
        if (choice.manner && *choice.manner != manner) { continue; }
        const bool is_large = manner == Manner::Push && test.node_count() > 3 && !choice.manner && !choice.hunts_bug;
        if ((manner != Manner::Bind || has_lock) && !is_large) { manners.push_back(manner); }
    }
    return manners;
}

void search_release(const LitmusTest &test, const Reference &reference, Placement placement, const Choice &choice,
                    Report &report) {
    Seen seen;
    std::uint64_t states = 0;
    bool is_complete = !choice.hunts_bug;
    for (const Manner manner : manners_of(test, choice)) {
        for (const Start start : all_starts) {
            if (choice.start && *choice.start != start) { continue; }
            ReleaseSearch one(test, reference,
                              {.placement = placement,
                               .manner = manner,
                               .start = start,
                               .is_fine = choice.is_fine,
                               .puts_late = choice.is_fine,
                               .evictions = choice.evictions,
                               .states_max = choice.states_max,
                               .mutation = choice.release_mutation,
                               .overlooks_invariants = choice.hunts_bug});
            release_running = &one;
            const ExhaustiveResult result = one.run();
            release_running = nullptr;
            for (const auto &[outcome, count] : result.outcomes) { seen[outcome] += count; }
            states += result.states;
            is_complete = is_complete && result.is_complete;
            const std::string where = std::string(name_of(placement)) + " " + name_of(manner) + " " + name_of(start);
            if (!result.failure.empty()) {
                report.fail(test, where, result.failure, result.counterexample);
                if (choice.hunts_bug) { return; }
            } else if (!result.is_complete && !choice.hunts_bug) {
                report.fail(test, where, "not complete: more than " + std::to_string(choice.states_max) + " states",
                            {});
            }
        }
    }
    const Expected expected = !is_complete ? Expected::Nothing : reference.has_race ? Expected::Some : Expected::All;
    report.add(test, name_of(placement), std::to_string(states), reference, seen, expected);
}

RandomResult run_seed(const LitmusTest &test, Placement placement, const Choice &choice,
                      std::vector<std::string> *trace) {
    if (choice.memory == Memory::Release) {
        return run_release_random(test, {placement, seed_running, choice.release_mutation, trace, choice.hunts_bug});
    }
    return run_random(test, {placement, seed_running, choice.mutation, choice.lock_mutation, trace});
}

/// One placement of a test, for every seed up to the first that fails.
void simulate(const LitmusTest &test, const Reference &reference, Placement placement, const Choice &choice,
              Report &report) {
    Seen seen;
    for (seed_running = choice.seed; seed_running < choice.seed + choice.seeds; ++seed_running) {
        RandomResult result = run_seed(test, placement, choice, nullptr);
        if (result.failure.empty() && !reference.outcomes.contains(result.outcome)) {
            result.failure = std::string("an outcome that ") +
                             (choice.memory == Memory::Release ? "release memory never shows: "
                                                               : "sequential consistency forbids: ") +
                             text(test, result.outcome);
        }
        if (!result.failure.empty()) {
            std::vector<std::string> trace;
            (void)run_seed(test, placement, choice, &trace);
            report.fail(test, std::string(name_of(placement)) + " seed " + std::to_string(seed_running), result.failure,
                        trace);
            return;
        }
        ++seen[result.outcome];
    }
    report.add(test, name_of(placement), std::to_string(choice.seeds), reference, seen, Expected::Nothing);
}

template <class RunOne>
void run_each(const std::vector<LitmusTest> &tests, const Choice &choice, const Report &report, RunOne run_one) {
    for (const LitmusTest &test : tests) {
        const Reference reference = reference_of(test, choice.memory);
        test_running = &test;
        for (const Placement placement : distinct(test, model_placements)) {
            if (choice.placement && *choice.placement != placement) { continue; }
            run_one(test, reference, placement);
            if (choice.hunts_bug && report.has_failed()) { return; }
        }
    }
}

} // namespace

void run_exhaustive(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report) {
    report.head("states");
    run_each(tests, choice, report, [&](const LitmusTest &test, const Reference &reference, Placement placement) {
        if (choice.memory == Memory::Release) {
            search_release(test, reference, placement, choice, report);
        } else {
            search(test, reference, placement, choice, report);
        }
    });
}

void run_simulated(const std::vector<LitmusTest> &tests, const Choice &choice, Report &report) {
    report.head("runs");
    run_each(tests, choice, report, [&](const LitmusTest &test, const Reference &reference, Placement placement) {
        simulate(test, reference, placement, choice, report);
    });
}

} // namespace dsm::litmus
