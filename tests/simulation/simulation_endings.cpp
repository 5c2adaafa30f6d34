// How a simulated job ends: in calm, where every waiter must have its access soon, or with the death of a node.
#include "tests/simulation/simulation.hpp"
#include "tests/simulation/stuck_waits.hpp"

#include <algorithm>
#include <utility>

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {
constexpr unsigned ending_us_max = 20'000;
constexpr unsigned calm_delay_us_max = 2;
constexpr unsigned calm_pause_us_max = 1'000; ///< of the program's own
} // namespace

void Simulation::choose_ending(Ending wanted) {
    constexpr std::array endings{Ending::Disturbed, Ending::Calm, Ending::Calm, Ending::Death};
    if (wanted == Ending::BySeed) { wanted = endings[random_.below(endings.size())]; }
    const TimeUs at_us = random_.below(ending_us_max);
    if (world_.nodes() > nodes_max_in_detail) { return; }
    if (wanted == Ending::Calm) { add_event(at_us, EventKind::Calm, 0, 0); }
    if (wanted == Ending::Death) { add_event(at_us, EventKind::Death, random_.below(world_.nodes()), 0); }
}

/// The disturbance stops: pauses end, messages come soon, handlers take no time, nobody evicts, frees or pins any more.
/// Pins that are held, or in the making, go on to their end.
void Simulation::begin_calm() {
    is_calm_ = true;
    delay_us_max_ = calm_delay_us_max;
    handler_us_max_ = 1;
    std::fill(paused_until_us_.begin(), paused_until_us_.end(), now_us_);
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
    for (; !events_.empty(); events_.pop()) {
        Event event = events_.top();
        const bool is_message = event.kind == EventKind::Arrive || event.kind == EventKind::Handle;
        event.at_us = std::min(event.at_us, is_message ? network_delay_us() : now_us_ + calm_pause_us_max);
        events.push(event);
    }
    events_ = std::move(events);
    const bool somebody_waits =
        std::any_of(threads_.begin(), threads_.end(), [](const Thread &thread) { return thread.waits; });
    result_.calms += somebody_waits ? 1 : 0;
}

/// How many messages may be handled about what a thread waits for until it has its access, in calm.
///
/// Of the page, while one ownership lasts (docs/protocol.md, bounds): the request for it takes N messages and the Grant
/// one; an invalidation tells each of N - 1 others, along the tree twice, and each answers; each of N nodes reads at
/// most once, with N + 1 messages for the request and one for the answer.
/// A wait takes up to three requests of its node: a read that is thrown away, the ownership instead, then write access.
/// Each is passed on N times, while calm_delay_us_max ownerships come and go at most, and finds N nodes before it.
/// A thread that holds pins waits for pages that follow; so each of them may take as long.
std::uint64_t Simulation::bound_in_calm() const {
    const std::uint64_t nodes = world_.nodes();
    const std::uint64_t messages_per_ownership = (nodes + 1) + 4 * (nodes - 1) + nodes * (nodes + 2);
    const std::uint64_t ownerships_before = 3 * (nodes * calm_delay_us_max + nodes);
    return ownerships_before * messages_per_ownership * world_.pages();
}

/// The page, those for which somebody waits who has pinned it, and so on.
std::vector<bool> Simulation::pages_waited_for(unsigned page) const {
    std::vector<bool> pages(world_.pages());
    pages[page] = true;
    for (bool has_grown = true; std::exchange(has_grown, false);) {
        for (const Thread &thread : threads_) {
            if (!thread.waits || pages[thread.page]) { continue; }
            const bool holds_one =
                std::any_of(thread.is_held.begin(), thread.is_held.end(), [&](unsigned held) { return pages[held]; });
            if (!holds_one) { continue; }
            pages[thread.page] = true;
            has_grown = true;
        }
    }
    return pages;
}

/// A message about the page has been handled.
void Simulation::count_message(unsigned page) {
    std::vector<bool> counts(world_.pages()); // For who waits for that page.
    for (unsigned other = 0; other < world_.pages(); ++other) { counts[other] = pages_waited_for(other)[page]; }
    for (Thread &thread : threads_) {
        if (!thread.waits || !counts[thread.page]) { continue; }
        if (++thread.messages_waited > bound_in_calm()) {
            world_.fail("liveness: after " + std::to_string(bound_in_calm()) + " messages in calm still " +
                        name_of(thread));
        }
    }
}

/// It has the access that it waited for, if it waited.
void Simulation::end_wait(Thread &thread) {
    const std::uint64_t messages = std::exchange(thread.messages_waited, 0);
    if (messages == 0) { return; }
    ++result_.waits_in_calm;
    result_.messages_waited_max = std::max(result_.messages_waited_max, messages);
    result_.share_of_bound_max =
        std::max(result_.share_of_bound_max, static_cast<double>(messages) / static_cast<double>(bound_in_calm()));
}

void Simulation::kill(unsigned node) {
    ++result_.deaths;
    has_died_ = true;
    world_.kill(node, [this] { return random_.one_in(2); });
    note_places(0);
    inboxes_.forget(node);
    for (Thread &thread : threads_) {
        if (thread.node != node) { continue; }
        thread.waits = false;
        thread.accesses_left = 0;
        thread.is_held.clear();
    }
}

/// Nothing is under way any more. Who has not come to his end must wait for something that the dead node took along.
/// In the runtime a thread that waits for long asks every rank whether it is there (docs/failures.md), so every one of
/// them asks the dead one and ends the job.
void Simulation::judge_stuck_waits() {
    std::vector<StuckThread> stuck;
    for (const Thread &thread : threads_) {
        if (thread.accesses_left == 0) { continue; }
        if (!thread.waits) { return world_.fail("neither waits nor ends: " + name_of(thread)); }
        stuck.push_back({thread.node, thread.page, thread.is_held});
    }
    StuckWaits waits(world_, stuck);
    for (const StuckThread &thread : stuck) {
        if (waits.lead_to_the_dead(thread)) { continue; }
        world_.fail("a wait does not end and has nothing to do with the dead node (node " +
                    std::to_string(thread.node) + ", page " + std::to_string(thread.page) + ")");
    }
    result_.stuck_waits += stuck.size();
    result_.deaths_with_stuck_waits += stuck.empty() ? 0 : 1;
}

std::string Simulation::name_of(const Thread &thread) const {
    return "thread " + std::to_string(&thread - threads_.data()) + " waits for " + protocol::name_of(thread.wanted) +
           (thread.is_pinning ? ", to pin" : "") + " (node " + std::to_string(thread.node) + ", page " +
           std::to_string(thread.page) + ")";
}

} // namespace dsm::protocol_test
