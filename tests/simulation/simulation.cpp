// The simulated program, its network and its clock.
#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {
constexpr std::uint64_t steps_max = 200'000;
constexpr std::uint64_t steps_per_node_max = 1'000;
constexpr unsigned pause_us_max = 20'000;

unsigned one_of(std::initializer_list<unsigned> choices, Random &random) {
    return choices.begin()[random.below(static_cast<unsigned>(choices.size()))];
}
} // namespace

WorldOptions Simulation::world_options(const SimulationOptions &options, Random &random) {
    WorldOptions world;
    world.nodes = options.nodes != 0 ? options.nodes : random.between(3, 16);
    world.pages = options.pages != 0 ? options.pages : random.between(1, 3);
    for (unsigned page = 0; page < world.pages; ++page) {
        world.homes.push_back(random.below(world.nodes));
        world.first_touch.push_back(random.one_in(3));
    }
    world.limits.fan_out = static_cast<std::uint16_t>(random.between(1, 4));
    world.limits.residence_us = random.one_in(2) ? 0 : random.between(1, 50);
    world.limits.residence_doublings = static_cast<std::uint8_t>(random.below(5));
    world.limits.access_wait_us = random.between(100, 5'000);
    world.mutation = options.mutation;
    world.plant = options.plant;
    // In two seeds of three reads climb, however small the job is; in a large one they always do.
    world.limits.read_fan_out = static_cast<std::uint16_t>(random.between(1, 3));
    if (!random.one_in(3)) { world.limits.tree_above_nodes = 1; }
    if (options.plant == Plant::NoTurns) { world.limits.access_wait_us = world.limits.residence_us = 0; }
    if (options.read_fan_out != 0) { world.limits.read_fan_out = static_cast<std::uint16_t>(options.read_fan_out); }
    return world;
}

Simulation::Simulation(const SimulationOptions &options, SetPool &pool, std::vector<std::string> *trace)
    : pins_in_any_order_(options.pins_in_any_order), random_(options.seed),
      world_options_(world_options(options, random_)), world_(world_options_, pool),
      paused_until_us_(world_options_.nodes), cache_frames_(random_.between(1, 2)),
      delay_us_max_(random_.one_in(2) ? 50 : 1'000), writes_one_in_(one_of({2, 3, 10, 200}, random_)),
      has_slow_handlers_(random_.one_in(2) && world_options_.nodes <= nodes_max_in_detail),
      handler_us_max_(random_.one_in(2) ? 20 : 200), inboxes_(world_options_.nodes, random_.between(1, 8)) {
    world_.trace = trace;
    threads_per_node_ = random_.between(1, 3);
    const unsigned accesses = std::max(4U, 600 / (world_options_.nodes * threads_per_node_));
    for (unsigned node = 0; node < world_options_.nodes; ++node) {
        for (unsigned i = 0; i < threads_per_node_; ++i) {
            threads_.push_back({node, accesses, false, false, 0, 0, Access::None, false, {}, {}, 0});
            add_event(random_.below(100), EventKind::RunThread, node, static_cast<unsigned>(threads_.size() - 1));
        }
    }
    for (unsigned frees = random_.below(4); frees > 0; --frees) {
        const unsigned page = random_.below(world_options_.pages);
        add_event(random_.below(20'000), EventKind::Free, world_.home(page), page);
    }
    choose_ending(options.ending);
}

void Simulation::add_event(TimeUs at_us, EventKind kind, unsigned node, unsigned subject, std::uint64_t packet_id) {
    events_.push({at_us, next_number_++, kind, node, subject, packet_id});
}

SimulationResult Simulation::run() {
    while (!events_.empty() && world_.failure().empty()) {
        const Event event = events_.top();
        events_.pop();
        now_us_ = std::max(now_us_, event.at_us);
        if (world_.is_dead(event.node) || pauses(event)) { continue; }
        handle(event);
        collect();
        if (++result_.steps > std::max(steps_max, world_options_.nodes * steps_per_node_max)) {
            world_.fail("livelock: the job does not end");
        }
    }
    end_run();
    result_.failure = world_.failure();
    result_.frees = world_.frees_done;
    result_.messages_sent = world_.messages_sent;
    result_.frames_sent = world_.frames_sent;
    result_.tree = world_.tree;
    result_.peaks = world_.peaks;
    result_.waits_for_room = inboxes_.waits_for_room();
    result_.longest_queue = inboxes_.longest_queue();
    return result_;
}

void Simulation::end_run() {
    if (!world_.failure().empty()) { return; }
    if (has_died_) { return judge_stuck_waits(); }
    for (const Thread &thread : threads_) {
        if (thread.waits || thread.accesses_left > 0) { world_.fail("deadlock: " + name_of(thread)); }
    }
    world_.check_quiet();
}

/// A node that pauses does nothing at all, but messages still come to its inbox.
bool Simulation::pauses(const Event &event) {
    if (event.kind == EventKind::Calm || event.kind == EventKind::Death) { return false; }
    if (event.kind == EventKind::Arrive && has_slow_handlers_) { return false; }
    TimeUs &until_us = paused_until_us_[event.node];
    if (until_us > now_us_) {
        add_event(until_us + random_.below(10), event.kind, event.node, event.subject, event.packet_id);
        return true;
    }
    if (!is_calm_ && random_.one_in(400)) { until_us = now_us_ + random_.below(pause_us_max); }
    return false;
}

void Simulation::handle(const Event &event) {
    switch (event.kind) {
    case EventKind::RunThread:
        return run_thread(event.subject);
    case EventKind::Arrive:
        return arrive(event);
    case EventKind::Handle:
        return handle_next(event.node);
    case EventKind::Timer:
        return world_.timer(event.node, event.subject, now_us_);
    case EventKind::Free:
        return free_page(event.subject);
    case EventKind::Unpin:
        return unpin_pages(event.subject);
    case EventKind::Calm:
        return begin_calm();
    case EventKind::Death:
        return kill(event.node);
    }
}

TimeUs Simulation::network_delay_us() {
    const unsigned delay_us = 1 + random_.below(delay_us_max_);
    return now_us_ + (!is_calm_ && random_.one_in(20) ? delay_us * 20 : delay_us);
}

/// Of what stands from `first` on in the network.
void Simulation::note_places(std::size_t first) {
    for (; first < world_.network.size(); ++first) {
        const std::uint64_t id = world_.network[first].id;
        places_.resize(std::max(places_.size(), static_cast<std::size_t>(id + 1)));
        places_[id] = static_cast<std::uint32_t>(first);
    }
}

void Simulation::collect() {
    // What the last step sent stands at the end.
    std::size_t first = world_.network.size();
    while (first > 0 && world_.network[first - 1].id >= first_packet_to_schedule_) { --first; }
    note_places(first);
    for (; first < world_.network.size(); ++first) {
        const Packet &packet = world_.network[first];
        add_event(network_delay_us(), EventKind::Arrive, packet.to.value, packet.from.value, packet.id);
        first_packet_to_schedule_ = packet.id + 1;
    }
    for (const Timer &timer : world_.timers) {
        add_event(timer.at_us + random_.below(20), EventKind::Timer, timer.node, timer.page);
    }
    world_.timers.clear();
    const std::vector<Wake> wakes = std::exchange(world_.wakes, {});
    for (const Wake &wake : wakes) {
        for (unsigned i = 0; i < threads_per_node_; ++i) {
            const unsigned index = wake.node * threads_per_node_ + i;
            if (threads_[index].waits && threads_[index].page == wake.page) { wake_thread(index); }
        }
    }
}

void Simulation::run_thread(unsigned index) {
    Thread &thread = threads_[index];
    if (thread.accesses_left == 0) { return; }
    if (!thread.is_busy) {
        choose(thread);
    } else if (!thread.is_pinning && !is_calm_ &&
               random_.one_in(60)) { // A waiter that vanishes: a signal took the thread elsewhere.
        thread.is_busy = false;
        --thread.accesses_left;
        ++result_.abandoned_waits;
        add_event(now_us_ + random_.below(3'000), EventKind::RunThread, thread.node, index);
        return;
    }
    if (!inboxes_.may_ask(thread.node)) { // It begins no request, and looks again later.
        ++result_.requests_held;
        return add_event(now_us_ + 1 + random_.below(20), EventKind::RunThread, thread.node, index);
    }
    if (thread.is_pinning) { return pin_pages(index); }
    if (world_.access(thread.node, thread.page) < thread.wanted) {
        world_.fault(thread.node, thread.page, thread.wanted, now_us_);
        if (world_.access(thread.node, thread.page) < thread.wanted) {
            thread.waits = true;
            return;
        }
    }
    access_page(index);
}

/// What a thread does next: an access, or now and then pinning a run of pages.
void Simulation::choose(Thread &thread) {
    thread.is_busy = true;
    thread.page = random_.one_in(3) ? random_.below(world_options_.pages) : 0;
    thread.word = random_.below(words_per_frame);
    thread.wanted = random_.one_in(writes_one_in_) ? Access::Write : Access::Read;
    if (is_calm_) { return; }
    if (random_.one_in(20) && inboxes_.may_ask(thread.node)) {
        world_.prefetch(thread.node, thread.page, thread.wanted, now_us_);
    }
    thread.is_pinning = random_.one_in(12);
    if (!thread.is_pinning) { return; }
    for (unsigned page = world_options_.pages; page-- > thread.page;) { thread.to_pin.push_back(page); }
    if (pins_in_any_order_ && random_.one_in(2)) { std::reverse(thread.to_pin.begin(), thread.to_pin.end()); }
}

/// Page after page in rising order, keeping those that it has while it waits for the next.
void Simulation::pin_pages(unsigned index) {
    Thread &thread = threads_[index];
    while (!thread.to_pin.empty()) {
        thread.page = thread.to_pin.back();
        if (!world_.try_pin(thread.node, thread.page, thread.wanted, now_us_)) {
            thread.waits = true;
            return;
        }
        end_wait(thread);
        world_.accessed(thread.node, thread.page, now_us_);
        thread.to_pin.pop_back();
        thread.is_held.push_back(thread.page);
        ++result_.pins;
    }
    add_event(now_us_ + (is_calm_ ? 0 : random_.below(500)), EventKind::Unpin, thread.node, index);
}

void Simulation::unpin_pages(unsigned index) {
    Thread &thread = threads_[index];
    for (const unsigned page : thread.is_held) {
        if (thread.wanted == Access::Write) { world_.write(thread.node, page, thread.word, next_tag_++); }
        world_.read(thread.node, page, thread.word);
        world_.unpin(thread.node, page, now_us_);
    }
    thread.is_held.clear();
    thread.is_busy = false;
    --thread.accesses_left;
    add_event(now_us_, EventKind::RunThread, thread.node, index);
}

void Simulation::access_page(unsigned index) {
    Thread &thread = threads_[index];
    if (thread.wanted == Access::Write) {
        world_.write(thread.node, thread.page, thread.word, next_tag_++);
    } else {
        world_.read(thread.node, thread.page, thread.word);
    }
    end_wait(thread);
    // In a program the access follows the mapping within the residence time; here it comes just before.
    world_.accessed(thread.node, thread.page, now_us_);
    ++result_.accesses;
    thread.is_busy = false;
    --thread.accesses_left;
    keep_cache_small(thread.node);
    add_event(now_us_ + (random_.one_in(4) ? random_.below(1'000) : 0), EventKind::RunThread, thread.node, index);
}

void Simulation::keep_cache_small(unsigned node) {
    if (is_calm_ || !inboxes_.may_ask(node)) { return; }
    const bool evicts_anyway = random_.one_in(6);
    for (unsigned tries = 2; tries > 0 && (evicts_anyway || world_.frames_of(node) > cache_frames_); --tries) {
        const Eviction result = world_.evict(node, random_.below(world_options_.pages), now_us_);
        result_.evictions += result != Eviction::Refused ? 1 : 0;
    }
}

void Simulation::wake_thread(unsigned index) {
    Thread &thread = threads_[index];
    thread.waits = false;
    // In calm a thread uses what has come before anything else happens; the protocol's turns are for that.
    if (is_calm_) {
        return events_.push({now_us_, next_urgent_number_++, EventKind::RunThread, thread.node, index, 0});
    }
    add_event(now_us_ + random_.below(30), EventKind::RunThread, thread.node, index);
}

void Simulation::arrive(const Event &event) {
    if (!has_slow_handlers_) { return deliver(event.packet_id); }
    if (inboxes_.arrive(event.node, event.subject, event.packet_id)) {
        add_event(now_us_, EventKind::Handle, event.node, 0);
    }
}

/// The node is at it for a while, and looks for the next message then.
void Simulation::handle_next(unsigned node) {
    const std::optional<std::uint64_t> packet_id = inboxes_.take(node, random_);
    if (!packet_id) { return; }
    deliver(*packet_id);
    add_event(now_us_ + random_.below(handler_us_max_), EventKind::Handle, node, 0);
}

void Simulation::deliver(std::uint64_t packet_id) {
    const std::size_t place = places_[packet_id];
    if (place >= world_.network.size() || world_.network[place].id != packet_id) { return; } // It vanished with a node.
    const unsigned page = world_.network[place].page();
    places_[world_.network.back().id] = static_cast<std::uint32_t>(place); // The world fills the gap with the last one.
    world_.deliver(place, now_us_);
    if (is_calm_) { count_message(page); }
}

void Simulation::free_page(unsigned page) {
    if (is_calm_ || world_.is_freeing(page)) { return; }
    if (!inboxes_.may_ask(world_.home(page))) {
        return add_event(now_us_ + 20, EventKind::Free, world_.home(page), page);
    }
    world_.free_block(page, now_us_);
}

} // namespace dsm::protocol_test
