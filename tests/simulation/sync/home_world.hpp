// A simulated job of nodes and threads that use read-write locks, semaphores, latches and onces, around the shipped
// machines of libdsm/sync. Messages travel as bytes and arrive in any order. Beside each object stands an oracle, which
// knows it only by what calls and returns say; beside each state, its invariants.
#pragma once

#include "libdsm/sync/home_call.hpp"
#include "libdsm/sync/home_wire.hpp"
#include "libdsm/sync/latch.hpp"
#include "libdsm/sync/once.hpp"
#include "libdsm/sync/rwlock.hpp"
#include "libdsm/sync/semaphore.hpp"
#include "tests/simulation/scheduled_job.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace dsm::sync_test {

using namespace dsm::sync;
using protocol_test::Random;

constexpr unsigned home_kinds = 4;

struct HomeOptions {
    unsigned nodes = 2;
    unsigned threads_per_node = 2;
    unsigned objects = 2; ///< of each kind
    unsigned records = 64;
    HomeMutation mutation = HomeMutation::None;
    bool traces = false;
};

struct HomeThread : ScheduledThread {
    Rank rank{};
    WaitSlot slot{};
    LockOwner owner{};
    std::vector<unsigned> reads{}; ///< by read-write lock: how often it reads
};

/// What one node has of each object.
union HomeState {
    RwlockState rwlock;
    SemaphoreState semaphore;
    LatchState latch;
    OnceState once;
};

struct HomeNode {
    std::vector<HomeState> states; ///< by object, kind after kind
    std::vector<HomeCall> calls;   ///< by slot
    std::vector<HomeRecord> records;
    PoolHead pool;
};

struct HomePacket {
    unsigned to;
    std::uint64_t not_before; ///< a step
    std::array<std::byte, home_message_bytes> record;
};

/// Counts over a run, to see that what should happen does happen.
struct HomeCounts {
    std::uint64_t steps, messages, waits, grants, refused, timed_out, late_cancels, crossed, deadlocks, no_space,
        read_again, restarts, opened, failed_runs, overflows;
};

struct HomeRequest {
    HomeObjectKind kind;
    unsigned object;
    HomeOperation operation;
    HomeManner manner = HomeManner::Block;
    unsigned patience_steps = 0; ///< of Timed
    std::uint64_t incarnation = 0;
    std::uint32_t initial = 0;
    std::uint32_t number = 0;
};

class HomeWorld : private ScheduledJob<HomeCounts> {
public:
    HomeWorld(const HomeOptions &options, std::uint64_t seed);

    /// A call of the thread, as the runtime makes it.
    Task<HomeEnd> ask(HomeThread &thread, HomeRequest request);
    using ScheduledJob::yield;
    /// The memory under all onces was freed and is used again.
    void forget_onces();
    /// Whether this node remembers that the once is done.
    bool knows_done(const HomeThread &thread, unsigned object);
    void note_done(const HomeThread &thread, unsigned object);

    std::vector<HomeThread> &threads() { return threads_; }
    Random &random() { return random_; }
    const HomeOptions &options() const { return options_; }
    HomeCounts &counts() { return counts_; }
    /// Runs one event: a message or a thread's next piece. False when there is none left.
    bool run_one();
    /// Everybody has ended and all messages have arrived: nothing may be left anywhere.
    void check_end();

private:
    class Effects;
    bool deliver_one();
    void tell_home(unsigned node, const HomeMessage &message);
    void step_home(unsigned node, const HomeMessage &message);
    bool may_enter(unsigned node, const RwlockState &state) const;
    void step_rwlock(RwlockState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message);
    void deliver_answer(unsigned node, const HomeMessage &message);
    void post(NodeId to, const HomeMessage &message);
    void check_queue(unsigned node, const HomeQueue &queue, const char *what);
    void check_homeless(const HomeThread &thread);
    HomeState &state_of(unsigned node, HomeObjectKind kind, unsigned object);
    unsigned place_of(HomeObjectKind kind, unsigned object) const {
        return (static_cast<unsigned>(kind) - 1) * options_.objects + object;
    }
    unsigned home_of(LockId id) const { return static_cast<unsigned>(id.value * 7 % options_.nodes); }
    HomeCall &call_of(const HomeThread &thread) { return nodes_[thread.node].calls[thread.slot.value]; }
    HomeContext context_of(unsigned node, LockId id) {
        return {id, RecordPool<HomeRecord>(nodes_[node].pool, nodes_[node].records), options_.mutation};
    }

    HomeOptions options_;
    std::vector<HomeNode> nodes_;
    std::vector<HomeThread> threads_;
    std::vector<HomePacket> packets_;
};

} // namespace dsm::sync_test
