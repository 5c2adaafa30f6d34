// The progress engine of a rank: who sends, who runs handlers, and how a thread waits.
//
// Everything that waits, works: a waiting thread takes the engine if it is free, polls the transport and runs handlers.
// One progress thread does the same for the time in which all threads compute. The transport is entered by one thread
// at a time, the driver. Other threads leave their messages in an outbox (lock-free), which the driver empties; so a
// thread that holds a page's lock never waits for the engine.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/runtime/doorbell.hpp"
#include "libdsm/runtime/options.hpp"
#include "libdsm/runtime/outbox.hpp"
#include "libdsm/runtime/statistics.hpp"
#include "libdsm/runtime/timers.hpp"
#include "libdsm/runtime/topology.hpp"
#include "libdsm/runtime/wire.hpp"
#include "libdsm/transport/transport.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <span>
#include <thread>
#include <vector>

namespace dsm::rt {

/// What a thread waits for, for the report that a wait without end gives. Lives on the waiting thread's stack.
struct WaitSubject {
    const char *what;      ///< "page", "lock", "barrier", ...
    std::uint64_t subject; ///< its number
};

/// Called while a thread of this rank waits for long; decides whether the peers live. See liveness.hpp.
class LongWaitWatch {
public:
    virtual ~LongWaitWatch() = default;
    virtual void waiting(const WaitSubject &subject, Nanoseconds since_ns) = 0;
};

/// How a rank waits.
struct Manner {
    bool polling;    ///< the progress thread never sleeps
    bool has_a_core; ///< a waiting thread takes it from nobody: it looks for a while before it sleeps
};
/// Chosen from the cores that this rank may use and the ranks that it shares them with, unless the options say.
Manner manner_of(const Options &options, const Topology &topology);

/// Is offered every record before it is sent; see release_node.hpp.
class Carrier {
public:
    virtual ~Carrier() = default;
    /// True: it has taken the record (copied), and sends it some time, perhaps inside another, with post_as_it_is().
    virtual bool carry(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) = 0;
    /// Does what taking records has made due, of which there may be much. By a thread that holds no lock, soon after.
    virtual void do_due() = 0;
};

/// A one-sided write that goes with a record: the bytes are put in place before the record is sent.
struct RemotePlace {
    std::uint64_t window_offset;
};

class Engine final : public transport::RecordHandler {
public:
    Engine(transport::Transport &transport, const Topology &topology, const Options &options, Statistics &statistics);
    Engine(transport::Transport &transport, const Topology &topology, Manner manner, Statistics &statistics);
    ~Engine() override;
    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;

    // -- Set up by the runtime before start().
    void serve(Service service, RecordService &handler) { services_[static_cast<std::size_t>(service)] = &handler; }
    /// The doorbells of this host's ranks by rank, nullptr for ranks that have none here; [self] is always present.
    void set_doorbells(std::vector<Doorbell *> bells);
    void set_timer_handler(TimerHandler &handler) { timer_handler_ = &handler; }
    /// None to begin with. Any thread.
    void set_carrier(Carrier *carrier) { carrier_.store(carrier, std::memory_order_release); }
    bool has_carrier() const { return carrier_.load(std::memory_order_acquire) != nullptr; }
    void set_long_wait_watch(LongWaitWatch &watch) { watch_ = &watch; }
    /// Called by the progress thread on every round with spare time (eviction and the like); returns whether it worked.
    void set_chore(std::function<bool()> chore) { chore_ = std::move(chore); }
    void start();
    /// Ends the progress thread. What others still send is handled by whoever calls drive().
    void stop();
    /// Ends the transport, handling what still comes. Collective, after stop().
    void end_transport();

    // -- Any thread, also in the fault handler and in handlers of records; never wait for another rank.
    /// Sends head followed by body to a rank. The bytes are copied before it returns.
    void post(Rank to, std::span<const std::byte> head, std::span<const std::byte> body = {});
    /// The same for the carrier itself.
    void post_as_it_is(Rank to, std::span<const std::byte> head, std::span<const std::byte> body = {});
    /// Gives a record to its service. Driver only.
    void handle(std::int32_t from_rank, std::span<const std::byte> record);
    /// As post(), with `bytes` put to a place in the destination's window before. Driver only.
    void post_after_put(Rank to, std::span<const std::byte> head, RemotePlace place, std::span<const std::byte> bytes);
    /// The timer handler is called with the key at or after the time.
    void add_timer(Nanoseconds at, std::uint64_t key);
    /// Sends what this thread has posted, if nobody drives at the moment (who drives does it himself).
    void kick();
    /// Returns when there is room for many records more; at once for the driver, whose records need none. By a thread
    /// that holds no lock: a handler that waits for it would hold up the driver.
    void make_room();
    /// Whether what need not be sent had better not be.
    bool is_crowded() const { return !driving() && outbox_.is_crowded(); }
    /// Polls once if the engine is free. Returns true when something was done.
    bool drive();

    /// Waits until ready() is true, working meanwhile. `bit` is the one with which wake() reaches this thread.
    template <class Ready> void wait(const WaitSubject &subject, std::uint32_t bit, Ready ready) {
        wait_until(subject, bit, no_deadline, ready);
    }
    /// The same until a moment of now_ns() at the latest: true when ready() was true, also when it was so at the last
    /// look after the moment; false otherwise. Nobody need ring for the wait to end in time.
    template <class Ready>
    bool wait_until(const WaitSubject &subject, std::uint32_t bit, Nanoseconds deadline_ns, Ready ready);
    static constexpr Nanoseconds no_deadline = INT64_MAX;
    /// A bit for a thread that is going to wait.
    std::uint32_t next_bit() { return 1U << (bit_counter_.fetch_add(1, std::memory_order_relaxed) % waiter_bit_count); }
    /// Wakes the thread of a rank of this host that waits with the bit.
    void wake(Rank rank, std::uint32_t bit);

    bool polling() const { return polling_; }
    /// Whether this thread is the driver: inside a handler or inside the transport.
    bool driving() const;
    Statistics &statistics() { return statistics_; }
    /// Of a record to the rank, whoever sends it.
    std::size_t record_bytes_max(Rank to) const {
        return std::min(transport_.record_bytes_max(to), sizeof(OutboxItem::bytes));
    }
    transport::Transport &transport() { return transport_; }
    /// When a record of a rank was last seen.
    Nanoseconds last_heard(Rank rank) const {
        return heard_[static_cast<std::size_t>(rank.value)].load(std::memory_order_relaxed);
    }

    void on_record(Rank from, std::span<const std::byte> record) override;

private:
    bool drive_locked();
    bool send_outbox();
    void empty_outbox();
    void note_sends();
    void do_due();
    void send_now(const OutboxItem &item);
    void leave();
    void run_timers();
    void progress_loop();
    static void sent(void *engine, Rank to, transport::Urgency urgency);
    /// What incomplete sends ask of this rank.
    enum class Sends : std::uint8_t { Complete, Arrive, NeedUs };
    /// A wait that was not ready yet.
    struct Wait {
        const WaitSubject &subject;
        std::uint32_t bit;
        Nanoseconds deadline_ns;
        Nanoseconds began_ns; ///< 0 until the first look in vain
        Nanoseconds idle_ns;  ///< since when there has been no work; 0: there was some in the last round
        int rounds;           ///< without work
        int rounds_behind;    ///< of them, those in which another thread drove
        int sleeps;           ///< since there was work
    };
    /// One round of a wait: works or sleeps.
    void wait_round(Wait &wait, std::uint32_t seen);
    bool stays_awake(Wait &wait) const;
    void sleep_in_wait(Wait &wait, std::uint32_t seen);
    void look_at_long_wait(const WaitSubject &subject, Nanoseconds began_ns);
    Nanoseconds sleep_ns(int idle_rounds, Nanoseconds longest_ns) const;
    Nanoseconds until_timer(Nanoseconds sleep_ns) const;
    std::uint32_t bell_word() const { return own_bell_->word.load(std::memory_order_seq_cst); }

    transport::Transport &transport_;
    const Topology &topology_;
    Statistics &statistics_;
    const bool polling_;
    const bool has_a_core_;
    bool doorbells_reach_all_ = false;
    std::atomic<Sends> sends_{Sends::Complete}; ///< what the transport said last
    std::uint32_t rings_fruitless_ = 0; ///< rings for messages before the last poll that found nothing; driver only
    /// The same, once two such polls in a row have agreed.
    std::atomic<std::uint32_t> rings_polled_{0};
    std::atomic<Nanoseconds> progress_wakes_at_{
        INT64_MAX}; ///< when the progress thread wakes by itself; INT64_MAX: awake

    FutexMutex engine_lock_;
    std::atomic<std::uint64_t> driver_{0}; ///< identity of the thread that drives
    Outbox outbox_;
    Timers timers_;
    std::array<RecordService *, service_count> services_{};
    std::vector<Doorbell *> bells_;
    Doorbell *own_bell_;
    Doorbell private_bell_{};
    TimerHandler *timer_handler_ = nullptr;
    LongWaitWatch *watch_ = nullptr;
    std::atomic<Carrier *> carrier_{nullptr};
    std::function<bool()> chore_;
    std::vector<std::atomic<Nanoseconds>> heard_;
    std::atomic<std::uint32_t> bit_counter_{0};
    std::atomic<bool> stopping_{false};
    std::thread progress_;
};

template <class Ready>
bool Engine::wait_until(const WaitSubject &subject, std::uint32_t bit, Nanoseconds deadline_ns, Ready ready) {
    Wait wait{subject, bit, deadline_ns, 0, 0, 0, 0, 0};
    do_due();
    while (true) {
        const std::uint32_t seen = bell_word();
        // The clock is read first: what is ready at the deadline counts.
        const bool is_late = deadline_ns != no_deadline && now_ns() >= deadline_ns;
        const bool is_ready = ready();
        if (is_ready || is_late) {
            if (wait.began_ns != 0) {
                end_wait(*own_bell_);
                leave();
            }
            return is_ready;
        }
        if (wait.began_ns == 0) {
            wait.began_ns = now_ns();
            begin_wait(*own_bell_);
        }
        wait_round(wait, seen);
    }
}

} // namespace dsm::rt
