// What the simulated threads do with home objects, and the oracle of each kind: what the program has seen of calls and
// returns must fit one order of all operations. A job is a number of rounds, between which all meet, at no cost.
#include "tests/simulation/sync/home_programs.hpp"

namespace dsm::sync_test {

namespace {

using Kind = HomeObjectKind;
using Operation = HomeOperation;
using Result = HomeResult;

constexpr std::uint64_t steps_max = 3'000'000; // a run takes some thousands

/// As the program sees the objects with one number.
struct Oracle {
    // Read-write lock: from a lock's return to the call of unlock.
    unsigned readers = 0;
    unsigned writers = 0;
    // Semaphore: of this round.
    std::uint64_t incarnation = 0;
    std::uint32_t units = 0; ///< that it began with
    unsigned taken = 0;      ///< from a take's return to the call of put
    unsigned produced = 0;   ///< puts called
    unsigned consumed = 0;   ///< takes returned
    // Latch.
    std::uint32_t count = 0;
    unsigned arrived = 0; ///< calls that count
    // Once.
    unsigned running = 0;
    unsigned finished = 0; ///< functions that have done their work
    bool resource = false; ///< semaphore: a resource that is taken and given back; else goods
};

class HomeJob {
public:
    explicit HomeJob(HomeWorld &world);
    void run();

private:
    Task<> live(HomeThread &thread, unsigned number);
    Task<> meet(HomeThread &thread);
    void begin_round();
    Task<> check_round(HomeThread &thread);

    Task<> use_rwlock(HomeThread &thread, unsigned object);
    Task<> hold(HomeThread &thread, unsigned object, bool writes);
    Task<> err(HomeThread &thread, unsigned object, bool writes);
    Task<> unlock(HomeThread &thread, unsigned object, bool writes);
    void entered(HomeThread &thread, unsigned object, bool writes);
    Task<> take_and_put(HomeThread &thread, unsigned object);
    Task<> pass_goods(HomeThread &thread, unsigned object, bool produces);
    Task<> arrive(HomeThread &thread, unsigned object);
    Task<> await_latch(HomeThread &thread, unsigned object);
    Task<> run_once(HomeThread &thread, unsigned object);
    Task<> try_in_turn(HomeThread &thread);

    HomeRequest on_semaphore(unsigned object, Operation operation) const {
        const Oracle &oracle = oracles_[object];
        return {.kind = Kind::Semaphore,
                .object = object,
                .operation = operation,
                .incarnation = oracle.incarnation,
                .initial = oracle.units};
    }
    HomeRequest on_latch(unsigned object, Operation operation, std::uint32_t number = 0) const {
        const Oracle &oracle = oracles_[object];
        return {.kind = Kind::Latch,
                .object = object,
                .operation = operation,
                .incarnation = oracle.incarnation,
                .initial = oracle.count,
                .number = number};
    }
    static HomeRequest on_rwlock(unsigned object, Operation operation) {
        return {.kind = Kind::Rwlock, .object = object, .operation = operation};
    }
    static HomeRequest on_once(unsigned object, Operation operation) {
        return {.kind = Kind::Once, .object = object, .operation = operation};
    }
    /// Blocks, tries or waits for a time.
    HomeRequest in_some_manner(HomeRequest request);

    HomeWorld &world_;
    Random &random_; // of the world: the order of events and the program are one sequence
    std::vector<Oracle> oracles_;
    unsigned thread_count_;
    unsigned rounds_;
    unsigned operations_;
    unsigned hold_steps_max_;
    std::uint64_t met_ = 0;
    std::uint64_t incarnations_ = 0;
};

HomeJob::HomeJob(HomeWorld &world) : world_(world), random_(world.random()), oracles_(world.options().objects) {
    thread_count_ = static_cast<unsigned>(world.threads().size());
    rounds_ = random_.between(1, 3);
    operations_ = random_.between(1, thread_count_ > 8 ? 4 : 8);
    hold_steps_max_ = random_.one_in(2) ? 1 : random_.between(2, 40);
}

HomeRequest HomeJob::in_some_manner(HomeRequest request) {
    const unsigned way = random_.below(6);
    if (way == 0) { request.manner = HomeManner::Try; }
    if (way <= 2 && way != 0) {
        request.manner = HomeManner::Timed;
        request.patience_steps = random_.below(150);
    }
    return request;
}

Task<> HomeJob::meet(HomeThread &thread) {
    const std::uint64_t generation = met_++ / thread_count_;
    while (met_ < (generation + 1) * thread_count_) { co_await world_.yield(thread); }
    co_return Nothing{};
}

// ---- Read-write locks

void HomeJob::entered(HomeThread &thread, unsigned object, bool writes) {
    Oracle &oracle = oracles_[object];
    if (oracle.writers != 0 || (writes && oracle.readers != 0)) { fail("H6: two hold a lock that exclude each other"); }
    ++(writes ? oracle.writers : oracle.readers);
    if (!writes) { ++thread.reads[object]; }
}

Task<> HomeJob::unlock(HomeThread &thread, unsigned object, bool writes) {
    --(writes ? oracles_[object].writers : oracles_[object].readers);
    const HomeEnd end = co_await world_.ask(thread, on_rwlock(object, Operation::Unlock));
    if (end.result != Result::Granted) { fail("unlock is refused"); }
    if (!writes) { --thread.reads[object]; }
    co_return Nothing{};
}

/// What a holder must not do is refused.
Task<> HomeJob::err(HomeThread &thread, unsigned object, bool writes) {
    const Operation operation = writes && random_.one_in(2) ? Operation::Read : Operation::Write;
    const HomeEnd end = co_await world_.ask(thread, on_rwlock(object, operation));
    if (end.result != Result::Deadlock) { fail("a thread waits for itself"); }
    ++world_.counts().deadlocks;
    co_return Nothing{};
}

Task<> HomeJob::hold(HomeThread &thread, unsigned object, bool writes) {
    for (unsigned steps = random_.below(hold_steps_max_ + 1); steps != 0; --steps) { co_await world_.yield(thread); }
    if (random_.one_in(4)) { co_await err(thread, object, writes); }
    if (!writes && random_.one_in(3)) { // H7's exception: again, in front of whoever waits
        const HomeEnd end = co_await world_.ask(thread, on_rwlock(object, Operation::Read));
        if (end.result != Result::Granted) { fail("a reader may not read again"); }
        entered(thread, object, false);
        co_await unlock(thread, object, false);
    }
    co_await unlock(thread, object, writes);
    co_return Nothing{};
}

Task<> HomeJob::use_rwlock(HomeThread &thread, unsigned object) {
    if (random_.one_in(8)) {
        const HomeEnd end = co_await world_.ask(thread, on_rwlock(object, Operation::Unlock));
        if (end.result != Result::NotOwner) { fail("a thread unlocks what it does not hold"); }
    }
    const bool writes = random_.one_in(3);
    const auto request = in_some_manner(on_rwlock(object, writes ? Operation::Write : Operation::Read));
    const HomeEnd end = co_await world_.ask(thread, request);
    if (end.result == Result::Granted) {
        ++world_.counts().grants;
        entered(thread, object, writes);
        co_await hold(thread, object, writes);
    }
    world_.counts().refused += end.result == Result::Refused;
    world_.counts().no_space += end.result == Result::NoSpace;
    co_return Nothing{};
}

// ---- Semaphores

Task<> HomeJob::take_and_put(HomeThread &thread, unsigned object) {
    Oracle &oracle = oracles_[object];
    const HomeEnd end = co_await world_.ask(thread, in_some_manner(on_semaphore(object, Operation::TakeUnit)));
    if (end.result != Result::Granted) { co_return Nothing{}; }
    if (++oracle.taken > oracle.units) { fail("H10: more units are taken than there are"); }
    for (unsigned steps = random_.below(hold_steps_max_ + 1); steps != 0; --steps) { co_await world_.yield(thread); }
    --oracle.taken;
    const HomeEnd put = co_await world_.ask(thread, on_semaphore(object, Operation::PutUnit));
    if (put.result != Result::Granted) { fail("a unit is not taken back"); }
    co_return Nothing{};
}

Task<> HomeJob::pass_goods(HomeThread &thread, unsigned object, bool produces) {
    Oracle &oracle = oracles_[object];
    if (produces) {
        ++oracle.produced;
        const HomeEnd put = co_await world_.ask(thread, on_semaphore(object, Operation::PutUnit));
        if (put.result != Result::Granted) { fail("a unit is not taken"); }
        co_return Nothing{};
    }
    Result result = Result::Refused;
    while (result != Result::Granted) {
        const HomeEnd end = co_await world_.ask(thread, in_some_manner(on_semaphore(object, Operation::TakeUnit)));
        result = end.result;
        if (result != Result::Granted) { co_await world_.yield(thread); }
    }
    if (++oracle.consumed > oracle.units + oracle.produced) { fail("H10: goods are consumed before they are there"); }
    co_return Nothing{};
}

// ---- Latches

Task<> HomeJob::await_latch(HomeThread &thread, unsigned object) {
    Result result = Result::Refused;
    while (result != Result::Granted) {
        const HomeEnd end = co_await world_.ask(thread, in_some_manner(on_latch(object, Operation::AwaitZero)));
        result = end.result;
        if (result != Result::Granted) { co_await world_.yield(thread); }
    }
    if (oracles_[object].arrived < oracles_[object].count) { fail("H11: a latch opens early"); }
    co_return Nothing{};
}

/// Every thread counts once: the latch opens in each round.
Task<> HomeJob::arrive(HomeThread &thread, unsigned object) {
    Oracle &oracle = oracles_[object];
    ++oracle.arrived;
    if (random_.one_in(2)) {
        const HomeEnd end = co_await world_.ask(thread, on_latch(object, Operation::ArriveAndWait));
        if (end.result == Result::Granted) {
            if (oracle.arrived < oracle.count) { fail("H11: a latch opens early"); }
            ++world_.counts().opened;
            co_return Nothing{};
        }
        if (end.result != Result::NoSpace) { fail("an arrival is refused"); }
    }
    const HomeEnd end = co_await world_.ask(thread, on_latch(object, Operation::CountDown, 1));
    if (end.result != Result::Granted) { fail("an arrival is refused"); }
    if (random_.one_in(2)) { co_await await_latch(thread, object); }
    co_return Nothing{};
}

// ---- Onces

Task<> HomeJob::run_once(HomeThread &thread, unsigned object) {
    Oracle &oracle = oracles_[object];
    if (world_.knows_done(thread, object)) {
        if (oracle.finished != 1) { fail("H12: a once is known as done that is not"); }
        co_return Nothing{};
    }
    const HomeEnd end = co_await world_.ask(thread, on_once(object, Operation::Begin));
    if (end.result == Result::Granted) {
        if (oracle.finished != 1) { fail("H12: a once is done too early"); }
        world_.note_done(thread, object);
    }
    if (end.result != Result::Run) { co_return Nothing{}; }
    if (++oracle.running != 1 || oracle.finished != 0) { fail("H12: a once runs twice"); }
    for (unsigned steps = random_.below(hold_steps_max_ + 1); steps != 0; --steps) { co_await world_.yield(thread); }
    const HomeEnd again = co_await world_.ask(thread, on_once(object, Operation::Begin));
    if (again.result != Result::Deadlock) { fail("a once waits for itself"); }
    const bool fails = random_.one_in(3);
    --oracle.running;
    oracle.finished += !fails;
    world_.counts().failed_runs += fails;
    const HomeEnd told = co_await world_.ask(thread, on_once(object, fails ? Operation::Fail : Operation::Finish));
    if (told.result != Result::Granted) { fail("the end of a run is refused"); }
    co_return Nothing{};
}

// ---- Rounds

void HomeJob::begin_round() {
    for (Oracle &oracle : oracles_) {
        oracle = Oracle{};
        oracle.incarnation = ++incarnations_;
        oracle.resource = random_.one_in(2);
        oracle.units = random_.below(4) + (oracle.resource ? 1 : 0);
        oracle.count = thread_count_;
    }
    world_.forget_onces();
}

/// Nobody else is under way: everything is as the oracles say, and a try is not refused.
Task<> HomeJob::try_in_turn(HomeThread &thread) {
    for (unsigned object = 0; object < oracles_.size(); ++object) {
        for (const bool writes : {false, true}) {
            HomeRequest request = on_rwlock(object, writes ? Operation::Write : Operation::Read);
            request.manner = HomeManner::Try;
            const HomeEnd end = co_await world_.ask(thread, request);
            if (end.result != Result::Granted) { fail("a try for a free lock is refused"); }
            entered(thread, object, writes);
            co_await unlock(thread, object, writes);
        }
        const Oracle &oracle = oracles_[object];
        const std::uint32_t units = oracle.units + oracle.produced - oracle.consumed;
        const HomeEnd value = co_await world_.ask(thread, on_semaphore(object, Operation::ReadValue));
        if (value.result != Result::Granted || value.number != units) {
            fail("H9: a semaphore has %u units, not %u", value.number, units);
        }
    }
    co_return Nothing{};
}

Task<> HomeJob::check_round(HomeThread &thread) {
    for (unsigned object = 0; object < oracles_.size(); ++object) {
        HomeRequest request = on_latch(object, Operation::AwaitZero);
        request.manner = HomeManner::Try;
        const HomeEnd end = co_await world_.ask(thread, request);
        if (end.result != Result::Granted) { fail("H11: a latch is closed after all arrivals"); }
        const HomeEnd below = co_await world_.ask(thread, on_latch(object, Operation::CountDown, 1));
        if (below.result != Result::BadCount) { fail("a latch counts below 0"); }
        const HomeEnd query = co_await world_.ask(thread, on_rwlock(object, Operation::Query));
        if (query.result != Result::Granted) { fail("a free lock is in use"); }
        // At its largest value it takes no unit more.
        HomeRequest full = on_semaphore(object, Operation::PutUnit);
        full.incarnation = ++incarnations_;
        full.initial = semaphore_value_max;
        const HomeEnd over = co_await world_.ask(thread, full);
        if (over.result != Result::Overflow) { fail("H9: a semaphore counts beyond its bound"); }
        ++world_.counts().overflows;
    }
    co_return Nothing{};
}

Task<> HomeJob::live(HomeThread &thread, unsigned number) {
    const auto objects = static_cast<unsigned>(oracles_.size());
    for (unsigned round = 0; round < rounds_; ++round) {
        if (number == 0) { begin_round(); }
        co_await meet(thread);
        for (unsigned i = 0; i < operations_; ++i) {
            const unsigned object = random_.below(objects);
            co_await use_rwlock(thread, object);
            if (oracles_[object].resource) { co_await take_and_put(thread, object); }
            if (random_.one_in(2)) { co_await run_once(thread, object); }
        }
        for (unsigned object = 0; object < objects; ++object) {
            // Threads in pairs: one produces what the other consumes; who is left over does neither.
            const bool is_paired = number / 2 * 2 + 1 < thread_count_;
            if (is_paired && !oracles_[object].resource) { co_await pass_goods(thread, object, number % 2 == 0); }
            co_await arrive(thread, object);
        }
        co_await meet(thread);
        if (number == round * 5 % thread_count_) { co_await try_in_turn(thread); }
        co_await meet(thread);
        if (number == round * 7 % thread_count_) { co_await check_round(thread); }
        co_await meet(thread);
    }
    thread.at = nullptr;
    co_return Nothing{};
}

void HomeJob::run() {
    Lives lives;
    unsigned number = 0;
    for (HomeThread &thread : world_.threads()) { lives.start(thread, live(thread, number++)); }
    while (world_.run_one()) { check_steps(world_.counts().steps, steps_max); }
    lives.check_ended();
    world_.check_end();
}

} // namespace

HomeCounts run_home_seed(std::uint64_t seed, unsigned nodes, HomeMutation mutation, bool traces) {
    Random choice(seed * 0x9e3779b97f4a7c15 + 3);
    HomeOptions options;
    options.nodes = nodes != 0 ? nodes : choice.one_in(4) ? choice.between(5, 8) : choice.between(2, 4);
    options.threads_per_node = choice.between(1, options.nodes > 4 ? 2 : 4);
    options.objects = choice.between(1, 2);
    options.records = choice.one_in(8) ? choice.between(1, 2) : 64;
    options.mutation = mutation;
    options.traces = traces;
    HomeWorld world(options, choice.next());
    HomeJob(world).run();
    return world.counts();
}

} // namespace dsm::sync_test
