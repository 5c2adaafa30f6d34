// Messages that order memory in a litmus test over release memory: what waits for an interval, what comes, what goes
// on.
#include "tests/litmus/release_threads.hpp"

namespace dsm::litmus {

using release_test::Node;
using release_test::SyncMessage;

void ReleaseThreads::release_and_send(unsigned from, unsigned to, const SyncMessage &message, std::uint64_t lock) {
    held_.push_back({from, to, world_.release(from).after, message, lock});
}

void ReleaseThreads::receive(unsigned node, const SyncMessage &message) {
    switch (static_cast<Sync>(message.kind)) {
    case Token:
        locks_.at(message.object).token_at = static_cast<std::uint8_t>(node);
        locks_.at(message.object).leaves = false;
        locks_.at(message.object).is_owed = true;
        return;
    case Request: {
        const std::uint8_t before = apply_atomic(message.thread);
        return release_and_send(node, node_of(message.thread), {Answer, 0, message.thread, before}, 0);
    }
    case Answer:
        threads_.at(message.thread).value = message.value;
        threads_.at(message.thread).is_answered = true;
        return;
    case Arrive:
        return arrive();
    case Depart:
        ++departed_.at(node);
        return;
    case Meeting:
        return;
    }
}

/// Where steps are not events of their own: diffs and notices at once.
void ReleaseThreads::take_steps(unsigned node) {
    Node &self = world_.nodes[node];
    while (world_.is_closing(node) && failure().empty()) { world_.close_next(node); }
    for (std::size_t i = 0; i < self.intakes.size() && failure().empty();) {
        const std::size_t count = self.intakes.size();
        while (self.intakes.size() == count && world_.may_take_in(node, self.intakes[i]) && failure().empty()) {
            world_.take_in(node, i);
        }
        if (self.intakes.size() == count) { ++i; }
    }
}

bool ReleaseThreads::settle_node(unsigned node) {
    Node &self = world_.nodes[node];
    if (!setting_->is_fine) { take_steps(node); }
    for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
        if (is_finished(thread) || node_of(thread) != node || threads_[thread].phase != Phase::Page) { continue; }
        const unsigned page = setting_->layout.page_of[operation_of(thread).object];
        if ((self.woken >> page & 1U) != 0) { threads_[thread].is_woken = true; }
    }
    for (unsigned thread = 0; thread < setting_->test.threads.size(); ++thread) {
        ThreadState &own = threads_[thread];
        if (node_of(thread) != node || own.phase != Phase::Updates || own.is_updated) { continue; }
        own.is_updated = protocol::are_updates_done(self.update_rounds, own.awaited);
    }
    self.woken = 0;
    std::vector<SyncMessage> delivered;
    delivered.swap(self.delivered);
    for (const SyncMessage &message : delivered) { receive(node, message); }
    return !delivered.empty();
}

void ReleaseThreads::settle() {
    for (bool goes_on = true; goes_on && failure().empty();) {
        goes_on = false;
        for (unsigned node = 0; node < setting_->world.nodes; ++node) { goes_on |= settle_node(node); }
        for (std::size_t i = 0; i < held_.size(); ++i) {
            if (!world_.is_due(held_[i].from, {held_[i].after})) { continue; }
            const Held held = held_[i];
            held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
            world_.send(held.from, held.to, held.message, held.lock);
            goes_on = true;
            break;
        }
    }
}

} // namespace dsm::litmus
