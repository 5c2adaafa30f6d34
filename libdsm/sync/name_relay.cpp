// The relay's steps.
#include "libdsm/sync/name_relay.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

namespace dsm::sync {
namespace {

NameReply answer(const NameTicket &ticket, bool was_noted, std::int32_t error, std::uint64_t value = 0) {
    return {NameReplyKind::Answer, was_noted, ticket, error, value};
}

bool take_out(std::vector<NameTicket> &waiters, const NameTicket &ticket) {
    const auto place = std::ranges::find(waiters, ticket);
    if (place == waiters.end()) { return false; }
    waiters.erase(place);
    return true;
}

} // namespace

void NameRelay::step(const NameRequest &request, std::string_view name, NameRelayEffects &effects) {
    const bool is_await = request.kind == NameRequestKind::Await;
    DSM_CHECK(is_await || request.kind == NameRequestKind::Withdraw, "N8 a relay is asked for nothing but to wait",
              static_cast<std::uint64_t>(request.kind));
    if (is_await) {
        await(request.ticket, name, effects);
    } else {
        withdraw(request.ticket, name, effects);
    }
}

void NameRelay::ask(NameRequestKind kind, const Question &question, std::string_view name,
                    NameRelayEffects &effects) const {
    effects.ask_above({kind, {self_, relay_inquiry, question.sequence}, 0}, name);
}

void NameRelay::await(const NameTicket &ticket, std::string_view name, NameRelayEffects &effects) {
    const std::string key(name);
    const bool is_new = !questions_.contains(key);
    try {
        Question &question = questions_[key];
        (is_new ? question.askers : question.late).push_back(ticket);
        if (is_new) {
            question.sequence = ++last_sequence_;
            names_.emplace(question.sequence, key);
        }
    } catch (const std::bad_alloc &) {
        if (is_new) { questions_.erase(key); }
        effects.reply(answer(ticket, false, ENOMEM));
        return;
    }
    effects.reply({NameReplyKind::Noted, false, ticket, 0, 0});
    if (is_new) { ask(NameRequestKind::Await, questions_[key], name, effects); }
}

void NameRelay::withdraw(const NameTicket &ticket, std::string_view name, NameRelayEffects &effects) {
    const auto place = questions_.find(std::string(name));
    if (place == questions_.end()) { return; } // N3
    Question &question = place->second;
    if (!take_out(question.askers, ticket) && !take_out(question.late, ticket)) { return; } // N3
    effects.reply(answer(ticket, true, ETIMEDOUT));
    withdraw_if_unwanted(question, name, effects);
}

/// N2: only after Noted has come.
void NameRelay::withdraw_if_unwanted(Question &question, std::string_view name, NameRelayEffects &effects) {
    const bool is_unwanted = question.askers.empty() && question.late.empty();
    if (!is_unwanted || !question.is_noted || question.is_withdrawn) { return; }
    question.is_withdrawn = true;
    ask(NameRequestKind::Withdraw, question, name, effects);
}

void NameRelay::on_reply(const NameReply &reply, NameRelayEffects &effects) {
    const auto named = names_.find(reply.ticket.sequence);
    if (named == names_.end()) {
        DSM_CHECK(reply.kind == NameReplyKind::Noted, "N1 exactly one Answer", reply.ticket.sequence);
        return; // It was overtaken by the answer.
    }
    const auto place = questions_.find(named->second);
    DSM_CHECK(place != questions_.end(), "N1 an answer finds its question", reply.ticket.sequence);
    Question &question = place->second;
    if (reply.kind == NameReplyKind::Noted) {
        DSM_CHECK(!question.is_noted, "N1 one Noted at most", reply.ticket.sequence);
        question.is_noted = true;
        return withdraw_if_unwanted(question, place->first, effects);
    }
    DSM_CHECK(reply.error != ETIMEDOUT || (question.is_withdrawn && question.askers.empty()),
              "N3 only who withdraws is told that it has", reply.ticket.sequence);
    if (mutation_ == NameRelayMutation::OldAnswerForLateAskers && reply.error == 0) {
        question.askers.insert(question.askers.end(), question.late.begin(), question.late.end());
        question.late.clear();
    }
    for (const NameTicket &asker : question.askers) { effects.reply(answer(asker, true, reply.error, reply.value)); }
    auto name = names_.extract(named); // Goes back in under another number: nothing is allocated.
    if (question.late.empty()) {
        questions_.erase(place);
        return;
    }
    question.askers = std::exchange(question.late, {}); // N7
    question.is_noted = question.is_withdrawn = false;
    question.sequence = name.key() = ++last_sequence_;
    names_.insert(std::move(name));
    ask(NameRequestKind::Await, question, place->first, effects);
}

} // namespace dsm::sync
