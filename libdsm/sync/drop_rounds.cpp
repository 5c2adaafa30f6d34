// The tree of a round, and its steps.
#include "libdsm/sync/drop_rounds.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>

namespace dsm::sync {

// Places in a keeper's tree count from the keeper on, in the order of nodes; the children of place p are p * fan_out +
// 1 to p * fan_out + fan_out.
std::uint32_t DropRounds::place_of(std::uint32_t keeper) const noexcept {
    return (self_.value + node_count_ - keeper) % node_count_;
}

NodeId DropRounds::node_at(std::uint32_t keeper, std::uint32_t place) const noexcept {
    return NodeId{static_cast<std::uint16_t>((keeper + place) % node_count_)};
}

void DropRounds::begin(std::uint32_t number, const DropRange &range, DropEffects &effects) {
    take({{range, self_.value, number, DropStep::Look}, 0, 0, false, effects.last_note()}, effects);
}

void DropRounds::on_request(const DropRequest &request, DropEffects &effects) {
    DSM_CHECK(request.keeper != self_.value, "D4 a keeper asks others", request.number);
    take({request, 0, 0, false, 0}, effects);
}

/// Passes a step on, and takes it here. The parent hears of it when all below have answered.
void DropRounds::take(Part part, DropEffects &effects) {
    const DropRequest &request = part.request;
    const Key key{request.keeper, request.number};
    DSM_CHECK(!parts_.contains(key), "D4 each node takes each step once", request.number);
    const std::uint32_t first = place_of(request.keeper) * fan_out_ + 1;
    std::uint32_t end = std::min<std::uint32_t>(first + fan_out_, node_count_);
    if (planted(DropMutation::ChildForgotten) && first + 1 < end) { --end; }
    for (std::uint32_t place = first; place < end; ++place) { effects.ask(node_at(request.keeper, place), request); }
    part.answers_left = end > first ? end - first : 0;
    part.good = take_here(request, effects);
    if (part.answers_left == 0) {
        end_step(part, effects);
    } else {
        parts_.emplace(key, part);
    }
}

std::uint32_t DropRounds::take_here(const DropRequest &request, DropEffects &effects) {
    const bool late = planted(DropMutation::ForgottenLate);
    switch (request.step) {
    case DropStep::Look: {
        const bool forgotten = late || effects.forget(request.range);
        return (effects.look(request.range) ? drop_settled : 0) | (forgotten ? drop_forgotten : 0);
    }
    case DropStep::Drop: {
        const bool empty = effects.drop(request.range) && (!late || effects.forget(request.range));
        return empty ? drop_empty : 0;
    }
    }
    DSM_CHECK(false, "D4 a round has two steps", request.number);
}

void DropRounds::on_answer(const DropAnswer &answer, DropEffects &effects) {
    const auto found = parts_.find(Key{answer.keeper, answer.number});
    const bool awaited = found != parts_.end() && found->second.request.step == answer.step;
    DSM_CHECK(awaited, "D4 each node answers each step once", answer.number);
    Part &part = found->second;
    part.good &= answer.good;
    if (planted(DropMutation::AnswersEarly)) { part.answers_left = 1; }
    if (--part.answers_left != 0) { return; }
    const Part ended = part;
    parts_.erase(found);
    end_step(ended, effects);
}

void DropRounds::end_step(const Part &part, DropEffects &effects) {
    const DropRequest &request = part.request;
    if (request.keeper == self_.value) { return end_step_of_keeper(part, effects); }
    const NodeId parent = node_at(request.keeper, (place_of(request.keeper) - 1) / fan_out_);
    const DropAnswer answer{request.keeper, request.number, request.step, part.good};
    effects.answer(parent, answer);
    if (planted(DropMutation::AnswersTwice)) { effects.answer(parent, answer); }
}

void DropRounds::end_step_of_keeper(const Part &part, DropEffects &effects) {
    const std::uint32_t number = part.request.number;
    Part next = part;
    if (part.request.step == DropStep::Look) {
        const bool settled = (part.good & drop_settled) != 0 || planted(DropMutation::UnsettledDropped);
        if (settled || effects.is_out_of_patience(number)) {
            next.request.step = DropStep::Drop;
            next.all_forgotten = (part.good & drop_forgotten) != 0;
        } else {
            next.last_note = effects.last_note();
        }
        return take(next, effects);
    }
    const bool all_empty = (part.good & drop_empty) != 0;
    if ((part.all_forgotten && all_empty) || planted(DropMutation::NotesTakenBackUnasked)) {
        const bool takes_all = planted(DropMutation::RenewedNotesTakenBack);
        effects.take_back_notes(part.request.range, takes_all ? effects.last_note() : part.last_note);
    }
    effects.finish(number);
}

} // namespace dsm::sync
