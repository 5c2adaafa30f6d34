// What the simulated threads do. A job is a number of rounds; in each, every thread works on locks, or hands goods over
// through a condition, and then all meet at barriers.
#include "tests/simulation/sync/sync_programs.hpp"

#include <memory>

namespace dsm::sync_test {

namespace {

constexpr std::uint64_t steps_max = 3'000'000; // a run takes some thousands

/// Goods that producers hand to consumers under a lock and a condition.
struct Store {
    unsigned lock;
    unsigned condition;
    int goods = 0;
};

class Job {
public:
    Job(World &world, Random &random);
    void run();

private:
    Task<> live(Thread &thread, unsigned number);
    Task<> use_locks(Thread &thread, unsigned operations);
    Task<> try_in_turn(Thread &thread, unsigned number);
    Task<> use_by_trying(Thread &thread);
    Task<> hold(Thread &thread, unsigned lock);
    Task<unsigned> take_again(Thread &thread, unsigned lock);
    Task<> produce(Thread &thread, Store &store, bool everybody);
    Task<> consume(Thread &thread, Store &store);
    Task<> meet_all(Thread &thread);
    Task<> meet_by_count(Thread &thread, unsigned barrier, unsigned round);
    Task<> meet_in_groups(Thread &thread, unsigned barrier);
    Task<> ask(Thread &thread);

    World &world_;
    Random &random_; // of the world: the order of events and the program are one sequence
    unsigned rounds_;
    unsigned operations_;
    bool notifies_all_;
    unsigned group_; ///< divides the number of threads
    unsigned hold_steps_max_;
    unsigned pause_often_;
    unsigned tries_in_turn_;
    std::vector<Store> stores_;
    std::uint64_t met_ = 0;     ///< arrivals at the barrier of all
    std::uint64_t counted_ = 0; ///< arrivals at the barrier by count
    std::uint64_t grouped_ = 0; ///< arrivals at the barrier of groups, and those let go
    std::uint64_t ungrouped_ = 0;
    std::uint64_t group_serials_ = 0;
    std::vector<unsigned> serials_; ///< by round
};

Job::Job(World &world, Random &random) : world_(world), random_(random) {
    const auto threads = static_cast<unsigned>(world.threads().size());
    rounds_ = random.between(1, 3);
    operations_ = random.between(1, threads > 16 ? 4 : 12);
    notifies_all_ = random.one_in(3);
    hold_steps_max_ = random.one_in(2) ? 1 : random.between(2, 40);
    pause_often_ = random.one_in(2) ? 0 : random.between(50, 400);
    group_ = random.between(1, threads);
    while (threads % group_ != 0) { --group_; }
    tries_in_turn_ = random.below(4);
    for (unsigned i = 0; i < world.options().conditions; ++i) {
        stores_.push_back({random.below(world.options().locks), i});
    }
    serials_.resize(rounds_);
}

Task<> Job::hold(Thread &thread, unsigned lock) {
    const unsigned again = co_await take_again(thread, lock);
    for (unsigned steps = random_.below(hold_steps_max_ + 1); steps != 0; --steps) { co_await world_.yield(thread); }
    for (unsigned i = 0; i <= again; ++i) {
        co_await world_.unlock(thread, lock);
        if (random_.one_in(2)) { co_await world_.yield(thread); }
    }
    co_return Nothing{};
}

/// Some holders take the lock again, as often as they may; returns how often they did.
Task<unsigned> Job::take_again(Thread &thread, unsigned lock) {
    unsigned again = 0;
    if (!random_.one_in(4)) { co_return again; }
    for (unsigned wishes = random_.between(1, 4); wishes != 0; --wishes) {
        again += world_.relock(thread, lock);
        if (random_.one_in(2)) { co_await world_.yield(thread); }
    }
    co_return again;
}

Task<> Job::use_locks(Thread &thread, unsigned operations) {
    for (unsigned i = 0; i < operations; ++i) {
        const unsigned lock = random_.below(world_.options().locks);
        LockOutcome outcome = LockOutcome::None;
        const unsigned way = random_.below(8);
        if (way == 0) {
            outcome = co_await world_.timed_lock(thread, lock, random_.between(1, 200));
        } else if (way <= 2) {
            outcome = co_await world_.try_lock(thread, lock);
        } else {
            outcome = co_await world_.lock(thread, lock);
            if (outcome != LockOutcome::Acquired) { fail("lock refused"); }
        }
        if (outcome == LockOutcome::Acquired) { co_await hold(thread, lock); }
        if (random_.one_in(2)) { co_await world_.yield(thread); }
    }
    co_return Nothing{};
}

Task<> Job::produce(Thread &thread, Store &store, bool everybody) {
    co_await world_.lock(thread, store.lock);
    ++store.goods;
    const bool under_the_lock = random_.one_in(2);
    if (!under_the_lock) { co_await world_.unlock(thread, store.lock); }
    if (everybody) {
        world_.broadcast(thread, store.condition);
    } else {
        world_.signal(thread, store.condition);
    }
    if (under_the_lock) { co_await world_.unlock(thread, store.lock); }
    co_return Nothing{};
}

Task<> Job::consume(Thread &thread, Store &store) {
    co_await world_.lock(thread, store.lock);
    const unsigned again = co_await take_again(thread, store.lock);
    while (store.goods == 0) {
        const unsigned patience_steps = random_.one_in(4) ? random_.between(1, 300) : 0;
        co_await world_.wait(thread, store.condition, store.lock, patience_steps);
    }
    --store.goods;
    for (unsigned i = 0; i <= again; ++i) { co_await world_.unlock(thread, store.lock); }
    co_return Nothing{};
}

Task<> Job::meet_all(Thread &thread) {
    const auto threads = world_.threads().size();
    const std::uint64_t generation = met_++ / threads;
    co_await world_.pass_tree(thread);
    if (met_ < (generation + 1) * threads) { fail("B1: the barrier of all opens early"); }
    co_return Nothing{};
}

/// As many threads as the barrier is for, several times over.
Task<> Job::meet_by_count(Thread &thread, unsigned barrier, unsigned round) {
    const auto threads = static_cast<unsigned>(world_.threads().size());
    ++counted_;
    const BarrierOutcome outcome = co_await world_.pass(thread, barrier, threads);
    if (counted_ < std::uint64_t{round + 1} * threads) { fail("B4: the barrier by count opens early"); }
    if (outcome == BarrierOutcome::Serial && ++serials_[round] > 1) { fail("B5: two serial threads"); }
    if (outcome != BarrierOutcome::Serial && outcome != BarrierOutcome::Released) { fail("a barrier refuses"); }
    co_return Nothing{};
}

/// More threads than the barrier is for, each once.
Task<> Job::meet_in_groups(Thread &thread, unsigned barrier) {
    ++grouped_;
    const BarrierOutcome outcome = co_await world_.pass(thread, barrier, group_);
    if (++ungrouped_ > grouped_ / group_ * group_) { fail("B4: a barrier of %u lets too many go", group_); }
    group_serials_ += outcome == BarrierOutcome::Serial;
    co_return Nothing{};
}

/// After a meeting of all, nobody waits anywhere.
Task<> Job::ask(Thread &thread) {
    const bool is_waited_on = co_await world_.is_waited_on(thread, 0);
    if (is_waited_on) { fail("a query finds a waiter after all have gone"); }
    const BarrierOutcome answer = co_await world_.query_barrier(thread, 0);
    if (answer != BarrierOutcome::QueryIdle) { fail("a query finds an arrival"); }
    co_return Nothing{};
}

/// Threads try all locks one after another, ordered by barriers: L11 lets nobody be refused.
Task<> Job::try_in_turn(Thread &thread, unsigned number) {
    const auto threads = static_cast<unsigned>(world_.threads().size());
    for (unsigned turn = 0; turn < tries_in_turn_; ++turn) {
        if (turn * 5 % threads == number) { co_await use_by_trying(thread); }
        co_await meet_all(thread);
    }
    co_return Nothing{};
}

Task<> Job::use_by_trying(Thread &thread) {
    for (unsigned lock = 0; lock < world_.options().locks; ++lock) {
        const LockOutcome outcome = co_await world_.try_lock(thread, lock);
        if (outcome == LockOutcome::Acquired) { co_await hold(thread, lock); }
    }
    co_return Nothing{};
}

Task<> Job::live(Thread &thread, unsigned number) {
    const auto threads = static_cast<unsigned>(world_.threads().size());
    for (unsigned round = 0; round < rounds_; ++round) {
        co_await use_locks(thread, operations_);
        // Threads in pairs: one produces what the other consumes; who is left over does neither.
        if (number / 2 * 2 + 1 < threads) {
            for (Store &store : stores_) {
                const bool produces = (number + round) % 2 == 0;
                if (produces) {
                    co_await produce(thread, store, notifies_all_);
                } else {
                    co_await consume(thread, store);
                }
                co_await use_locks(thread, 1);
            }
        }
        co_await meet_by_count(thread, 0, round);
        co_await meet_all(thread);
        co_await try_in_turn(thread, number);
    }
    if (number == 0) { co_await ask(thread); }
    co_await meet_all(thread);
    co_await meet_in_groups(thread, 1);
    thread.at = nullptr;
    co_return Nothing{};
}

void Job::run() {
    Lives lives;
    unsigned number = 0;
    for (Thread &thread : world_.threads()) { lives.start(thread, live(thread, number++)); }
    while (world_.run_one()) {
        if (pause_often_ != 0 && random_.one_in(pause_often_)) { world_.pause_some_node(); }
        check_steps(world_.counts().steps, steps_max);
    }
    lives.check_ended();
    for (const unsigned serials : serials_) {
        if (serials != 1) { fail("B5: %u serial threads", serials); }
    }
    if (group_serials_ != number / group_) { fail("B5: groups without a serial thread"); }
    world_.check_end();
}

} // namespace

Counts run_seed(std::uint64_t seed, unsigned nodes, const Mutations &mutations, bool traces) {
    Random choice(seed * 0x9e3779b97f4a7c15 + 1);
    WorldOptions options;
    options.nodes = nodes != 0 ? nodes : choice.one_in(4) ? choice.between(5, 16) : choice.between(2, 4);
    options.threads_per_node = choice.between(1, options.nodes > 8 ? 2 : 4);
    options.locks = choice.between(1, 3);
    options.conditions = choice.between(1, 2);
    options.barriers = 2;
    options.fan_out = static_cast<std::uint16_t>(choice.between(1, 4));
    options.local_hand_overs_max = static_cast<std::uint16_t>(choice.one_in(3) ? 16 : choice.below(4));
    options.barges_max = static_cast<std::uint16_t>(choice.one_in(3) ? 16 : choice.below(4));
    options.relocks_max = choice.between(1, 3);
    options.condition_records = choice.one_in(8) ? choice.between(1, 2) : 64;
    options.mutations = mutations;
    options.traces = traces;
    World world(options, choice.next());
    Job(world, world.random()).run();
    return world.counts();
}

} // namespace dsm::sync_test
