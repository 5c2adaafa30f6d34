// dsm_simulate_sync: runs simulated jobs of locks, conditions and barriers, one per seed, until one fails or all ended.
//
//   dsm_simulate_sync --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/sync/sync_programs.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

using namespace dsm::sync_test;

namespace {

constexpr int exit_usage = 2;

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    unsigned nodes = 0;
    Mutations mutations;
    bool expects_failure = false;
    bool traces = false;
};

struct Bug {
    std::string_view name;
    Mutations mutations;
};

const Bug bugs[] = {
    {"hint-not-turned", {.lock = LockMutation::HintNotTurned}},
    {"next-forgotten", {.lock = LockMutation::NextForgotten}},
    {"head-not-woken", {.lock = LockMutation::HeadNotWoken}},
    {"token-kept", {.lock = LockMutation::TokenKept}},
    {"flag-not-raised", {.lock = LockMutation::FlagNotRaised}},
    {"try-takes-held", {.lock = LockMutation::TryTakesHeld}},
    {"try-refused-by-try", {.lock = LockMutation::TryRefusedByTry}},
    {"late-try-refused", {.lock = LockMutation::LateTryRefused}},
    {"return-not-awaited", {.lock = LockMutation::ReturnNotAwaited}},
    {"relock-not-counted", {.lock = LockMutation::RelockNotCounted}},
    {"relock-not-flagged", {.lock = LockMutation::RelockNotFlagged}},
    {"unlock-releases-all", {.lock = LockMutation::UnlockReleasesAll}},
    {"abandon-stays-queued", {.lock = LockMutation::AbandonStaysQueued}},
    {"abandon-not-served", {.lock = LockMutation::AbandonNotServed}},
    {"late-token-kept", {.lock = LockMutation::LateTokenKept}},
    {"abandoned-refuses", {.lock = LockMutation::AbandonedRefuses}},
    {"kept-mistaken", {.lock = LockMutation::KeptMistaken}},
    {"kept-forgotten", {.lock = LockMutation::KeptForgotten}},
    {"parked-try-forgotten", {.lock = LockMutation::ParkedTryForgotten}},
    {"signal-wakes-nobody", {.condition = ConditionMutation::SignalWakesNobody}},
    {"broadcast-misses-last", {.condition = ConditionMutation::BroadcastMissesLast}},
    {"cancel-always-agrees", {.condition = ConditionMutation::CancelAlwaysAgrees}},
    {"cancel-leaves-queued", {.condition = ConditionMutation::CancelLeavesQueued}},
    {"cancel-loses-record", {.condition = ConditionMutation::CancelLosesRecord}},
    {"child-forgotten", {.barrier = BarrierMutation::LeafForgotten}},
    {"two-serials", {.barrier = BarrierMutation::TwoSerials}},
    {"opens-early", {.barrier = BarrierMutation::OpensEarly}},
    {"tickets-ignored", {.barrier = BarrierMutation::TicketsIgnored}},
};

[[noreturn]] void usage(const char *what) {
    std::fprintf(stderr, "dsm_simulate_sync: %s\n", what);
    std::fprintf(stderr, "  --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]\n  bugs:");
    for (const Bug &bug : bugs) { std::fprintf(stderr, " %s", bug.name.data()); }
    std::fprintf(stderr, "\n");
    std::_Exit(exit_usage);
}

template <class Integer> Integer number(const char *text) {
    Integer value = 0;
    const char *end = text + std::strlen(text);
    const auto parsed = std::from_chars(text, end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) { usage("a number is expected"); }
    return value;
}

Mutations mutations_of(std::string_view name) {
    for (const Bug &bug : bugs) {
        if (bug.name == name) { return bug.mutations; }
    }
    usage("no such bug");
}

Options parse(int argc, char **argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : (usage("a value is missing"), nullptr); };
        if (name == "--seed") {
            options.seed = number<std::uint64_t>(value());
        } else if (name == "--count") {
            options.count = number<std::uint64_t>(value());
        } else if (name == "--nodes") {
            options.nodes = number<unsigned>(value());
        } else if (name == "--bug") {
            options.mutations = mutations_of(value());
        } else if (name == "--expect-failure") {
            options.expects_failure = true;
        } else if (name == "--trace") {
            options.traces = true;
        } else {
            usage("unknown option");
        }
    }
    return options;
}

void add(Counts &sum, const Counts &counts) {
    sum.steps += counts.steps;
    sum.messages += counts.messages;
    sum.forwards += counts.forwards;
    sum.tokens += counts.tokens;
    sum.lendings += counts.lendings;
    sum.busy += counts.busy;
    sum.queued_tries += counts.queued_tries;
    sum.timed_out += counts.timed_out;
    sum.abandoned_late += counts.abandoned_late;
    sum.late_tokens += counts.late_tokens;
    sum.kept += counts.kept;
    sum.kept_late += counts.kept_late;
    sum.tries_ahead += counts.tries_ahead;
    sum.parked_tries += counts.parked_tries;
    sum.laters += counts.laters;
    sum.relocks += counts.relocks;
    sum.too_deep += counts.too_deep;
    sum.wakes += counts.wakes;
    sum.cancelled += counts.cancelled;
    sum.cancel_late += counts.cancel_late;
    sum.refused += counts.refused;
    sum.departs += counts.departs;
    sum.serials += counts.serials;
}

void print(const char *name, std::uint64_t count) {
    std::printf("%s %llu  ", name, static_cast<unsigned long long>(count));
}

/// Every count must have happened in a long run, or the simulation shows less than it says.
bool is_rich(const Counts &sum) {
    return sum.forwards != 0 && sum.tokens != 0 && sum.lendings != 0 && sum.busy != 0 && sum.queued_tries != 0 &&
           sum.timed_out != 0 && sum.abandoned_late != 0 && sum.late_tokens != 0 && sum.kept_late != 0 &&
           sum.tries_ahead != 0 && sum.parked_tries != 0 && sum.laters != 0 && sum.relocks != 0 && sum.too_deep != 0 &&
           sum.wakes != 0 && sum.cancelled != 0 && sum.cancel_late != 0 && sum.refused != 0 && sum.departs != 0;
}

int run(const Options &options) {
    constexpr std::uint64_t count_that_sees_all = 500;
    Counts sum{};
    for (std::uint64_t i = 0; i < options.count; ++i) {
        add(sum, run_seed(options.seed + i, options.nodes, options.mutations, options.traces));
    }
    print("seeds", options.count);
    print("steps", sum.steps);
    print("messages", sum.messages);
    print("forwards", sum.forwards);
    print("tokens", sum.tokens);
    print("lendings", sum.lendings);
    print("busy", sum.busy);
    print("queued_tries", sum.queued_tries);
    print("timed_out", sum.timed_out);
    print("abandoned_late", sum.abandoned_late);
    print("late_tokens", sum.late_tokens);
    print("kept", sum.kept);
    print("kept_late", sum.kept_late);
    print("tries_ahead", sum.tries_ahead);
    print("parked_tries", sum.parked_tries);
    print("laters", sum.laters);
    print("relocks", sum.relocks);
    print("too_deep", sum.too_deep);
    print("wakes", sum.wakes);
    print("cancelled", sum.cancelled);
    print("cancel_late", sum.cancel_late);
    print("refused", sum.refused);
    print("departs", sum.departs);
    print("serials", sum.serials);
    std::printf("\n");
    if (options.count >= count_that_sees_all && !is_rich(sum)) {
        std::printf("something that should happen never did\n");
        return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    const Options options = parse(argc, argv);
    if (!options.expects_failure) { return run(options); }
    const pid_t child = ::fork();
    if (child == 0) { std::_Exit(run(options)); }
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool failed = WIFEXITED(status) && (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 70);
    std::printf("%s\n", failed ? "the planted bug was found" : "the planted bug was NOT found");
    return failed ? 0 : 1;
}
