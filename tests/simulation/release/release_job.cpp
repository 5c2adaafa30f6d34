// The simulated job of release memory: scheduler, and what threads call.
#include "tests/simulation/release/release_job.hpp"

#include <algorithm>

namespace dsm::release_test {

using sync_test::fail;

namespace {
constexpr std::uint64_t steps_max = 20'000'000;
} // namespace

ReleaseJob::ReleaseJob(const JobOptions &options, protocol::SetPool &pool, std::uint64_t seed)
    : ScheduledJob(seed, 300, options.traces), options_(options), world_(options.world, pool) {
    if (options.traces) {
        world_.trace = [this](const std::string &line) { trace("%s", line.c_str()); };
    }
    const unsigned put_often = random_.between(1, 4);
    const bool puts = random_.one_in(2);
    world_.chooses_put = [this, puts, put_often] { return puts && random_.one_in(put_often); };
    const bool pulls = random_.one_in(2);
    const unsigned unreached_often = random_.one_in(2) ? 0 : random_.between(2, 6);
    world_.chooses_push = [this, pulls, unreached_often] {
        if (unreached_often != 0 && random_.one_in(unreached_often)) { return Put::Due; }
        return pulls ? Put::Pull : Put::No;
    };
    const unsigned delay_often = random_.between(1, 6);
    const unsigned delay_steps = random_.one_in(3) ? 2 : random_.between(5, 300);
    const unsigned long_often = random_.one_in(2) ? 0 : random_.between(4, 40);
    const unsigned long_steps = random_.between(500, 3000);
    const unsigned long_kind = random_.below(7); // Which kind is held long, or all.
    world_.on_send = [=, this](Packet &packet) {
        ++counts_.messages;
        packet.not_before = random_.one_in(delay_often) ? counts_.steps + random_.below(delay_steps) : 0;
        // One that is held for very long meets what has changed twice meanwhile.
        if (packet.is_sync || long_often == 0) { return; }
        const bool may_be_long = long_kind == 0 || std::to_integer<unsigned>(packet.record[0]) == long_kind;
        const bool is_long = may_be_long && random_.one_in(long_kind == 0 ? long_often : 3);
        if (is_long) { packet.not_before = counts_.steps + random_.below(long_steps); }
    };
    intake_often_ = random_.one_in(2) ? 1 : random_.between(2, 12);
    threads_.resize(std::size_t{options.world.nodes} * options.threads_per_node);
    for (unsigned i = 0; i < threads_.size(); ++i) {
        threads_[i].node = i / options.threads_per_node;
        threads_[i].number = i;
    }
    locks_.resize(options.locks);
    for (unsigned i = 0; i < options.locks; ++i) { locks_[i].token_at = i % options.world.nodes; }
    flags_.resize(options.flags);
    arrived_.resize(options.world.nodes);
    departed_.resize(options.world.nodes);
    plan_phases();
}

// ---- Threads

Task<> ReleaseJob::touch(Thread &thread, unsigned location, bool writes) {
    const unsigned page = page_of(location);
    const Access wanted = writes ? Access::Write : Access::Read;
    while (world_.access(thread.node, page) < wanted) {
        thread.waits_for_page = static_cast<int>(page);
        world_.fault(thread.node, page, {.access = wanted, .is_awaited = true, .lock = thread.lock});
        settle();
        if (world_.access(thread.node, page) >= wanted) { break; }
        co_await sleep(thread);
    }
    thread.waits_for_page = -1;
    if (writes) {
        world_.write(thread.node, page, byte_of(location), some_value());
        ++counts_.writes;
    } else {
        world_.read(thread.node, page, byte_of(location));
        ++counts_.reads;
    }
    settle();
    co_return Nothing{};
}

Task<> ReleaseJob::wait_until(Thread &thread, std::function<bool()> ready) {
    if (ready()) { co_return Nothing{}; }
    thread.ready = std::move(ready);
    co_await yield(thread);
    thread.ready = nullptr;
    co_return Nothing{};
}

/// R8: what is due must be done before an acquirer goes on; who acquires a range waits for its pages at most.
Task<> ReleaseJob::end_acquire(Thread &thread, PageMask range) {
    protocol::UpdateRounds &rounds = world_.nodes[thread.node].update_rounds;
    const std::uint64_t awaited = protocol::updates_to_await(rounds);
    co_await wait_until(thread, [this, &thread, range, &rounds, awaited] {
        if (range != all_pages && !has_stale(thread.node, range)) { return true; }
        return protocol::are_updates_done(rounds, awaited);
    });
    co_return Nothing{};
}

bool ReleaseJob::has_stale(unsigned node, PageMask range) const {
    for (unsigned page = 0; page < options_.world.pages; ++page) {
        if ((range >> page & 1U) != 0 && has(world_.at(node, page).state, ReleaseFlag::Stale)) { return true; }
    }
    return false;
}

Task<> ReleaseJob::lock(Thread &thread, unsigned lock) {
    Lock &self = locks_[lock];
    self.waiting.push_back(thread.number);
    let_go(lock);
    co_await wait_until(thread, [&self, &thread] {
        if (self.token_at != thread.node || self.is_held || self.leaves) { return false; }
        const auto at = std::find(self.waiting.begin(), self.waiting.end(), thread.number);
        self.waiting.erase(at);
        self.is_held = true;
        return true;
    });
    ++counts_.hand_overs;
    trace("thread %u takes lock %u", thread.number, lock);
    co_await end_acquire(thread);
    thread.lock = lock + 1;
    co_return Nothing{};
}

void ReleaseJob::unlock(Thread &thread, unsigned lock) {
    trace("thread %u gives lock %u", thread.number, lock);
    thread.lock = 0;
    locks_[lock].is_held = false;
    let_go(lock);
}

/// The token goes to somebody who waits elsewhere, or stays while somebody here waits.
void ReleaseJob::let_go(unsigned lock) {
    Lock &self = locks_[lock];
    if (self.is_held || self.leaves || self.waiting.empty()) { return; }
    const unsigned chosen = self.waiting[random_.below(static_cast<unsigned>(self.waiting.size()))];
    const unsigned from = self.token_at;
    const unsigned to = threads_[chosen].node;
    if (to == from) { return; }
    self.leaves = true;
    after_release(from, [this, from, to, lock] {
        trace("the token of lock %u goes from node %u to %u", lock, from, to);
        ++counts_.tokens;
        world_.send(from, to, {Token, static_cast<std::uint8_t>(lock), 0, 0}, lock + 1);
    });
}

void ReleaseJob::after_release(unsigned node, std::function<void()> action, PageMask range) {
    held_.push_back({node, world_.release(node, range), std::move(action)});
}

Task<> ReleaseJob::meet(Thread &thread) {
    const unsigned barrier = departed_[thread.node];
    if (++arrived_[thread.node] == options_.threads_per_node) {
        arrived_[thread.node] = 0;
        const unsigned node = thread.node;
        after_release(node, [this, node] {
            if (node == 0) { return arrive(0); }
            world_.send(node, 0, {Arrive, 0, 0, static_cast<std::uint8_t>(node)});
        });
    }
    co_await wait_until(thread, [this, &thread, barrier] { return departed_[thread.node] > barrier; });
    co_await end_acquire(thread);
    co_return Nothing{};
}

void ReleaseJob::arrive(unsigned node) {
    trace("node %u has arrived at the barrier", node);
    if (++arrivals_ < options_.world.nodes) { return; }
    arrivals_ = 0;
    ++counts_.barriers;
    for (unsigned to = 1; to < options_.world.nodes; ++to) { world_.send(0, to, {Depart, 0, 0, 0}); }
    ++departed_[0];
}

/// A question to a flag's home and its answer, with notices both ways. `range`: the pages that it is about.
Task<> ReleaseJob::ask(Thread &thread, unsigned node, SyncMessage message, bool releases, PageMask range) {
    thread.is_answered = false;
    message.thread = static_cast<std::uint8_t>(thread.number);
    const auto go = [this, &thread, node, message] {
        if (node != thread.node) { return world_.send(thread.node, node, message); }
        if (message.kind == Store) { flags_[message.object] = message.value; }
        thread.answer = flags_[message.object];
        thread.is_answered = true;
    };
    if (releases) {
        after_release(thread.node, go, range);
    } else {
        go();
    }
    co_await wait_until(thread, [&thread] { return thread.is_answered; });
    co_await end_acquire(thread, range);
    co_return Nothing{};
}

Task<> ReleaseJob::set_flag(Thread &thread, unsigned flag, std::uint8_t value, PageMask range) {
    ++counts_.flags;
    trace("thread %u sets flag %u", thread.number, flag);
    co_await ask(thread, flag_home(flag), {Store, static_cast<std::uint8_t>(flag), 0, value}, true, range);
    co_return Nothing{};
}

Task<> ReleaseJob::await_flag(Thread &thread, unsigned flag, std::uint8_t value, PageMask range) {
    for (;;) {
        co_await ask(thread, flag_home(flag), {Load, static_cast<std::uint8_t>(flag), 0, 0}, false, range);
        if (thread.answer >= value) { break; }
        if (random_.one_in(3)) {
            co_await yield(thread);
        } else {
            co_await wait_until(thread, [this, flag, value] { return flags_[flag] >= value; });
        }
    }
    trace("thread %u sees flag %u", thread.number, flag);
    co_return Nothing{};
}

void ReleaseJob::receive(unsigned node, const SyncMessage &message) {
    Thread &thread = threads_.at(message.thread);
    SyncMessage answer = message;
    switch (static_cast<Sync>(message.kind)) {
    case Token:
        locks_[message.object].token_at = node;
        locks_[message.object].leaves = false;
        return; // Who waits here takes it, or it goes on when somebody lets go.
    case Arrive:
        return arrive(message.value);
    case Depart:
        ++departed_[node];
        return;
    case Store:
        flags_[message.object] = message.value;
        answer.kind = StoreAck;
        return world_.send(node, thread.node, answer);
    case Load:
        answer.kind = Value;
        answer.value = flags_[message.object];
        return world_.send(node, thread.node, answer);
    case StoreAck:
    case Value:
        thread.answer = message.value;
        thread.is_answered = true;
        return;
    }
}

// ---- The scheduler

/// After every event: what it has woken, delivered and let go; and whether anything is wrong.
void ReleaseJob::settle() {
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (unsigned node = 0; node < options_.world.nodes; ++node) {
            std::vector<SyncMessage> delivered;
            delivered.swap(world_.nodes[node].delivered);
            for (const SyncMessage &message : delivered) { receive(node, message); }
            const PageMask woken = std::exchange(world_.nodes[node].woken, PageMask{0});
            for (Thread &thread : threads_) {
                if (thread.node != node || thread.waits_for_page < 0) { continue; }
                if ((woken >> thread.waits_for_page & 1) != 0) { thread.is_woken = true; }
            }
        }
        for (std::size_t i = 0; i < held_.size(); ++i) {
            if (!world_.is_due(held_[i].node, held_[i].ticket)) { continue; }
            const Held held = held_[i];
            held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
            held.action();
            goes_on = true;
            break;
        }
    }
    for (unsigned lock = 0; lock < options_.locks; ++lock) {
        const Lock &self = locks_[lock];
        const bool waits_here = std::any_of(self.waiting.begin(), self.waiting.end(),
                                            [&](unsigned thread) { return threads_[thread].node == self.token_at; });
        if (!waits_here) { let_go(lock); }
    }
    if (!world_.failure().empty()) { fail("%s", world_.failure().c_str()); }
}

/// A message, a put, a notice, or a diff. False when there is none, or none yet.
bool ReleaseJob::happen() {
    struct Choice {
        int what; ///< 0: message, 1: put, 2: notice, 3: diff
        unsigned node;
        std::size_t index;
    };
    std::vector<Choice> choices;
    bool is_slow = false; // There are notices, though none goes on now.
    for (std::size_t i = 0; i < world_.network.size(); ++i) {
        const Packet &packet = world_.network[i];
        if (packet.not_before <= counts_.steps) { choices.push_back({0, 0, i}); }
        if (packet.put == Put::Due) { choices.push_back({1, 0, i}); }
    }
    for (unsigned node = 0; node < options_.world.nodes; ++node) {
        for (std::size_t i = 0; i < world_.nodes[node].intakes.size(); ++i) {
            const bool may = world_.may_take_in(node, world_.nodes[node].intakes[i]);
            if (may && random_.one_in(intake_often_)) { choices.push_back({2, node, i}); }
            is_slow = is_slow || may;
        }
        if (world_.is_closing(node)) { choices.push_back({3, node, 0}); }
    }
    if (choices.empty()) { return is_slow && random_.one_in(2); } // Or a thread first.
    const Choice choice = choices[random_.below(static_cast<unsigned>(choices.size()))];
    switch (choice.what) {
    case 0:
        world_.deliver(choice.index);
        break;
    case 1:
        world_.do_put(choice.index);
        break;
    case 2:
        world_.take_in(choice.node, choice.index);
        break;
    default:
        world_.close_next(choice.node);
    }
    settle();
    return true;
}

bool ReleaseJob::run_thread() {
    const auto may = [](const Thread &thread) { return !thread.ready || thread.ready(); };
    if (go_on(threads_, may) == nullptr) { return false; }
    settle();
    return true;
}

/// What may happen at any time: evictions and hints.
void ReleaseJob::disturb() {
    const unsigned node = random_.below(options_.world.nodes);
    const unsigned page = random_.below(options_.world.pages);
    if (options_.evicts && random_.one_in(2)) {
        counts_.evictions += world_.evict(node, page);
    } else if (options_.hints) {
        ++counts_.hints;
        const Access wanted = random_.one_in(2) ? Access::Read : Access::Write;
        if (world_.access(node, page) < wanted) { world_.fault(node, page, {.access = wanted, .is_awaited = false}); }
    }
    settle();
}

bool ReleaseJob::has_intakes() const {
    return std::any_of(world_.nodes.begin(), world_.nodes.end(),
                       [](const Node &node) { return !node.intakes.empty(); });
}

ReleaseCounts ReleaseJob::run() {
    for (unsigned i = 0; i < threads_.size(); ++i) { lives_.start(threads_[i], live(i)); }
    for (;;) {
        ++counts_.steps;
        sync_test::check_steps(counts_.steps, steps_max);
        const bool is_running =
            std::any_of(threads_.begin(), threads_.end(), [](const Thread &thread) { return !thread.is_over(); });
        if (is_running && random_.one_in(options_.disturb_often)) { disturb(); }
        if (do_one([this] { return happen(); }, [this] { return run_thread(); })) { continue; }
        std::uint64_t next = UINT64_MAX; // Only the time can help.
        for (const Packet &packet : world_.network) {
            if (packet.not_before > counts_.steps) { next = std::min(next, packet.not_before); }
        }
        if (next == UINT64_MAX && !has_intakes()) { break; }
        if (next != UINT64_MAX) { counts_.steps = next; }
    }
    lives_.check_ended();
    world_.check_quiet(true);
    if (!world_.failure().empty()) { fail("%s", world_.failure().c_str()); }
    const WorldCounts &seen = world_.counts;
    counts_.fetches = seen.messages[1];
    counts_.datas = seen.messages[2];
    counts_.flushes = seen.messages[3];
    counts_.flush_acks = seen.messages[4];
    counts_.homes = seen.messages[5];
    counts_.passed_on = seen.passed_on;
    counts_.kept = seen.kept;
    counts_.killed = seen.killed;
    counts_.merged = seen.merged;
    counts_.mapped_merges = seen.mapped_merges;
    counts_.zeros = seen.zeros;
    counts_.updates = seen.updates;
    counts_.puts = seen.puts;
    counts_.claims = seen.claims;
    counts_.notices = seen.notices;
    counts_.compared = seen.compared;
    counts_.moved_fetch = seen.moved_fetch;
    counts_.moved_flush = seen.moved_flush;
    counts_.moved_lock = seen.moved_lock;
    counts_.intervals = seen.intervals;
    counts_.part_intervals = seen.part_intervals;
    counts_.own_flushes = seen.own_flushes;
    counts_.returned = seen.returned;
    counts_.updates_used = seen.updates_used;
    counts_.updates_dropped = seen.updates_dropped;
    counts_.lines_sent = seen.lines_sent;
    counts_.lines_used = seen.lines_used;
    return counts_;
}

} // namespace dsm::release_test
