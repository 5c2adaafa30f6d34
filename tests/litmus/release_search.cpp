// The search, and a random run.
#include "tests/litmus/release_search.hpp"

#include "tests/litmus/state_set.hpp"
#include "tests/simulation/random.hpp"

#include <algorithm>

namespace dsm::litmus {

using protocol_test::Random;

ReleaseSearch::ReleaseSearch(const LitmusTest &test, const Reference &reference, const ReleaseOptions &options)
    : test_(test), reference_(reference), options_(options),
      setting_(release_setting(test, options.placement, options.manner)) {
    setting_.is_fine = options.is_fine;
}

ReleaseThreads ReleaseSearch::beginning() {
    ReleaseThreads threads(setting_, pool_.pool());
    threads.begin(options_.start);
    threads.world().plant(options_.mutation);
    if (options_.overlooks_invariants) { threads.world().overlook_invariants(); }
    if (options_.puts_late) {
        threads.world().chooses_put = [] { return true; };
    }
    threads.evictions_left = options_.evictions;
    return threads;
}

void ReleaseSearch::fail(const std::string &what) {
    result_.failure = what;
    result_.counterexample = path();
}

std::vector<std::string> ReleaseSearch::path() {
    std::vector<std::string> lines;
    ReleaseThreads threads = beginning();
    threads.set_trace(&lines);
    for (const Frame &frame : stack_) {
        if (frame.next == 0) { break; }
        if (!threads.failure().empty()) { break; }
        const bool is_last = &frame == &stack_.back();
        if (is_last && result_.failure.empty()) { break; } // It would end the program once more.
        threads.apply(frame.actions[frame.next - 1]);
    }
    return lines;
}

/// Nothing can happen any more. True when that is as it should be.
bool ReleaseSearch::at_end(ReleaseThreads &threads) {
    if (!threads.is_finished()) {
        fail("deadlock: a thread waits for ever");
        return false;
    }
    const Outcome outcome = threads.outcome();
    if (!threads.failure().empty()) {
        fail(threads.failure());
        return false;
    }
    ++result_.outcomes[outcome];
    if (!reference_.outcomes.contains(outcome)) {
        fail("an outcome that release memory never shows: " + text(test_, outcome));
        return false;
    }
    return true;
}

ExhaustiveResult ReleaseSearch::run() {
    StateSet visited;
    ReleaseThreads threads = beginning();
    if (!threads.failure().empty()) {
        result_.failure = threads.failure();
        return std::move(result_);
    }
    visited.insert(threads.hash());
    stack_.push_back({threads, threads.actions(), 0});
    while (!stack_.empty() && result_.failure.empty() && visited.size() < options_.states_max) {
        Frame &frame = stack_.back();
        if (frame.next == frame.actions.size()) {
            stack_.pop_back();
            continue;
        }
        threads = frame.threads;
        threads.apply(frame.actions[frame.next++]);
        ++result_.transitions;
        if (!threads.failure().empty()) {
            fail(threads.failure());
            break;
        }
        if (!visited.insert(threads.hash())) { continue; }
        std::vector<ReleaseAction> actions = threads.actions();
        if (actions.empty()) {
            if (!at_end(threads)) { break; }
            continue;
        }
        stack_.push_back({threads, std::move(actions), 0});
    }
    result_.states = visited.size();
    result_.is_complete = stack_.empty();
    return std::move(result_);
}

// ---- Random runs

namespace {

constexpr std::uint64_t steps_max = 100'000; ///< a run has some hundred; more is a livelock

class ReleaseRandomRun {
public:
    ReleaseRandomRun(const LitmusTest &test, const ReleaseRandomOptions &options)
        : test_(test), random_(options.seed * 4 + static_cast<std::uint64_t>(options.placement)),
          setting_(chosen(test, options.placement)), threads_(setting_, pool_.pool()) {
        begin_at_random();
        threads_.world().plant(options.mutation);
        if (options.overlooks_invariants) { threads_.world().overlook_invariants(); }
        threads_.set_trace(options.trace);
        const unsigned put_often = random_.one_in(2) ? 0 : random_.between(1, 4);
        if (put_often != 0) {
            threads_.world().chooses_put = [this, put_often] { return random_.one_in(put_often); };
        }
        threads_.evictions_left = random_.one_in(3) ? random_.between(1, 3) : 0;
        message_steps_ = random_.between(1, 30);
        late_in_ = random_.between(2, 32);
        thread_steps_ = random_.between(1, 60);
        threads_.world().on_send = [this](release_test::Packet &packet) {
            const std::uint64_t usual = random_.below(message_steps_);
            packet.not_before = step_ + usual + (random_.one_in(late_in_) ? random_.below(8 * message_steps_) : 0);
        };
    }

    RandomResult run() {
        RandomResult result;
        for (std::uint64_t &ready : ready_at_) { ready = random_.one_in(3) ? random_.below(200) : 0; }
        while (threads_.failure().empty() && run_one()) {
            if (++result.events > steps_max) {
                result.failure = "livelock: the run does not end";
                return result;
            }
        }
        if (threads_.failure().empty() && !threads_.is_finished()) {
            result.failure = "deadlock: a thread waits for ever";
        }
        if (result.failure.empty() && threads_.failure().empty()) { result.outcome = threads_.outcome(); }
        if (result.failure.empty()) { result.failure = threads_.failure(); }
        return result;
    }

private:
    ReleaseSetting chosen(const LitmusTest &test, Placement placement) {
        ReleaseSetting setting = release_setting(test, placement, all_manners[random_.below(std::size(all_manners))]);
        setting.is_fine = random_.one_in(2);
        setting.world.splits_data = random_.one_in(3);
        setting.world.splits_diffs = random_.one_in(4);
        protocol::ReleaseLimits &limits = setting.world.limits;
        limits.hot_faults = static_cast<std::uint8_t>(random_.between(1, 2));
        limits.unchanged_max = static_cast<std::uint8_t>(random_.between(1, 8));
        limits.refresh_misses = static_cast<std::uint8_t>(random_.between(0, 2));
        if (random_.one_in(2)) { limits.push_streak = static_cast<std::uint8_t>(random_.between(0, 1)); }
        if (random_.one_in(2)) { limits.lines_max = static_cast<std::uint8_t>(random_.between(1, 3)); }
        return setting;
    }

    /// Somebody has written every page, some read it, as mpi_litmus does it.
    void begin_at_random() {
        threads_.begin(Start::Cold);
        if (random_.one_in(4)) { return; }
        for (unsigned page = 0; page < setting_.layout.pages; ++page) {
            threads_.write_all(random_.below(setting_.world.nodes), page, random_.one_in(2));
        }
        threads_.meet();
        for (unsigned page = 0; page < setting_.layout.pages; ++page) {
            threads_.write_all(random_.below(setting_.world.nodes), page, true);
        }
        threads_.meet();
        for (unsigned page = 0; page < setting_.layout.pages; ++page) {
            for (unsigned node = 0; node < setting_.world.nodes; ++node) {
                if (random_.one_in(2)) { threads_.touch(node, page, Access::Read); }
            }
        }
    }

    [[nodiscard]] std::uint64_t due_at(const ReleaseAction &action) const {
        if (action.event == ReleaseEvent::Run) { return ready_at_.at(action.first); }
        if (action.event == ReleaseEvent::Deliver) {
            return const_cast<ReleaseThreads &>(threads_).world().network[action.first].not_before;
        }
        return 0;
    }

    bool run_one() {
        std::vector<ReleaseAction> actions = threads_.actions();
        if (actions.empty()) { return false; }
        std::uint64_t first = UINT64_MAX;
        for (const ReleaseAction &action : actions) {
            if (action.event != ReleaseEvent::Evict) { first = std::min(first, due_at(action)); }
        }
        step_ = std::max(step_ + 1, first);
        const bool evicts = random_.one_in(8);
        std::erase_if(actions, [&](const ReleaseAction &action) {
            return due_at(action) > step_ || (action.event == ReleaseEvent::Evict && !evicts);
        });
        const ReleaseAction action = actions[random_.below(static_cast<unsigned>(actions.size()))];
        threads_.apply(action);
        if (action.event == ReleaseEvent::Run) { ready_at_.at(action.first) = step_ + random_.below(thread_steps_); }
        return true;
    }

    const LitmusTest &test_;
    Random random_;
    SmallPool pool_;
    ReleaseSetting setting_;
    ReleaseThreads threads_;
    std::array<std::uint64_t, threads_max> ready_at_{};
    std::uint64_t step_ = 0;
    unsigned message_steps_ = 1; ///< most messages take at most so long
    unsigned late_in_ = 2;       ///< one in so many takes much longer
    unsigned thread_steps_ = 1;  ///< between two operations of a thread, at most
};

} // namespace

RandomResult run_release_random(const LitmusTest &test, const ReleaseRandomOptions &options) {
    return ReleaseRandomRun(test, options).run();
}

} // namespace dsm::litmus
