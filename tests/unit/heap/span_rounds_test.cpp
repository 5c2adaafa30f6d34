// One member's part in the end of a span: what it sends, and in which order.
#include "libdsm/memory/span_rounds.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace dsm::memory {
namespace {

/// Writes down what is done, one word each.
struct Recorder final : SpanRoundEffects {
    static const char *name(SpanStep step) { return step == SpanStep::Forget ? "forget" : "punch"; }
    void order(std::uint32_t to, SpanStep step, const SpanDrop &drop) override {
        log.push_back(std::string(name(step)) + (drop.since_ns == 0 ? ">" : "+") + std::to_string(to));
        ordered = drop;
    }
    void report(std::uint32_t to, SpanStep step, const SpanRecord &) override {
        log.push_back(std::string(name(step)) + "<" + std::to_string(to));
    }
    void begin(SpanStep step, SpanDrop &drop) override {
        log.push_back(std::string("begin-") + name(step));
        drop.since_ns = 7;
    }
    bool carry_out(SpanStep, SpanDrop &drop) override {
        log.push_back("slice");
        return ++drop.done_chunks >= slices;
    }
    void end(const SpanRecord &record) override { log.push_back("end " + std::to_string(record.first.value)); }
    std::vector<std::string> take() { return std::exchange(log, {}); }

    std::vector<std::string> log;
    SpanDrop ordered{};
    std::uint32_t slices = 1;
};

using Log = std::vector<std::string>;

SpanDrop drop_at(std::uint32_t first) {
    SpanDrop drop{};
    drop.record.first = {first};
    drop.record.chunk_count = 2;
    drop.record.generation = 3;
    return drop;
}

TEST(SpanRounds, an_order_goes_down_before_it_is_carried_out_A5) {
    Recorder effects;
    SpanRounds rounds(1, 8); // Its children are 5 to 7.
    rounds.on_order(SpanStep::Forget, drop_at(4), effects);
    EXPECT_EQ(effects.take(), (Log{"forget>5", "forget>6", "forget>7", "begin-forget", "slice"}));
    rounds.on_report(SpanStep::Forget, drop_at(4).record, effects);
    rounds.on_report(SpanStep::Forget, drop_at(4).record, effects);
    EXPECT_EQ(effects.take(), Log{});
    rounds.on_report(SpanStep::Forget, drop_at(4).record, effects);
    EXPECT_EQ(effects.take(), Log{"forget<0"}); // A1
    EXPECT_EQ(rounds.under_way(), 0U);
}

TEST(SpanRounds, a_large_span_goes_slice_by_slice) {
    Recorder effects;
    effects.slices = 2;
    SpanRounds rounds(2, 3);
    rounds.on_order(SpanStep::Punch, drop_at(4), effects);
    EXPECT_EQ(effects.take(), (Log{"begin-punch", "slice", "punch+2"}));
    EXPECT_EQ(rounds.under_way(), 1U);
    rounds.on_order(SpanStep::Punch, effects.ordered, effects);
    EXPECT_EQ(effects.take(), (Log{"slice", "punch<0"}));
}

TEST(SpanRounds, the_root_orders_frames_away_when_all_have_forgotten_A2) {
    Recorder effects;
    SpanRounds rounds(0, 2);
    rounds.on_order(SpanStep::Forget, drop_at(4), effects);
    EXPECT_EQ(effects.take(), (Log{"forget>1", "begin-forget", "slice"}));
    rounds.on_report(SpanStep::Forget, drop_at(4).record, effects);
    EXPECT_EQ(effects.take(), Log{"punch>0"});
    rounds.on_order(SpanStep::Punch, effects.ordered, effects);
    EXPECT_EQ(effects.take(), (Log{"punch>1", "begin-punch", "slice"}));
    rounds.on_report(SpanStep::Punch, drop_at(4).record, effects);
    EXPECT_EQ(effects.take(), Log{"end 4"});
}

TEST(SpanRounds, several_spans_end_at_a_time) {
    Recorder effects;
    SpanRounds rounds(0, 2);
    rounds.on_order(SpanStep::Forget, drop_at(4), effects);
    rounds.on_order(SpanStep::Forget, drop_at(8), effects);
    EXPECT_EQ(rounds.under_way(), 2U);
    effects.take();
    rounds.on_report(SpanStep::Forget, drop_at(8).record, effects);
    EXPECT_EQ(effects.take(), Log{"punch>0"});
    EXPECT_EQ(effects.ordered.record.first.value, 8U);
}

TEST(SpanRoundsDeathTest, a_member_reports_once_A1) {
    Recorder effects;
    SpanRounds rounds(0, 2);
    EXPECT_DEATH(rounds.on_report(SpanStep::Forget, drop_at(4).record, effects), "A1");
    rounds.on_order(SpanStep::Forget, drop_at(4), effects);
    EXPECT_DEATH(rounds.on_order(SpanStep::Forget, drop_at(4), effects), "A1");
}

} // namespace
} // namespace dsm::memory
