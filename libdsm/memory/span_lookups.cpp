// The waiting of those who ask for one chunk.
#include "libdsm/memory/span_lookups.hpp"

#include "libdsm/base/check.hpp"

#include <utility>

namespace dsm::memory {

void SpanLookups::ask(ChunkId chunk, const SpanAsker &asker, SpanLookupEffects &effects) {
    if (const auto record = effects.known(chunk)) { return effects.answer(asker, chunk, record); }
    const auto [place, is_new] = questions_.try_emplace(chunk.value);
    (is_new ? place->second.askers : place->second.late).push_back(asker);
    if (is_new) { effects.ask_parent(chunk); } // U1
}

void SpanLookups::on_answer(ChunkId chunk, const std::optional<SpanRecord> &record, SpanLookupEffects &effects) {
    const auto place = questions_.find(chunk.value);
    DSM_CHECK(place != questions_.end(), "U1 an answer finds its question", chunk.value);
    Question question = std::move(place->second);
    questions_.erase(place);
    for (const SpanAsker &asker : question.askers) { effects.answer(asker, chunk, record); }
    if (record || mutation_ == SpanLookupMutation::NoSpanForLateAskers) {
        for (const SpanAsker &asker : question.late) { effects.answer(asker, chunk, record); }
    } else if (!question.late.empty()) {
        questions_[chunk.value].askers = std::move(question.late); // U2
        effects.ask_parent(chunk);
    }
}

} // namespace dsm::memory
