// The search itself, on models so small that the answer is known: all states, a shortest way to a failure, and states
// from which nobody comes to rest.
#include "tests/model/chart.hpp"
#include "tests/model/search.hpp"

#include <gtest/gtest.h>

namespace dsm::model {
namespace {

/// Two counters that count up to `top` in any order; at `trap` the first one can only go round for ever.
struct Counters {
    struct State {
        std::uint32_t first, second;
    };
    struct Tally {
        std::uint64_t checks;
        void add(const Tally &other) { checks += other.checks; }
    };
    static constexpr std::uint32_t round = 100; ///< where the trap goes round: states 100 and 101

    std::uint32_t top = 30;
    std::uint32_t trap = 1'000;
    std::uint32_t forbidden = 1'000; ///< a sum

    static State initial() { return {0, 0}; }
    void actions(const State &state, ActionList &list) const {
        if (state.first == trap || state.first >= round) { return list.add(2); }
        if (state.first < top) { list.add(0); }
        if (state.second < top) { list.add(1); }
    }
    static const char *apply(State &state, std::uint32_t action, Tally &) {
        if (action == 2) {
            state.first = state.first == round ? round + 1 : round;
        } else {
            ++(action == 0 ? state.first : state.second);
        }
        return nullptr;
    }
    const char *check(const State &state, const ActionList &, Tally &tally) const {
        ++tally.checks;
        return state.first + state.second == forbidden ? "forbidden" : nullptr;
    }
    static bool happens_by_itself(std::uint32_t) { return true; }
    bool is_quiet(const State &state) const { return state.first == top && state.second == top; }
};

TEST(Search, VisitsEveryStateOnce) {
    for (const unsigned threads : {1U, 4U}) {
        Counters model;
        Search<Counters> search(model, {.threads = threads, .checks_liveness = true});
        const SearchResult result = search.run();
        EXPECT_EQ(result.failure, nullptr);
        EXPECT_EQ(result.states, 31U * 31U);
        EXPECT_EQ(search.tally().checks, result.states);
        EXPECT_EQ(result.transitions, 2U * 30U * 31U);
        EXPECT_TRUE(result.is_complete);
        EXPECT_EQ(result.states_stuck, 0U);
    }
}

TEST(Search, FindsAShortestWayToAFailure) {
    Counters model;
    model.forbidden = 7;
    const SearchResult result = Search<Counters>(model, {.threads = 1}).run();
    EXPECT_STREQ(result.failure, "forbidden");
    ASSERT_EQ(result.path.size(), 7U);
    EXPECT_FALSE(result.is_complete);
}

TEST(Search, FindsWhereNobodyComesToRest) {
    Counters model;
    model.trap = 3;
    const SearchResult result = Search<Counters>(model, {.threads = 2, .checks_liveness = true}).run();
    ASSERT_NE(result.failure, nullptr);
    EXPECT_NE(std::string(result.failure).find("liveness"), std::string::npos);
    EXPECT_EQ(result.states_stuck, result.states - 1); // All but the beginning, which counts as rest.
}

TEST(Search, StopsAtTheLimit) {
    Counters model;
    const SearchResult result = Search<Counters>(model, {.threads = 1, .states_max = 100}).run();
    EXPECT_FALSE(result.is_complete);
    EXPECT_LT(result.states, 200U);
}

TEST(Chart, HasALaneForEachNodeAndArrowsBetweenThem) {
    Chart chart(2);
    chart.local(0, "writes");
    chart.arrow(1, 0, "Grant");
    const std::string text = chart.text();
    EXPECT_NE(text.find("node 1"), std::string::npos);
    EXPECT_NE(text.find("| writes"), std::string::npos);
    EXPECT_NE(text.find("|<-- Grant ---"), std::string::npos);
}

} // namespace
} // namespace dsm::model
