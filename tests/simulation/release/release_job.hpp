// The simulated job of release memory: threads, locks, barriers and flags over a ReleaseWorld.
//
// A job is a number of phases between barriers of all. In a phase every byte of the shared pages is guarded in one way:
// by a lock, by the one thread that owns it, by nobody and only read, or it goes from thread to thread with a flag. So
// programs have no races, while neighbouring bytes of a page are written by different threads at the same time.
#pragma once

#include "tests/simulation/release/release_programs.hpp"
#include "tests/simulation/scheduled_job.hpp"

#include <deque>

namespace dsm::release_test {

using protocol_test::Random;
using sync_test::Nothing;
using sync_test::Task;

constexpr unsigned locks_max = 3;
constexpr unsigned flags_max = 3;

struct JobOptions {
    WorldOptions world;
    unsigned threads_per_node;
    unsigned locks;
    unsigned flags;
    unsigned phases;
    unsigned operations; ///< of a thread and phase
    bool evicts, pins, hints;
    bool binds;             ///< programs in which pages are bound to locks
    bool ranges;            ///< flags order the pages of their bytes alone
    bool alternates;        ///< what is written in one phase is read in the next
    unsigned disturb_often; ///< once in so many steps
    unsigned values;        ///< bytes written are below this
    bool traces;
};

class ReleaseJob : private sync_test::ScheduledJob<ReleaseCounts> {
public:
    ReleaseJob(const JobOptions &options, protocol::SetPool &pool, std::uint64_t seed);
    ReleaseCounts run();

private:
    struct Thread : sync_test::ScheduledThread {
        unsigned number = 0;
        int waits_for_page = -1;
        bool is_answered = false;
        std::uint8_t answer = 0;
        unsigned barriers = 0;         ///< passed
        std::uint64_t lock = 0;        ///< held, number + 1
        std::function<bool()> ready{}; ///< when it waits for something else than a page
    };
    enum class Guard : std::uint8_t { Lock, Owner, ReadOnly, Flag };
    struct Location {
        Guard guard;
        unsigned by; ///< lock, thread or flag
    };
    /// A flag hands its bytes from its producer to its consumers, the first of which may write them then.
    struct Flag {
        unsigned producer;
        unsigned consumer;
    };
    struct Lock {
        unsigned token_at = 0;
        bool is_held = false;
        bool leaves = false;            ///< chosen to go, or on its way
        std::deque<unsigned> waiting{}; ///< threads, of any node
    };
    struct Held {
        unsigned node;
        protocol::IntervalTicket ticket;
        std::function<void()> action;
    };
    enum Sync : std::uint8_t { Token, Arrive, Depart, Store, StoreAck, Load, Value };

    // Programs (release_programs.cpp).
    void plan_phases();
    Task<> live(unsigned number);
    Task<> use_own(Thread &thread, unsigned phase);
    Task<> use_lock(Thread &thread, unsigned phase, unsigned lock);
    Task<> use_flag(Thread &thread, unsigned phase, unsigned flag);
    PageMask range_of(unsigned phase, unsigned flag) const;
    Task<> use(Thread &thread, unsigned location, bool may_write);
    Task<> pinned_use(Thread &thread, unsigned location, bool may_write);

    // What threads do (release_job.cpp).
    Task<> touch(Thread &thread, unsigned location, bool writes);
    Task<> wait_until(Thread &thread, std::function<bool()> ready);
    Task<> lock(Thread &thread, unsigned lock);
    void unlock(Thread &thread, unsigned lock);
    Task<> meet(Thread &thread);
    Task<> set_flag(Thread &thread, unsigned flag, std::uint8_t value, PageMask range);
    Task<> await_flag(Thread &thread, unsigned flag, std::uint8_t value, PageMask range);
    Task<> ask(Thread &thread, unsigned node, SyncMessage message, bool releases, PageMask range);
    Task<> end_acquire(Thread &thread, PageMask range = all_pages);
    bool has_stale(unsigned node, PageMask range) const;

    void let_go(unsigned lock);
    void after_release(unsigned node, std::function<void()> action, PageMask range = all_pages);
    void arrive(unsigned node);
    void receive(unsigned node, const SyncMessage &message);
    bool happen();
    bool run_thread();
    bool has_intakes() const;
    void disturb();
    void settle();
    unsigned page_of(unsigned location) const { return location / options_.world.page_bytes; }
    unsigned byte_of(unsigned location) const { return location % options_.world.page_bytes; }
    unsigned flag_home(unsigned flag) const { return flag % options_.world.nodes; }
    std::uint8_t some_value() { return static_cast<std::uint8_t>(random_.below(options_.values)); }

    JobOptions options_;
    ReleaseWorld world_;
    std::vector<Thread> threads_;
    sync_test::Lives lives_;
    std::vector<std::vector<Location>> plan_; ///< by phase and location
    std::vector<std::vector<Flag>> flag_plan_;
    std::vector<Lock> locks_;
    std::vector<std::uint8_t> flags_; ///< values, at their homes
    std::vector<unsigned> arrived_;   ///< threads of a node at the barrier
    std::vector<unsigned> departed_;  ///< barriers that a node has left
    unsigned intake_often_;           ///< notices go on once in so many events
    unsigned arrivals_ = 0;           ///< nodes, at node 0
    std::vector<Held> held_;
};

} // namespace dsm::release_test
