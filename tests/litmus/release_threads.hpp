// A litmus test's threads over the world of release memory (tests/simulation/release): the shipped machine of pages,
// with locks, atomics and barriers whose messages carry notices as those of the runtime do. One event at a time; the
// caller chooses which, and when a message arrives.
//
// A lock is a token that goes from node to node, to any that waits; an atomic's operation a request to its home and an
// answer, each a release of who sends it; a barrier counts at node 0. After its last operation a node releases, as
// before the barrier at which mpi_litmus ends a run.
#pragma once

#include "tests/litmus/placement.hpp"
#include "tests/simulation/release/release_world.hpp"

#include <functional>
#include <string>
#include <vector>

namespace dsm::litmus {

/// How pages are treated: what a short test would never come to with the constants of a job.
enum class Manner : std::uint8_t {
    Stay,  ///< homes stay
    Move,  ///< with every write by another node
    Bind,  ///< with a lock, from the second write under it on
    Eager, ///< what is written is compared instead of protected; a notice is answered by a Fetch
    Touch, ///< first touch, and they move
    Push,  ///< homes send what they write unasked; old copies are sent the lines that have changed
};
constexpr Manner all_manners[] = {Manner::Stay, Manner::Move, Manner::Bind, Manner::Eager, Manner::Touch, Manner::Push};
[[nodiscard]] const char *name_of(Manner manner);
[[nodiscard]] protocol::ReleaseLimits limits_of(Manner manner);

struct ReleaseSetting {
    const LitmusTest &test;
    Layout layout;
    release_test::WorldOptions world; ///< of nodes, pages and homes the layout's
    bool is_fine = false;             ///< notices and diffs go page by page, as events of their own
};
[[nodiscard]] ReleaseSetting release_setting(const LitmusTest &test, Placement placement, Manner manner);

enum class ReleaseEvent : std::uint8_t { Run, Pass, Deliver, Put, TakeIn, Close, Evict };

struct ReleaseAction {
    ReleaseEvent event;
    std::uint8_t first;  ///< thread, lock, packet or node
    std::uint8_t second; ///< node, intake or page
};

class ReleaseThreads {
public:
    ReleaseThreads(const ReleaseSetting &setting, protocol::SetPool &pool);

    /// Before the test begins.
    void begin(Start start);
    /// A node gets the page, for itself; then all may know what was written.
    void touch(unsigned node, unsigned page, Access wanted);
    void write_all(unsigned node, unsigned page, bool are_initial);
    void meet();

    [[nodiscard]] std::vector<ReleaseAction> actions() const;
    void apply(ReleaseAction action);
    [[nodiscard]] bool is_finished() const;
    /// After the end, with nothing under way: all nodes learn of all writes. Fails if copies differ then.
    [[nodiscard]] Outcome outcome();
    [[nodiscard]] std::uint64_t hash() const;

    /// The first thing that no program may meet, or that breaks an invariant; empty while all is well.
    [[nodiscard]] const std::string &failure() const { return failure_.empty() ? world_.failure() : failure_; }
    release_test::ReleaseWorld &world() { return world_; }
    void set_trace(std::vector<std::string> *trace);
    unsigned evictions_left = 0; ///< for whoever chooses events

private:
    enum class Phase : std::uint8_t { Ready, Page, Lock, Answer, Barrier, Updates };
    enum Sync : std::uint8_t { Token, Request, Answer, Arrive, Depart, Meeting };
    struct ThreadState {
        std::uint8_t next = 0;
        Phase phase = Phase::Ready;
        bool is_woken = false;
        bool is_answered = false;
        std::uint8_t value = 0;    ///< of the answer, or what the operation gives
        std::uint8_t barriers = 0; ///< reached
        std::uint8_t lock = 0;     ///< taken last and held, number + 1
        std::uint8_t awaited = 0;  ///< Updates: the round
        bool is_updated = false;   ///< ... all that was due then is done (R8)
        std::array<std::uint8_t, registers_max> registers{};
    };
    struct LockState {
        std::uint8_t token_at = 0;
        std::uint8_t holder = 0; ///< thread + 1
        bool leaves = false;     ///< chosen to go, or on its way
        bool is_owed = false;    ///< has come for who waits at the node: it does not go before one of them had it
    };
    /// What is to be sent when the writes before it are in place.
    struct Held {
        unsigned from, to;
        std::uint32_t after;
        release_test::SyncMessage message;
        std::uint64_t lock;
    };

    [[nodiscard]] unsigned node_of(unsigned thread) const { return setting_->test.threads[thread].node; }
    [[nodiscard]] const Operation &operation_of(unsigned thread) const {
        return setting_->test.threads[thread].operations[threads_[thread].next];
    }
    [[nodiscard]] bool is_finished(unsigned thread) const {
        return threads_[thread].next >= setting_->test.threads[thread].operations.size();
    }
    [[nodiscard]] bool waits_for(unsigned thread, unsigned lock) const;
    [[nodiscard]] bool can_run(unsigned thread) const;
    void run(unsigned thread);
    void run_access(unsigned thread);
    void run_atomic(unsigned thread);
    void run_barrier(unsigned thread);
    void run_lock(unsigned thread);
    void acquired(unsigned thread, std::uint8_t value);
    void finish_operation(unsigned thread, std::uint8_t value);
    void pass_over(unsigned thread);
    std::uint8_t apply_atomic(unsigned thread);
    void release_and_send(unsigned from, unsigned to, const release_test::SyncMessage &message, std::uint64_t lock);
    void receive(unsigned node, const release_test::SyncMessage &message);
    void arrive();
    void settle();
    bool settle_node(unsigned node);
    void take_steps(unsigned node);
    void drain();
    [[nodiscard]] std::uint8_t final_value(unsigned page, unsigned slot);
    void note(const std::string &line) const {
        if (world_.trace) { world_.trace(line); }
    }

    const ReleaseSetting *setting_;
    release_test::ReleaseWorld world_;
    std::array<ThreadState, threads_max> threads_{};
    std::array<LockState, locks_max> locks_{};
    std::array<std::uint64_t, objects_max> atomics_{};
    std::array<std::uint8_t, nodes_max> departed_{}; ///< barriers that a node has left
    std::uint8_t arrived_ = 0;                       ///< threads, at node 0
    std::vector<Held> held_;
    std::string failure_;
};

} // namespace dsm::litmus
