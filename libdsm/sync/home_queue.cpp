// The queue at a home. Invariants: docs/synchronisation.md.
#include "libdsm/sync/home_queue.hpp"

#include "libdsm/base/check.hpp"

#include <cstdlib>

namespace dsm::sync {

void HomeStep::send(const HomeWaiter &waiter, HomeMessageKind kind, HomeResult result, std::uint32_t number) {
    HomeMessage message{};
    message.kind = kind;
    message.object = object_;
    message.operation = HomeOperation::Query;
    message.result = result;
    message.id = context_.id;
    message.waiter = waiter;
    message.number = number;
    effects_.answer(message);
}

void HomeStep::answer(const HomeWaiter &waiter, HomeResult result, std::uint32_t number) {
    send(waiter, HomeMessageKind::Answer, result, number);
}

//   caller --Request--> home --Answer--> caller
//   caller --Request--> home --Queued--> caller     with a time limit, when it has to wait; Answer comes later
bool HomeStep::queue_or_refuse(const HomeMessage &request) {
    if (request.manner == HomeManner::Try) {
        answer(request.waiter, HomeResult::Refused);
        return false;
    }
    const std::uint32_t link = pool_.take();
    if (link == 0) {
        answer(request.waiter, HomeResult::NoSpace);
        return false;
    }
    HomeRecord &record = pool_.at(link);
    record.waiter = request.waiter;
    record.owner = request.owner;
    record.operation = request.operation;
    record.next = 0;
    (queue_.tail == 0 ? queue_.head : pool_.at(queue_.tail).next) = link;
    queue_.tail = link;
    if (request.manner == HomeManner::Timed) { send(request.waiter, HomeMessageKind::Queued, HomeResult::Granted, 0); }
    return true;
}

HomeRecord HomeStep::pop() {
    const std::uint32_t link = queue_.head;
    DSM_CHECK(link != 0, "H4 the queue holds who waits", context_.id.value);
    const HomeRecord record = pool_.at(link);
    queue_.head = record.next;
    if (queue_.head == 0) { queue_.tail = 0; }
    pool_.give_back(link);
    return record;
}

bool HomeStep::remove(const HomeWaiter &waiter) {
    std::uint32_t before = 0;
    for (std::uint32_t link = queue_.head; link != 0; before = link, link = pool_.at(link).next) {
        if (pool_.at(link).waiter != waiter) { continue; }
        const std::uint32_t after = pool_.at(link).next;
        (before == 0 ? queue_.head : pool_.at(before).next) = after;
        if (queue_.tail == link) { queue_.tail = before; }
        pool_.give_back(link);
        return true;
    }
    return false;
}

/// H3: who stands in the queue no more has been granted, for Cancel comes after Queued.
//   caller --Cancel--> home --CancelAck or CancelLate--> caller
void HomeStep::on_cancel(const HomeMessage &cancel) {
    const bool found = remove(cancel.waiter) || planted(HomeMutation::CancelAlwaysAgrees);
    send(cancel.waiter, found ? HomeMessageKind::CancelAck : HomeMessageKind::CancelLate, HomeResult::Granted, 0);
}

bool HomeStep::is_of_this_incarnation(const HomeMessage &request, std::uint64_t &incarnation, std::uint32_t &value) {
    if (request.incarnation == incarnation || planted(HomeMutation::IncarnationIgnored)) { return true; }
    if (!queue_.empty()) { return false; }
    incarnation = request.incarnation;
    value = request.initial;
    return true;
}

void impossible_at_home(const HomeMessage &message) noexcept {
    DSM_CHECK(false, "H5 requests go to homes, answers to callers", message.id.value);
    std::abort();
}

} // namespace dsm::sync
