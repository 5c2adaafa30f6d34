// What the simulated jobs of synchronisation and of the allocator share: threads that are suspended and go on, messages
// that arrive in any order, and a seed that chooses which of them is next.
#pragma once

#include "tests/simulation/random.hpp"
#include "tests/simulation/simulator.hpp"
#include "tests/simulation/task.hpp"

#include <cstdarg>
#include <cstdint>
#include <optional>
#include <vector>

namespace dsm::sync_test {

/// A simulated thread as the scheduler sees it.
struct ScheduledThread {
    unsigned node = 0;
    bool waits = false;                   ///< suspended until it is woken
    bool is_woken = false;                ///< a wake that has not been consumed
    std::uint64_t patience_ends = 0;      ///< while it waits: it goes on at this step too; 0 for never
    std::coroutine_handle<> at = nullptr; ///< where it goes on; null at the end of its program

    bool is_over() const { return at == nullptr; }
    bool may_go_on(std::uint64_t step) const {
        return !is_over() && (!waits || is_woken || (patience_ends != 0 && step >= patience_ends));
    }
};

/// Awaited by a thread that lets others run, or that waits.
struct Suspension {
    ScheduledThread &thread;
    bool waits;
    std::uint64_t patience_ends = 0;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> at) noexcept {
        thread.at = at;
        thread.waits = waits;
        thread.patience_ends = patience_ends;
    }
    void await_resume() const noexcept { thread.is_woken = false; }
};

/// The programs of all threads of a job.
class Lives {
public:
    void start(ScheduledThread &thread, Task<> life) {
        lives_.push_back(std::move(life));
        thread.at = lives_.back().handle();
    }
    /// Nothing happens any more: then nobody may still be in the middle of his program.
    void check_ended() const {
        for (std::size_t i = 0; i < lives_.size(); ++i) {
            if (!lives_[i].done()) { fail("thread %zu waits forever", i); }
        }
    }

private:
    std::vector<Task<>> lives_;
};

inline void check_steps(std::uint64_t steps, std::uint64_t steps_max) {
    if (steps > steps_max) { fail("no end after %llu steps", static_cast<unsigned long long>(steps_max)); }
}

/// One line of a trace, after the number of the step.
void print_trace(std::uint64_t step, const char *format, std::va_list arguments) __attribute__((format(printf, 2, 0)));

/// What chooses. `Counts` has at least steps and messages.
template <class Counts> class ScheduledJob {
protected:
    ScheduledJob(std::uint64_t seed, unsigned delay_steps_max, bool traces)
        : random_(seed), traces_(traces), message_weight_(random_.between(2, 14)),
          delay_steps_(random_.one_in(3) ? 1 : random_.between(10, delay_steps_max)) {}

    auto yield(ScheduledThread &thread) { return Suspension{thread, false}; }
    /// Sleeps until woken, or until patience ends.
    auto sleep(ScheduledThread &thread, std::uint64_t patience_ends = 0) {
        return Suspension{thread, true, patience_ends};
    }

    /// Sends a message, which may be held back for a while.
    template <class Packet> void put(std::vector<Packet> &packets, Packet packet) {
        packet.not_before = random_.one_in(4) ? counts_.steps + random_.below(delay_steps_) : 0;
        packets.push_back(packet);
        ++counts_.messages;
    }
    /// Takes a message that is due and that `may` be delivered.
    template <class Packet, class May> std::optional<Packet> take(std::vector<Packet> &packets, May may) {
        const auto due = [&](const Packet &packet) { return packet.not_before <= counts_.steps && may(packet); };
        Packet *const chosen = some(packets, due);
        if (chosen == nullptr) { return std::nullopt; }
        const Packet packet = *chosen;
        *chosen = packets.back();
        packets.pop_back();
        return packet;
    }
    /// Lets a thread go on that can and `may`; nullptr if there is none.
    template <class Thread, class May> Thread *go_on(std::vector<Thread> &threads, May may) {
        const auto can = [&](const Thread &thread) { return thread.may_go_on(counts_.steps) && may(thread); };
        Thread *const chosen = some(threads, can);
        if (chosen == nullptr) { return nullptr; }
        chosen->waits = false;
        chosen->at.resume();
        return chosen;
    }
    /// One event: a message, or a thread's next piece. False when there is neither.
    template <class Deliver, class Run> bool do_one(Deliver deliver, Run run) {
        const bool message_first = random_.below(16) < message_weight_;
        return message_first ? deliver() || run() : run() || deliver();
    }

    void trace(const char *format, ...) const __attribute__((format(printf, 2, 3))) {
        if (!traces_) { return; }
        std::va_list arguments;
        va_start(arguments, format);
        print_trace(counts_.steps, format, arguments);
        va_end(arguments);
    }

    protocol_test::Random random_;
    Counts counts_{};

private:
    /// The first that fits, from some place on, around.
    template <class Item, class Fits> Item *some(std::vector<Item> &items, Fits fits) {
        const auto count = static_cast<unsigned>(items.size());
        const unsigned first = count == 0 ? 0 : random_.below(count);
        for (unsigned i = 0; i < count; ++i) {
            Item &item = items[(first + i) % count];
            if (fits(item)) { return &item; }
        }
        return nullptr;
    }

    bool traces_;
    unsigned message_weight_; ///< of 16: how often a message goes before a thread
    unsigned delay_steps_;    ///< how long a message may be held back
};

} // namespace dsm::sync_test
