// Rounds that drop the state of freed objects: the tree, its merged answers, the notes.
#include "libdsm/sync/drop_rounds.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

constexpr DropRange a_range{64, 128};

/// Some nodes, with messages delivered in the order of sending.
class DropNodes : public testing::Test {
protected:
    struct Effects final : DropEffects {
        Effects(DropNodes &all, unsigned self) : all_nodes(all), node(self) {}
        void ask(NodeId to, const DropRequest &request) override {
            all_nodes.asked.insert(to.value);
            all_nodes.post([this, to, request] { all_nodes.rounds[to.value].on_request(request, all_nodes.at(to)); });
        }
        void answer(NodeId to, const DropAnswer &answer) override {
            all_nodes.post([this, to, answer] { all_nodes.rounds[to.value].on_answer(answer, all_nodes.at(to)); });
        }
        bool look(const DropRange &) override { return ++looks > unsettled_looks; }
        bool forget(const DropRange &) override { return forgets; }
        bool drop(const DropRange &) override {
            ++drops;
            return empty;
        }
        std::uint32_t last_note() override { return notes; }
        void take_back_notes(const DropRange &, std::uint32_t last) override { taken_back = last; }
        bool is_out_of_patience(std::uint32_t) override { return out_of_patience; }
        void finish(std::uint32_t number) override { finished.push_back(number); }

        DropNodes &all_nodes;
        unsigned node;
        unsigned looks = 0;
        unsigned unsettled_looks = 0;
        unsigned drops = 0;
        bool forgets = true;
        bool empty = true;
        bool out_of_patience = false;
        std::uint32_t notes = 5;
        std::uint32_t taken_back = 0; ///< 0: none were
        std::vector<std::uint32_t> finished;
    };

    void make(std::uint16_t count) {
        for (std::uint16_t node = 0; node < count; ++node) {
            rounds.emplace_back(NodeId{node}, count);
            effects.push_back(std::make_unique<Effects>(*this, node));
        }
    }
    Effects &at(NodeId node) { return *effects[node.value]; }
    void post(std::function<void()> delivery) {
        ++messages;
        queue.push_back(std::move(delivery));
    }
    void run_round(unsigned keeper, std::uint32_t number) {
        rounds[keeper].begin(number, a_range, *effects[keeper]);
        while (!queue.empty()) {
            const auto delivery = std::move(queue.front());
            queue.pop_front();
            delivery();
        }
    }

    std::vector<DropRounds> rounds;
    std::vector<std::unique_ptr<Effects>> effects;
    std::deque<std::function<void()>> queue;
    std::set<unsigned> asked;
    unsigned messages = 0;
};

TEST_F(DropNodes, EveryNodeTakesEachStepOnce) {
    constexpr unsigned count = 100;
    make(count);
    run_round(37, 9);
    for (unsigned node = 0; node < count; ++node) {
        EXPECT_EQ(effects[node]->looks, 1U);
        EXPECT_EQ(effects[node]->drops, 1U);
        EXPECT_TRUE(rounds[node].idle());
    }
    EXPECT_EQ(effects[37]->finished, (std::vector<std::uint32_t>{9}));
    EXPECT_EQ(asked.size(), count - 1);
    EXPECT_EQ(messages, 4 * (count - 1));
}

TEST_F(DropNodes, TheKeeperAsksItsChildrenAlone) {
    make(100);
    rounds[0].begin(0, a_range, *effects[0]);
    EXPECT_EQ(messages, DropRounds::default_fan_out);
}

TEST_F(DropNodes, AllLookAgainUntilAllAreSettled) {
    make(20);
    effects[19]->unsettled_looks = 3;
    run_round(2, 0);
    EXPECT_EQ(effects[0]->looks, 4U);
    EXPECT_EQ(effects[0]->drops, 1U);
}

TEST_F(DropNodes, PatienceEnds) {
    make(3);
    effects[1]->unsettled_looks = 1000;
    effects[0]->out_of_patience = true;
    run_round(0, 0);
    EXPECT_EQ(effects[1]->looks, 1U);
    EXPECT_EQ(effects[1]->drops, 1U);
}

TEST_F(DropNodes, NotesAreTakenBackUpToTheBeginningOfTheLastLook) {
    make(20);
    rounds[0].begin(0, a_range, *effects[0]);
    effects[0]->notes = 6; // renewed meanwhile
    while (!queue.empty()) {
        const auto delivery = std::move(queue.front());
        queue.pop_front();
        delivery();
    }
    EXPECT_EQ(effects[0]->taken_back, 5U);
}

TEST_F(DropNodes, NotesStayIfOneNodeHasNotForgottenOrHasEntriesLeft) {
    make(20);
    effects[13]->forgets = false;
    run_round(0, 0);
    effects[13]->forgets = true;
    effects[14]->empty = false;
    run_round(0, 1);
    EXPECT_EQ(effects[0]->taken_back, 0U);
    EXPECT_EQ(effects[0]->finished.size(), 2U);
}

TEST(DropNotes, AYoungerNoteStays) {
    EXPECT_TRUE(is_noted(note_word(7)));
    EXPECT_FALSE(is_noted(note_taken_back(note_word(7), 7)));
    EXPECT_FALSE(is_noted(note_taken_back(note_word(7), 8)));
    EXPECT_TRUE(is_noted(note_taken_back(note_word(8), 7)));
    EXPECT_FALSE(is_noted(0)); // zeroed memory
}

TEST(DropNotes, NumbersWrap) {
    constexpr std::uint32_t last = 0x7fffffff;
    EXPECT_TRUE(is_noted(note_taken_back(note_word(last + 1), last)));
    EXPECT_FALSE(is_noted(note_taken_back(note_word(last), last + 1)));
}

using DropNodesDeath = DropNodes;

TEST_F(DropNodesDeath, AnswersThatNobodyAwaits) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    make(3);
    const DropAnswer answer{0, 0, DropStep::Look, 0};
    EXPECT_DEATH(rounds[0].on_answer(answer, *effects[0]), "D4");
    rounds[0].begin(0, a_range, *effects[0]);
    EXPECT_DEATH(rounds[0].on_answer({0, 0, DropStep::Drop, 0}, *effects[0]), "D4");
    EXPECT_DEATH(rounds[0].begin(0, a_range, *effects[0]), "D4");
}

} // namespace
