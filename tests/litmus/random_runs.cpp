// The simulated clock: of all that may happen, what is due first happens next.
#include "tests/litmus/random_runs.hpp"

#include "tests/simulation/random.hpp"

#include <algorithm>

namespace dsm::litmus {
using namespace dsm::protocol;

namespace {

constexpr TimeUs never_us = ~TimeUs{0};
constexpr unsigned late_start_us = 400;
constexpr std::uint64_t events_max = 100'000; ///< a run has some hundred; more is a livelock

class RandomRun {
public:
    RandomRun(const LitmusTest &test, const RandomOptions &options)
        : test_(test), random_(options.seed * 4 + static_cast<std::uint64_t>(options.placement)),
          setting_{test, layout_of(test, options.placement), {}, protocol::Mutation::None, options.lock_mutation},
          world_(setting_, pool_.pool()) {
        setting_.limits.residence_us = 0;
        begin_at_random();
        choose_world();
        setting_.mutation = options.mutation;
        world_.trace = options.trace;
        world_.timers = &timers_;
        world_.delay_us = [this] { return delay_us(); };
    }

    RandomResult run() {
        RandomResult result;
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            ready_us_[thread] = random_.below(step_us_) + (random_.one_in(3) ? random_.below(late_start_us) : 0);
        }
        while (world_.failure().empty() && run_one()) {
            if (++result.events > events_max) {
                result.failure = "livelock: the run does not end";
                return result;
            }
        }
        if (world_.failure().empty() && !world_.is_finished()) { result.failure = "deadlock: a thread waits for ever"; }
        if (result.failure.empty() && world_.failure().empty()) { result.outcome = world_.outcome(); }
        if (result.failure.empty()) { result.failure = world_.failure(); }
        return result;
    }

private:
    /// What differs from run to run besides the delays themselves.
    void choose_world() {
        SequentialLimits &limits = setting_.limits;
        limits.fan_out = static_cast<std::uint16_t>(random_.between(1, 3));
        limits.residence_us = random_.one_in(2) ? 0 : random_.between(1, 40);
        limits.access_wait_us = random_.between(1, 200);
        limits.read_fan_out = static_cast<std::uint16_t>(random_.between(1, 2));
        limits.tree_above_nodes = static_cast<std::uint16_t>(random_.one_in(2) ? 0 : 32);
        message_us_ = random_.between(1, 40);
        step_us_ = random_.between(1, 120);
        late_in_ = random_.between(2, 32);
        evictions_ = setting_.layout.pages == 0 || random_.one_in(2) ? 0 : random_.between(1, 4);
    }

    /// Some nodes have read some pages, or have written them as they were.
    void begin_at_random() {
        world_.write_initial_values();
        for (unsigned i = setting_.layout.pages == 0 ? 0 : random_.below(3 * world_.nodes()); i > 0; --i) {
            const unsigned node = random_.below(world_.nodes());
            const unsigned page = random_.below(setting_.layout.pages);
            world_.warm_up(node, page, random_.one_in(4) ? Access::Write : Access::Read);
        }
    }

    std::uint32_t delay_us() {
        const unsigned usual = 1 + random_.below(message_us_);
        return random_.one_in(late_in_) ? usual + random_.below(8 * message_us_) : usual;
    }

    /// The event that is due first; false when there is none.
    bool run_one() {
        const State &state = world_.state;
        TimeUs first_us = never_us;
        enum class Next { None, Thread, Packet, Timer } next = Next::None;
        unsigned subject = 0;
        const auto consider = [&](Next kind, unsigned which, TimeUs at_us) {
            if (at_us >= first_us) { return; }
            first_us = at_us;
            next = kind;
            subject = which;
        };
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            if (world_.can_run(thread)) { consider(Next::Thread, thread, ready_us_[thread]); }
        }
        for (unsigned i = 0; i < state.packets; ++i) { consider(Next::Packet, i, state.network[i].due_us); }
        for (unsigned i = 0; i < timers_.size(); ++i) { consider(Next::Timer, i, timers_[i].at_us); }
        if (next == Next::None) { return false; }
        world_.now_us = std::max(world_.now_us, first_us);
        switch (next) {
        case Next::Thread:
            world_.run(subject);
            ready_us_[subject] = world_.now_us + 1 + random_.below(step_us_);
            break;
        case Next::Packet:
            world_.deliver(subject);
            break;
        case Next::Timer: {
            const Timer timer = timers_[subject];
            timers_.erase(timers_.begin() + subject);
            world_.timer(timer.node, timer.page);
            break;
        }
        case Next::None:
            break;
        }
        if (evictions_ > 0 && random_.one_in(8)) { evict_one(); }
        return true;
    }

    void evict_one() {
        const unsigned node = random_.below(world_.nodes());
        const unsigned page = random_.below(setting_.layout.pages);
        if (world_.has_frame(node, page) && world_.evict(node, page)) { --evictions_; }
    }

    const LitmusTest &test_;
    protocol_test::Random random_;
    Setting setting_;
    SmallPool pool_;
    World world_;
    std::vector<Timer> timers_;
    std::array<TimeUs, threads_max> ready_us_{};
    unsigned message_us_ = 1; ///< most messages take at most so long
    unsigned step_us_ = 1;    ///< and a thread between two operations
    unsigned late_in_ = 2;    ///< one message in so many takes much longer
    unsigned evictions_ = 0;
};

} // namespace

RandomResult run_random(const LitmusTest &test, const RandomOptions &options) { return RandomRun(test, options).run(); }

} // namespace dsm::litmus
