// The tools of the litmus tests themselves: what the parser takes and refuses, what the reference allows, that search
// and simulation agree with it, and that a wrong verdict is noticed.
#include "tests/litmus/exhaustive.hpp"
#include "tests/litmus/parser.hpp"
#include "tests/litmus/random_runs.hpp"
#include "tests/litmus/release_search.hpp"
#include "tests/litmus/report.hpp"

#include <gtest/gtest.h>

namespace dsm::litmus {

namespace {

const std::string store_buffering = "# a comment\n"
                                    "test SB\n"
                                    "variables x y=3\n"
                                    "thread 0 on 0\n"
                                    "    store x 1\n"
                                    "    load y -> r0\n"
                                    "thread 1 on 1\n"
                                    "    store y 1\n"
                                    "    load x -> r0  # the last one\n"
                                    "outcome 0:r0=3 1:r0=0\n"
                                    "    sequential: forbidden\n";

LitmusTest parsed(const std::string &text) {
    ParseResult result = parse(text);
    EXPECT_TRUE(result.test.has_value()) << result.error.line << ": " << result.error.reason;
    return result.test ? std::move(*result.test) : LitmusTest{};
}

/// Replaces the first `from`, which must be there.
std::string with(std::string text, const std::string &from, const std::string &to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

struct Refusal {
    const char *from, *to; ///< what is changed in the good file
    unsigned line;
    const char *reason; ///< a part of it
};
constexpr Refusal refusals[] = {
    {"test SB", "", 3, "a file begins with"},
    {"test SB", "test SB SB", 2, "expected: test NAME"},
    {"test SB", "test =", 2, "expected: test NAME"},
    {"variables x y=3", "variables x x", 3, "declared twice"},
    {"variables x y=3", "variables x y=256", 3, "an initial value"},
    {"variables x y=3", "variables x y=", 3, "an initial value"},
    {"variables x y=3", "variables a b c d e", 3, "more than 4 variables"},
    {"variables x y=3", "atomics a b c d e f g h", 3, "more than 7 objects"},
    {"variables x y=3", "locks a b c d", 3, "more than 3 locks"},
    {"variables x y=3", "locks x=1", 3, "a lock has none"},
    {"variables x y=3", "variables x", 6, "'y' is not declared"},
    {"variables x y=3", "locks x y", 5, "is a lock"},
    {"thread 0 on 0", "thread 0 on 4", 4, "expected: thread"},
    {"thread 0 on 0", "thread 0", 4, "expected: thread"},
    {"thread 1 on 1", "thread 2 on 1", 7, "threads are numbered"},
    {"store x 1", "lock x", 5, "is no lock"},
    {"store x 1", "store x", 5, "too few or too many"},
    {"store x 1", "store x -1", 5, "no value"},
    {"store x 1", "fence x", 5, "too few or too many"},
    {"store x 1", "jump x 1", 5, "is no operation"},
    {"store x 1", "store x 1 if r0=1", 5, "loaded before"},
    {"load y -> r0", "load y -> r4", 6, "expected: -> REGISTER"},
    {"load y -> r0", "load y to r0", 6, "expected: -> REGISTER"},
    {"outcome 0:r0=3 1:r0=0", "outcome", 10, "expected: outcome"},
    {"outcome 0:r0=3 1:r0=0", "outcome 0:r1=3", 10, "no register"},
    {"outcome 0:r0=3 1:r0=0", "outcome 2:r0=3", 10, "no register"},
    {"outcome 0:r0=3 1:r0=0", "outcome z=3", 10, "has no value"},
    {"outcome 0:r0=3 1:r0=0", "outcome x", 10, "no part of an outcome"},
    {"    sequential: forbidden\n", "", 10, "without its verdict"},
    {"sequential: forbidden", "sequential: perhaps", 11, "a verdict is"},
    {"sequential: forbidden", "sequential: forbidden\nsequential: allowed", 12, "a second verdict"},
    {"sequential: forbidden", "sequential: forbidden\nthread 2 on 2", 12, "threads stand before"},
    {"sequential: forbidden", "sequential: forbidden\nstore x 1", 12, "is not known here"},
};

} // namespace

TEST(LitmusParser, TakesAGoodFile) {
    const LitmusTest test = parsed(store_buffering);
    EXPECT_EQ(test.name, "SB");
    ASSERT_EQ(test.objects.size(), 2U);
    EXPECT_EQ(test.objects[1].initial, 3);
    ASSERT_EQ(test.threads.size(), 2U);
    EXPECT_EQ(text(test, test.threads[0].operations[1]), "load y -> r0");
    EXPECT_EQ(text(test, test.conditions.at(0)), "0:r0=3 1:r0=0");
    EXPECT_EQ(test.conditions[0].sequential, Verdict::Forbidden);
    EXPECT_EQ(test.conditions[0].release, Verdict::Undefined);
}

TEST(LitmusParser, RefusesWithLineAndReason) {
    for (const Refusal &refusal : refusals) {
        const ParseResult result = parse(with(store_buffering, refusal.from, refusal.to));
        EXPECT_FALSE(result.test.has_value()) << refusal.to;
        EXPECT_EQ(result.error.line, refusal.line) << refusal.to << ": " << result.error.reason;
        EXPECT_NE(result.error.reason.find(refusal.reason), std::string::npos)
            << refusal.to << ": " << result.error.reason;
    }
}

TEST(LitmusParser, RefusesLocksThatDoNotPair) {
    const auto locked = [](const std::string &body) {
        return parse("test L\nlocks m\nthread 0 on 0\n" + body + "thread 1 on 1\nfence\noutcome 0:r0=0\n");
    };
    EXPECT_NE(locked("lock m\nlock m\n").error.reason.find("that is held"), std::string::npos);
    EXPECT_NE(locked("unlock m\n").error.reason.find("not held"), std::string::npos);
    EXPECT_NE(locked("lock m\n").error.reason.find("while it holds"), std::string::npos);
}

TEST(LitmusParser, SurvivesAnything) {
    EXPECT_FALSE(parse("").test.has_value());
    EXPECT_FALSE(parse(std::string(file_bytes_max + 1, 'x')).test.has_value());
    EXPECT_FALSE(parse(std::string("test \0\n\0", 8)).test.has_value());
    for (std::size_t length = 0; length < store_buffering.size(); ++length) {
        (void)parse(std::string_view(store_buffering).substr(0, length));
        std::string changed = store_buffering;
        changed[length] = static_cast<char>(0x80 + length % 128);
        (void)parse(changed);
    }
}

TEST(LitmusReference, AllowsWhatInterleavingsGive) {
    const LitmusTest test = parsed(store_buffering);
    const Reference reference = enumerate(test);
    EXPECT_EQ(reference.outcomes.size(), 3U);
    EXPECT_TRUE(reference.has_race);
    EXPECT_TRUE(check_verdicts(test, reference).empty());
}

TEST(LitmusReference, NoticesWrongVerdicts) {
    for (const char *wrong :
         {"sequential: allowed", "sequential: sometimes", "sequential: forbidden\nrelease: forbidden"}) {
        const LitmusTest test = parsed(with(store_buffering, "sequential: forbidden", wrong));
        EXPECT_FALSE(check_verdicts(test, enumerate(test)).empty()) << wrong;
    }
    const LitmusTest possible = parsed(with(store_buffering, "0:r0=3 1:r0=0", "0:r0=3 1:r0=1"));
    EXPECT_FALSE(check_verdicts(possible, enumerate(possible)).empty());
    const LitmusTest atomics = parsed(with(store_buffering, "variables", "atomics"));
    EXPECT_FALSE(check_verdicts(atomics, enumerate(atomics)).empty()) << "without a race release memory has a verdict";
}

TEST(LitmusParser, RefusesBarriersThatNotAllComeTo) {
    const auto with_second = [](const std::string &body) {
        return parse("test B\nvariables x\nthread 0 on 0\nload x -> r0\nbarrier\nthread 1 on 1\n" + body +
                     "outcome x=0\nsequential: allowed\nrelease: allowed\n");
    };
    EXPECT_TRUE(with_second("barrier\n").test.has_value());
    EXPECT_NE(with_second("fence\n").error.reason.find("not every thread"), std::string::npos);
    EXPECT_NE(with_second("load x -> r0\nbarrier if r0=1\n").error.reason.find("no condition"), std::string::npos);
}

TEST(LitmusReference, AllowsOldValuesInReleaseMemoryOnlyWhereThereIsARace) {
    const LitmusTest test = parsed(store_buffering);
    const Reference reference = enumerate_release(test);
    EXPECT_EQ(reference.outcomes.size(), 4U) << "both threads may read the initial values";
    const LitmusTest atomics = parsed(with(store_buffering, "variables", "atomics"));
    EXPECT_EQ(enumerate_release(atomics).outcomes, enumerate(atomics).outcomes);
    for (const char *verdict : {"sometimes", "allowed"}) {
        EXPECT_TRUE(check_verdicts(parsed(with(store_buffering, "sequential: forbidden",
                                               std::string("sequential: forbidden\nrelease: ") + verdict)),
                                   enumerate(test))
                        .empty());
    }
}

TEST(LitmusReference, TakesNoValueBackThatASynchronisedWriteHides) {
    const LitmusTest test = parsed("test H\nvariables x\nlocks m\n"
                                   "thread 0 on 0\nlock m\nstore x 1\nunlock m\n"
                                   "thread 1 on 1\nlock m\nload x -> r0\nunlock m\nload x -> r1 if r0=1\n"
                                   "outcome 1:r0=1 1:r1=0\nsequential: forbidden\nrelease: forbidden\n");
    EXPECT_TRUE(check_verdicts(test, enumerate(test)).empty());
    EXPECT_EQ(enumerate_release(test).outcomes.size(), 2U);
}

TEST(LitmusReference, NoticesDeadlock) {
    const ParseResult good = parse("test D\nlocks m n\natomics f\nthread 0 on 0\nlock m\nlock n\nunlock n\nunlock m\n"
                                   "thread 1 on 1\nlock n\nlock m\nunlock m\nunlock n\noutcome f=0\n"
                                   "sequential: allowed\nrelease: allowed\n");
    ASSERT_TRUE(good.test.has_value()) << good.error.reason;
    EXPECT_EQ(check_verdicts(*good.test, enumerate(*good.test)).size(), 1U);
}

TEST(LitmusReport, FailsAtForbiddenAndAtMissingOutcomes) {
    const LitmusTest test = parsed(store_buffering);
    const Reference reference = enumerate(test);
    Seen seen;
    for (const Outcome &outcome : reference.outcomes) { seen[outcome] = 1; }
    const auto passes = [&](Expected expected) {
        Report report(false);
        report.add(test, "here", "1", reference, seen, expected);
        return report.finish();
    };
    EXPECT_TRUE(passes(Expected::All));
    seen.erase(seen.begin());
    EXPECT_FALSE(passes(Expected::All));
    EXPECT_TRUE(passes(Expected::Nothing));
    Outcome forbidden{};
    forbidden.registers[0][0] = 3;
    forbidden.memory = {1, 1};
    seen[forbidden] = 1;
    EXPECT_FALSE(passes(Expected::Nothing));
}

TEST(LitmusRunners, SearchGivesExactlyTheReference) {
    const LitmusTest test = parsed(store_buffering);
    const Reference reference = enumerate(test);
    for (const Placement placement : model_placements) {
        const ExhaustiveResult result = Exhaustive(test, reference, {.placement = placement}).run();
        EXPECT_TRUE(result.failure.empty()) << result.failure;
        EXPECT_TRUE(result.is_complete);
        EXPECT_EQ(result.outcomes.size(), reference.outcomes.size());
    }
}

TEST(LitmusRunners, SearchShowsHowABugCameAbout) {
    const LitmusTest test = parsed(store_buffering);
    const ExhaustiveResult result =
        Exhaustive(test, enumerate(test), {.start = Start::Shared, .mutation = protocol::Mutation::WriteBeforeAcks})
            .run();
    EXPECT_NE(result.failure.find("forbids: 0:r0=3 1:r0=0"), std::string::npos) << result.failure;
    EXPECT_GT(result.counterexample.size(), 4U);
}

TEST(LitmusRunners, ReleaseSearchGivesWhatReleaseMemoryShows) {
    const LitmusTest test = parsed(store_buffering);
    const Reference reference = enumerate_release(test);
    std::set<Outcome> seen;
    for (const Manner manner : all_manners) {
        for (const Start start : all_starts) {
            const ExhaustiveResult result = ReleaseSearch(test, reference, {.manner = manner, .start = start}).run();
            EXPECT_TRUE(result.failure.empty()) << result.failure;
            EXPECT_TRUE(result.is_complete);
            for (const auto &[outcome, count] : result.outcomes) { seen.insert(outcome); }
        }
    }
    EXPECT_EQ(seen, reference.outcomes);
}

TEST(LitmusRunners, ReleaseSearchShowsHowABugCameAbout) {
    const LitmusTest test = parsed("test L\nvariables x\nlocks m\n"
                                   "thread 0 on 0\nlock m\nfetch_add x 1 -> r0\nunlock m\n"
                                   "thread 1 on 1\nlock m\nfetch_add x 1 -> r0\nunlock m\n"
                                   "outcome x=2\nsequential: sometimes\nrelease: sometimes\n");
    const ExhaustiveResult result = ReleaseSearch(test, enumerate_release(test),
                                                  {.start = Start::Shared,
                                                   .mutation = protocol::ReleaseMutation::FlushForgotten,
                                                   .overlooks_invariants = true})
                                        .run();
    EXPECT_NE(result.failure.find("never shows"), std::string::npos) << result.failure;
    EXPECT_GT(result.counterexample.size(), 4U);
}

TEST(LitmusRunners, EqualSeedsGiveEqualReleaseRuns) {
    const LitmusTest test = parsed(store_buffering);
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        const RandomResult first = run_release_random(test, {.seed = seed});
        const RandomResult second = run_release_random(test, {.seed = seed});
        EXPECT_TRUE(first.failure.empty()) << first.failure;
        EXPECT_EQ(first.outcome, second.outcome);
        EXPECT_EQ(first.events, second.events);
    }
}

TEST(LitmusRunners, EqualSeedsGiveEqualRuns) {
    const LitmusTest test = parsed(store_buffering);
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        const RandomResult first = run_random(test, {.seed = seed});
        const RandomResult second = run_random(test, {.seed = seed});
        EXPECT_TRUE(first.failure.empty()) << first.failure;
        EXPECT_EQ(first.outcome, second.outcome);
        EXPECT_EQ(first.events, second.events);
    }
}

} // namespace dsm::litmus
