// The progress engine: one driver at a time, an outbox for the others, sleep on the doorbell.
#include "libdsm/runtime/engine.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/held_signals.hpp"
#include "libdsm/runtime/urgency.hpp"

#include <algorithm>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

constexpr Nanoseconds ns_per_us = 1000;
constexpr Nanoseconds shortest_sleep_ns = 5 * ns_per_us;
constexpr Nanoseconds first_sleep_ns = 20 * ns_per_us;
/// Longest sleeps: with doorbells from all ranks only as a safety net; without, how late a message may be seen.
constexpr Nanoseconds net_sleep_ns = 100'000 * ns_per_us;
constexpr Nanoseconds waiter_sleep_ns = 500 * ns_per_us;
constexpr Nanoseconds idle_sleep_ns = 2'000 * ns_per_us;
/// After so many rounds in vain even these are too often for an idle rank.
constexpr int rounds_until_rare = 400;
constexpr Nanoseconds rare_sleep_ns = 5'000 * ns_per_us;
/// Rounds with short sleeps after traffic, so that what follows soon is seen soon.
constexpr int doubling_rounds = 7;
constexpr int doubling_rounds_of_sends = 3;
/// A single look at MPI may miss what has just arrived; two in a row do not.
constexpr int polls_before_sleep = 3;
/// How long a thread looks by itself before it sleeps, where it has a core: longer than a sleeper takes to wake, which
/// may be 0.1 ms where the core has gone to rest, and than ranks that share out their work evenly wait for each other.
constexpr Nanoseconds awake_ns = 1'000 * ns_per_us;
constexpr int rounds_behind_a_driver = 50;
constexpr int rounds_without_a_core = 20;
constexpr int rounds_per_behind = 7; ///< without a core, those behind a driver count for more
constexpr int rounds_before_yields = 400;
constexpr int rounds_between_yields = 64;
constexpr Nanoseconds long_wait_ns = 50'000 * ns_per_us;

/// The identity of this thread as driver; the address of a thread-local is never 0.
std::uint64_t self_identity() noexcept {
    static thread_local char mark __attribute__((tls_model("initial-exec")));
    return reinterpret_cast<std::uint64_t>(&mark);
}

/// Asks the kernel's scheduler for short time slices (Linux 6.12, EEVDF): a thread that wants little at a time is run
/// soon after it wakes, also when every core computes. Older kernels ignore or refuse it, which does no harm.
void ask_for_short_slices() noexcept {
    struct {
        std::uint32_t size, policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t runtime_ns, deadline, period;
    } wish{48, SCHED_OTHER, 0, 0, 0, 100'000, 0, 0};
    ::syscall(SYS_sched_setattr, 0, &wish, 0);
}

} // namespace

Manner manner_of(const Options &options, const Topology &topology) {
    const Cores cores = count_cores();
    const int ranks_here = static_cast<int>(topology.ranks_of_this_host().size());
    const bool spare_core = cores.of_rank >= 2 && cores.of_host >= 2 * ranks_here;
    const bool polling = options.progress == ProgressChoice::poll ||
                         (options.progress == ProgressChoice::automatic && spare_core && topology.rank_count() > 1);
    return {polling, ranks_here <= cores.of_host};
}

Engine::Engine(transport::Transport &transport, const Topology &topology, const Options &options,
               Statistics &statistics)
    : Engine(transport, topology, manner_of(options, topology), statistics) {}

Engine::Engine(transport::Transport &transport, const Topology &topology, Manner manner, Statistics &statistics)
    : transport_(transport), topology_(topology), statistics_(statistics), polling_(manner.polling),
      has_a_core_(manner.has_a_core), bells_(static_cast<std::size_t>(topology.rank_count()), nullptr),
      own_bell_(&private_bell_), heard_(static_cast<std::size_t>(topology.rank_count())) {
    bells_[static_cast<std::size_t>(topology_.self().value)] = &private_bell_;
    transport_.set_sent_notice(&Engine::sent, this);
}

Engine::~Engine() { stop(); }

void Engine::set_doorbells(std::vector<Doorbell *> bells) {
    bells_ = std::move(bells);
    own_bell_ = bells_[static_cast<std::size_t>(topology_.self().value)];
    doorbells_reach_all_ = true;
    for (std::size_t rank = 0; rank < bells_.size(); ++rank) {
        const bool reached =
            bells_[rank] != nullptr && transport_.arrives_at_once(Rank{static_cast<std::int32_t>(rank)});
        doorbells_reach_all_ = doorbells_reach_all_ && reached;
    }
}

void Engine::start() {
    // The progress thread takes no signal of the program's; faults of its own would be ours, and are fatal.
    const HeldSignals held(HeldSignals::But::Faults);
    progress_ = std::thread([this] { progress_loop(); });
}

void Engine::stop() {
    if (!progress_.joinable()) { return; }
    stopping_.store(true, std::memory_order_seq_cst);
    ring_for_progress(*own_bell_);
    progress_.join();
}

void Engine::end_transport() {
    engine_lock_.lock();
    driver_.store(self_identity(), std::memory_order_relaxed); // Handlers that still run may send.
    empty_outbox();
    transport_.finalize();
    driver_.store(0, std::memory_order_relaxed);
    engine_lock_.unlock();
}

bool Engine::driving() const { return driver_.load(std::memory_order_relaxed) == self_identity(); }

void Engine::post(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) {
    Carrier *const carrier = carrier_.load(std::memory_order_acquire);
    if (carrier == nullptr || !carrier->carry(to, head, body)) { post_as_it_is(to, head, body); }
}

void Engine::post_as_it_is(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) {
    count(statistics_.messages_sent);
    if (driving()) {
        transport_.send(to, head, body, urgency_of(head));
    } else {
        outbox_.push(to, head, body);
    }
}

void Engine::post_after_put(Rank to, std::span<const std::byte> head, RemotePlace place,
                            std::span<const std::byte> bytes) {
    DSM_CHECK(driving(), "E9 only the driver puts", to.value);
    count(statistics_.messages_sent);
    // Where MPI needs the target for it, a sleeping one would hold us up.
    if (Doorbell *bell = bells_[static_cast<std::size_t>(to.value)]; bell != nullptr) { ring_for_message(*bell); }
    transport_.put(to, place.window_offset, bytes);
    transport_.send(to, head, {});
}

void Engine::send_now(const OutboxItem &item) {
    const std::span<const std::byte> head(item.bytes, item.head_bytes);
    const std::span<const std::byte> body(item.bytes + item.head_bytes, item.body_bytes);
    transport_.send(item.to, head, body, urgency_of(head));
}

void Engine::add_timer(Nanoseconds at, std::uint64_t key) {
    if (timers_.add(at, key) && !driving()) { ring_for_progress(*own_bell_); }
}

void Engine::do_due() {
    if (Carrier *const carrier = carrier_.load(std::memory_order_acquire)) { carrier->do_due(); }
}

void Engine::make_room() {
    while (is_crowded()) {
        if (!send_outbox()) { ::sched_yield(); } // Another thread drives, and empties it.
    }
}

void Engine::kick() {
    if (!driving()) { do_due(); }
    if (send_outbox()) { leave(); }
}

/// True when this thread had the engine for it.
bool Engine::send_outbox() {
    bool drove = false;
    // Whoever drives looks at the outbox once more after giving the engine up, so nothing is left lying.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    while (!outbox_.empty() && !driving()) {
        if (!engine_lock_.try_lock()) { break; }
        drove = true;
        driver_.store(self_identity(), std::memory_order_relaxed);
        empty_outbox();
        transport_.flush();
        note_sends();
        driver_.store(0, std::memory_order_relaxed);
        engine_lock_.unlock();
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    return drove;
}

/// A thread goes back to the program. What it may leave undone is the progress thread's: a message whose ring woke this
/// thread or came while it held the engine, a timer that is due before the progress thread wakes, a send that MPI
/// cannot finish without us.
void Engine::leave() {
    if (polling_ || driving()) { return; }
    constexpr int tries = 2;
    for (int i = 0; i < tries && own_bell_->messages.load(std::memory_order_seq_cst) != rings_polled_.load(); ++i) {
        drive();
    }
    const bool messages_left = own_bell_->messages.load(std::memory_order_seq_cst) != rings_polled_.load();
    const bool timer_left = timers_.next() < progress_wakes_at_.load(std::memory_order_seq_cst);
    if (messages_left || timer_left || sends_.load(std::memory_order_relaxed) == Sends::NeedUs) {
        ring_for_progress(*own_bell_);
    }
}

bool Engine::drive() {
    if (driving() || !engine_lock_.try_lock()) { return false; }
    driver_.store(self_identity(), std::memory_order_relaxed);
    const bool worked = drive_locked();
    driver_.store(0, std::memory_order_relaxed);
    engine_lock_.unlock();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    send_outbox();
    return worked;
}

bool Engine::drive_locked() {
    constexpr int rounds_max = 16; // Then the waiter looks at what it waits for.
    bool worked = false;
    for (int round = 0; round < rounds_max; ++round) {
        empty_outbox();
        transport_.flush();
        const std::uint32_t rings = own_bell_->messages.load(std::memory_order_seq_cst);
        const std::size_t records = transport_.poll(*this);
        // A single look at MPI may miss what has just been sent: only the second one without result counts.
        const bool settled = records == 0 && rings == rings_fruitless_;
        if (settled) { rings_polled_.store(rings, std::memory_order_seq_cst); }
        if (records == 0) { rings_fruitless_ = rings; }
        run_timers();
        do_due();
        empty_outbox();
        transport_.flush();
        worked = worked || records != 0;
        if (settled) { break; }
    }
    note_sends();
    return worked;
}

/// By the driver, before it gives the engine up.
void Engine::note_sends() {
    const Sends sends = transport_.quiet() ? Sends::Complete : transport_.may_rest() ? Sends::Arrive : Sends::NeedUs;
    sends_.store(sends, std::memory_order_relaxed);
}

void Engine::empty_outbox() {
    outbox_.consume_all([this](const OutboxItem &item) { send_now(item); });
}

void Engine::run_timers() {
    if (timers_.next() == Timers::never || timer_handler_ == nullptr) { return; }
    const Nanoseconds now = now_ns();
    std::uint64_t key = 0;
    while (timers_.take_due(now, key)) { timer_handler_->on_timer(key); }
}

void Engine::on_record(Rank from, std::span<const std::byte> record) {
    count(statistics_.messages_received);
    heard_[static_cast<std::size_t>(from.value)].store(now_ns(), std::memory_order_relaxed);
    handle(from.value, record);
}

void Engine::handle(std::int32_t from_rank, std::span<const std::byte> record) {
    const auto service = record.empty() ? 0U : static_cast<unsigned>(record[0]);
    DSM_CHECK(service < service_count && services_[service] != nullptr, "E3 every record has a service", service);
    services_[service]->on_record(from_rank, record);
}

void Engine::sent(void *engine, Rank to, transport::Urgency urgency) {
    Doorbell *bell = static_cast<Engine *>(engine)->bells_[static_cast<std::size_t>(to.value)];
    if (bell == nullptr) { return; }
    if (urgency == transport::Urgency::Wakes) {
        ring_for_message(*bell);
    } else {
        ring_for_patient_message(*bell);
    }
}

void Engine::wake(Rank rank, std::uint32_t bit) {
    Doorbell *bell = bells_[static_cast<std::size_t>(rank.value)];
    DSM_CHECK(bell != nullptr, "E4 ranks of one node share a board of doorbells", rank.value);
    ring_for_waiter(*bell, bit);
}

Nanoseconds Engine::sleep_ns(int idle_rounds, Nanoseconds longest_ns) const {
    const Sends sends = sends_.load(std::memory_order_relaxed);
    // MPI needs us to finish a send; who sleeps long would hold the receiver up.
    if (sends == Sends::NeedUs) { return first_sleep_ns << std::min(idle_rounds, doubling_rounds_of_sends); }
    // Where every rank rings, a message that this thread slept through has changed the word: sleeping long is safe.
    if (doorbells_reach_all_) { return sends == Sends::Complete ? net_sleep_ns : rare_sleep_ns; }
    if (idle_rounds > rounds_until_rare) { return rare_sleep_ns; }
    return std::min(longest_ns, first_sleep_ns << std::min(idle_rounds, doubling_rounds));
}

/// A sleep, shortened to the next timer. Also when one is due: then another thread has the engine and runs it, and must
/// be let run itself.
Nanoseconds Engine::until_timer(Nanoseconds sleep_ns) const {
    const Nanoseconds next = timers_.next();
    return next == Timers::never ? sleep_ns : std::clamp<Nanoseconds>(next - now_ns(), shortest_sleep_ns, sleep_ns);
}

void Engine::wait_round(Wait &wait, std::uint32_t seen) {
    if (drive()) {
        wait.idle_ns = 0;
        wait.rounds = wait.rounds_behind = wait.sleeps = 0;
        return;
    }
    // Somebody else drives: there is nothing to do for this thread, and the driver may need its core.
    const bool is_behind = engine_lock_.is_locked();
    ++wait.rounds;
    wait.rounds_behind += is_behind ? 1 : 0;
    if (stays_awake(wait)) {
        cpu_relax();
        const bool yields = is_behind || wait.rounds % rounds_between_yields == 0;
        if (has_a_core_ && yields && !polling_) { ::sched_yield(); }
        if (polling_ && wait.rounds > rounds_before_yields && wait.rounds % rounds_between_yields == 0) {
            ::sched_yield();
        }
    } else {
        sleep_in_wait(wait, seen);
    }
    if ((wait.rounds & 0x3ff) == 0) { look_at_long_wait(wait.subject, wait.began_ns); }
}

bool Engine::stays_awake(Wait &wait) const {
    if (polling_) { return true; }
    if (!has_a_core_) { return wait.rounds + wait.rounds_behind * rounds_per_behind <= rounds_without_a_core; }
    if (wait.rounds_behind > rounds_behind_a_driver) { return false; }
    const Nanoseconds now = now_ns();
    if (wait.idle_ns == 0) { wait.idle_ns = now; }
    return now - wait.idle_ns < awake_ns;
}

void Engine::sleep_in_wait(Wait &wait, std::uint32_t seen) {
    Nanoseconds sleep = sleep_ns(wait.sleeps++, waiter_sleep_ns);
    // Timers are the progress thread's, unless it sleeps past the next one.
    if (timers_.next() < progress_wakes_at_.load(std::memory_order_seq_cst)) { sleep = until_timer(sleep); }
    if (wait.deadline_ns != no_deadline) { sleep = std::clamp<Nanoseconds>(wait.deadline_ns - now_ns(), 0, sleep); }
    if (sleep_on(*own_bell_, seen, wait.bit, sleep)) { count(statistics_.wake_ups); }
    look_at_long_wait(wait.subject, wait.began_ns);
}

void Engine::look_at_long_wait(const WaitSubject &subject, Nanoseconds began_ns) {
    if (watch_ != nullptr && now_ns() - began_ns > long_wait_ns) { watch_->waiting(subject, began_ns); }
}

void Engine::progress_loop() {
    ::pthread_setname_np(::pthread_self(), "dsm-progress");
    ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    ask_for_short_slices();
    int idle_rounds = 0;
    while (!stopping_.load(std::memory_order_seq_cst)) {
        const std::uint32_t seen = bell_word();
        const bool worked = drive();
        const bool chored = chore_ && chore_();
        if (worked || chored) {
            idle_rounds = 0;
            continue;
        }
        if (++idle_rounds < polls_before_sleep) { continue; }
        if (polling_) {
            if (idle_rounds % 256 == 0) { ::sched_yield(); }
            cpu_relax();
        } else {
            const Nanoseconds sleep = until_timer(sleep_ns(idle_rounds, idle_sleep_ns));
            progress_wakes_at_.store(now_ns() + sleep, std::memory_order_seq_cst);
            const bool rung = sleep_on(*own_bell_, seen, progress_bit, sleep);
            progress_wakes_at_.store(INT64_MAX, std::memory_order_seq_cst);
            if (rung) {
                count(statistics_.wake_ups);
                idle_rounds = 0;
            }
        }
    }
}

} // namespace dsm::rt
