// The steps of a span's end at one member of the tree.
#include "libdsm/memory/span_rounds.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/memory/span_lookups.hpp"

namespace dsm::memory {

void SpanRounds::on_order(SpanStep step, SpanDrop drop, SpanRoundEffects &effects) {
    if (drop.since_ns == 0) { begin(step, drop, effects); }
    if (!effects.carry_out(step, drop)) { return effects.order(self_, step, drop); }
    if (step == SpanStep::Forget && planted(SpanRoundMutation::PunchesAtOnce)) {
        for (drop.done_chunks = 0; !effects.carry_out(SpanStep::Punch, drop);) {}
    }
    on_report(step, drop.record, effects);
}

/// The order goes down the tree before it is carried out here, so that all levels work at the same time (A5).
void SpanRounds::begin(SpanStep step, SpanDrop &drop, SpanRoundEffects &effects) {
    std::uint32_t reports = 1;
    const bool skips_one = planted(SpanRoundMutation::ChildForgotten) && step == SpanStep::Forget;
    for_each_span_tree_child(self_, member_count_, [&](std::uint32_t child) {
        if (skips_one && child + 1 == member_count_) { return; }
        effects.order(child, step, drop);
        ++reports;
    });
    if (planted(SpanRoundMutation::ReportsBeforeChildren)) { reports = 1; }
    const bool is_new = reports_left_.emplace(drop.record.first.value, reports).second;
    DSM_CHECK(is_new, "A1 a node forgets a span once", drop.record.generation);
    effects.begin(step, drop);
    DSM_CHECK(drop.since_ns != 0, "A1 a node forgets a span once", drop.record.generation);
}

/// One more of this member and its children has done its part; the last reports for all.
void SpanRounds::on_report(SpanStep step, const SpanRecord &record, SpanRoundEffects &effects) {
    const auto left = reports_left_.find(record.first.value);
    DSM_CHECK(left != reports_left_.end(), "A1 a node forgets a span once", record.generation);
    if (--left->second > 0) { return; }
    reports_left_.erase(left);
    if (self_ != 0) { return effects.report(span_tree_parent(self_), step, record); }
    end_step(step, record, effects);
}

/// At the root (A2).
void SpanRounds::end_step(SpanStep step, const SpanRecord &record, SpanRoundEffects &effects) {
    if (step == SpanStep::Punch || planted(SpanRoundMutation::EndsWhenForgotten)) { return effects.end(record); }
    effects.order(self_, SpanStep::Punch, SpanDrop{record, {}, 0, 0, 0});
}

} // namespace dsm::memory
