// The combining of look-ups: rules U1 to U3 of span_lookups.hpp.
#include "libdsm/memory/span_lookups.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace dsm::memory {
namespace {

constexpr ChunkId chunk{7};
constexpr ChunkId other_chunk{8};

SpanRecord span_at(ChunkId first, std::uint32_t generation) {
    SpanRecord record{};
    record.first = first;
    record.chunk_count = 1;
    record.bytes = chunk_bytes;
    record.generation = generation;
    record.state = SpanState::Live;
    return record;
}

SpanAsker thread(std::uint16_t slot) { return {Rank{3}, slot, false}; }
SpanAsker child(std::int32_t rank) { return {Rank{rank}, 0, true}; }

/// Writes down what the machine does: "asks 7", "tells 3.1 generation 5".
class Script final : public SpanLookupEffects {
public:
    std::optional<SpanRecord> known(ChunkId wanted) override {
        const auto found = remembered.find(wanted.value);
        return found == remembered.end() ? std::nullopt : std::optional(found->second);
    }
    void ask_parent(ChunkId wanted) override { log << "asks " << wanted.value << "; "; }
    void answer(const SpanAsker &asker, ChunkId, const std::optional<SpanRecord> &record) override {
        log << "tells " << asker.rank.value;
        if (!asker.is_node) { log << "." << asker.slot; }
        if (record) {
            log << " generation " << record->generation << "; ";
        } else {
            log << " none; ";
        }
    }
    std::string take() {
        const std::string said = log.str();
        log.str("");
        return said;
    }

    std::map<std::uint32_t, SpanRecord> remembered;
    std::ostringstream log;
};

class SpanLookupsTest : public testing::Test {
protected:
    SpanLookups lookups;
    Script script;
};

TEST_F(SpanLookupsTest, what_is_known_is_answered_without_a_question) {
    script.remembered[chunk.value] = span_at(chunk, 5);
    lookups.ask(chunk, child(9), script);
    EXPECT_EQ(script.take(), "tells 9 generation 5; ");
    EXPECT_EQ(lookups.questions(), 0U);
}

TEST_F(SpanLookupsTest, all_who_ask_meanwhile_wait_for_one_question) {
    lookups.ask(chunk, thread(1), script);
    lookups.ask(chunk, child(9), script);
    lookups.ask(chunk, child(10), script);
    EXPECT_EQ(script.take(), "asks 7; ");
    lookups.on_answer(chunk, span_at(chunk, 5), script);
    EXPECT_EQ(script.take(), "tells 3.1 generation 5; tells 9 generation 5; tells 10 generation 5; ");
    EXPECT_EQ(lookups.questions(), 0U);
}

TEST_F(SpanLookupsTest, chunks_have_questions_of_their_own) {
    lookups.ask(chunk, thread(1), script);
    lookups.ask(other_chunk, thread(2), script);
    EXPECT_EQ(script.take(), "asks 7; asks 8; ");
    lookups.on_answer(other_chunk, span_at(other_chunk, 6), script);
    EXPECT_EQ(script.take(), "tells 3.2 generation 6; ");
    EXPECT_EQ(lookups.questions(), 1U);
}

TEST_F(SpanLookupsTest, no_span_is_no_answer_for_who_asked_later) {
    lookups.ask(chunk, thread(1), script);
    lookups.ask(chunk, child(9), script);
    lookups.ask(chunk, child(10), script);
    script.take();
    lookups.on_answer(chunk, std::nullopt, script);
    EXPECT_EQ(script.take(), "tells 3.1 none; asks 7; ");
    // The span came into being after the first question was answered; child 9 had been told of it.
    lookups.ask(chunk, thread(2), script);
    lookups.on_answer(chunk, span_at(chunk, 5), script);
    EXPECT_EQ(script.take(), "tells 9 generation 5; tells 10 generation 5; tells 3.2 generation 5; ");
}

TEST_F(SpanLookupsTest, no_span_ends_for_everybody_in_the_second_round) {
    lookups.ask(chunk, thread(1), script);
    lookups.ask(chunk, child(9), script);
    lookups.on_answer(chunk, std::nullopt, script);
    lookups.on_answer(chunk, std::nullopt, script);
    EXPECT_EQ(script.take(), "asks 7; tells 3.1 none; asks 7; tells 9 none; ");
    EXPECT_EQ(lookups.questions(), 0U);
}

TEST(SpanTree, parents_and_children_agree) {
    for (std::uint32_t node = 1; node < 2000; ++node) {
        const std::uint32_t first = span_tree_first_child(span_tree_parent(node));
        EXPECT_LE(first, node);
        EXPECT_LT(node, first + span_tree_fan_out);
    }
}

} // namespace
} // namespace dsm::memory
