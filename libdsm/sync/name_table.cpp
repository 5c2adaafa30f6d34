// The keeper's and the asker's steps of names.
#include "libdsm/sync/name_table.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

namespace dsm::sync {
namespace {

NameReply answer(const NameTicket &ticket, bool was_noted, std::int32_t error, std::uint64_t value = 0) {
    return {NameReplyKind::Answer, was_noted, ticket, error, value};
}

} // namespace

void NameTable::step(const NameRequest &request, std::string_view name, NameEffects &effects) {
    try {
        const std::string key(name);
        const auto found = values_.find(key);
        switch (request.kind) {
        case NameRequestKind::Publish:
            publish(request, name, effects);
            return;
        case NameRequestKind::Unpublish:
            if (found != values_.end()) { values_.erase(found); }
            effects.reply(answer(request.ticket, false, found != values_.end() ? 0 : ENOENT));
            return;
        case NameRequestKind::LookUp:
            effects.reply(found != values_.end() ? answer(request.ticket, false, 0, found->second)
                                                 : answer(request.ticket, false, ENOENT));
            return;
        case NameRequestKind::Await:
            if (found != values_.end()) {
                effects.reply(answer(request.ticket, false, 0, found->second));
                return;
            }
            waiting_[key].push_back(request.ticket);
            ++waiter_count_;
            effects.reply({NameReplyKind::Noted, false, request.ticket, 0, 0});
            return;
        case NameRequestKind::Withdraw:
            withdraw(request.ticket, key, effects);
            return;
        }
        DSM_CHECK(false, "N4 a request has one of the kinds", static_cast<std::uint64_t>(request.kind));
    } catch (const std::bad_alloc &) {
        // Nothing has changed. Who withdraws asks for nothing new: the inquiry stays, and is answered when published.
        DSM_CHECK(request.kind != NameRequestKind::Withdraw, "memory to withdraw a look-up", request.ticket.number);
        effects.reply(answer(request.ticket, false, ENOMEM));
    }
}

void NameTable::publish(const NameRequest &request, std::string_view name, NameEffects &effects) {
    const auto [place, is_new] = values_.try_emplace(std::string(name), request.value);
    effects.reply(answer(request.ticket, false, is_new ? 0 : EEXIST));
    if (!is_new) { return; }
    const auto waiters = waiting_.find(place->first);
    if (waiters == waiting_.end()) { return; }
    for (const NameTicket &waiter : waiters->second) { effects.reply(answer(waiter, true, 0, request.value)); }
    waiter_count_ -= waiters->second.size();
    waiting_.erase(waiters);
}

void NameTable::withdraw(const NameTicket &ticket, const std::string &name, NameEffects &effects) {
    const auto waiters = waiting_.find(name);
    if (waiters == waiting_.end()) { return; } // N3
    const auto waiter = std::ranges::find(waiters->second, ticket);
    if (waiter == waiters->second.end()) { return; } // N3
    waiters->second.erase(waiter);
    --waiter_count_;
    if (waiters->second.empty()) { waiting_.erase(waiters); }
    effects.reply(answer(ticket, true, ETIMEDOUT));
}

void NameInquiry::on_reply(const NameReply &reply) {
    DSM_CHECK(reply.ticket == ticket_ && !is_over(), "N1 a ticket is used again after everything has come",
              reply.ticket.number);
    if (reply.kind == NameReplyKind::Noted) {
        DSM_CHECK(!noted_, "N1 one Noted at most", reply.ticket.number);
        noted_ = true;
        return;
    }
    DSM_CHECK(!answered_, "N1 exactly one Answer", reply.ticket.number);
    answered_ = true;
    was_noted_ = reply.was_noted;
    error_ = reply.error;
    value_ = reply.value;
}

} // namespace dsm::sync
