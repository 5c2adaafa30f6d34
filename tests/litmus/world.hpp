// A litmus test's nodes around the shipped machines: pages of libdsm/protocol/sequential, locks of libdsm/sync, and
// atomics at their homes. One event at a time; the caller chooses which, and when a message arrives.
//
// A State is plain bytes: copied by assignment, hashed and compared as bytes. A page of the model has one byte for each
// variable. No invariant of the protocol is looked at here but what any program can see: litmus tests judge outcomes.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/sync/atomic_value.hpp"
#include "libdsm/sync/lock_token.hpp"
#include "tests/litmus/placement.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace dsm::litmus {

using protocol::TimeUs;

constexpr unsigned packets_max = 24;
constexpr std::size_t packet_record_bytes = 36; ///< a page record and the encoded set of 4 nodes

enum class PacketKind : std::uint8_t { Page, Lock, AtomicRequest, AtomicReply };

/// A message under way.
struct Packet {
    std::uint8_t to;
    PacketKind kind;
    std::uint8_t bytes;
    std::uint8_t reserved;
    std::array<std::byte, packet_record_bytes> record;
    std::array<std::uint8_t, variables_max> frame;
    std::uint32_t due_us; ///< 0 where time does not count
};

struct NodePage {
    protocol::PageState state;
    std::array<std::uint8_t, variables_max> frame;
    std::uint8_t has_frame;
    std::array<std::uint8_t, 3> reserved;
};

enum class Phase : std::uint8_t { Ready, AwaitsPage, AwaitsLock, AwaitsUnlock, AwaitsAtomic, AwaitsBarrier };

struct ThreadState {
    std::uint8_t next; ///< the operation it is at
    Phase phase;
    std::uint8_t is_woken; ///< has been told to look at its lock again
    std::uint8_t barriers; ///< reached
    std::array<std::uint8_t, registers_max> registers;
};

struct State {
    std::array<std::array<NodePage, variables_max>, nodes_max> pages; ///< by node and page
    std::array<std::array<sync::LockState, locks_max>, nodes_max> locks;
    std::array<sync::WaitRecord, threads_max> records; ///< a thread is of one node, so the nodes share the array
    std::array<std::uint64_t, objects_max> atomics;    ///< at their homes
    std::array<ThreadState, threads_max> threads;
    std::array<Packet, packets_max> network; ///< sorted, so that equal states are equal bytes
    std::uint8_t packets;
    std::uint8_t evictions_left; ///< for whoever chooses events
    std::uint8_t slow_wakes_left;
};
static_assert(std::is_trivially_copyable_v<State>);
static_assert(std::has_unique_object_representations_v<NodePage> && std::has_unique_object_representations_v<Packet>);

/// What is fixed for a run. Planted bugs work from the beginning of the test, not while it is set up.
struct Setting {
    const LitmusTest &test;
    Layout layout;
    protocol::SequentialLimits limits;
    protocol::Mutation mutation = protocol::Mutation::None; ///< changed by the caller when the test begins
    sync::LockMutation lock_mutation = sync::LockMutation::None;
};

struct Timer {
    unsigned node, page;
    TimeUs at_us;
};

/// The chunks for large sets that a protocol asks for; sets of four nodes need none.
class SmallPool {
public:
    protocol::SetPool &pool() { return pool_; }

private:
    struct alignas(64) Line {
        std::array<std::byte, 64> bytes;
    };
    std::array<Line, protocol::SetPool::bytes_for(4) / 64> lines_{};
    protocol::SetPool pool_{lines_.data(), sizeof lines_};
};

class World {
public:
    World(const Setting &setting, protocol::SetPool &pool);

    /// A node gets access to a page, and all its messages arrive, before the test begins.
    void warm_up(unsigned node, unsigned page, Access wanted);
    /// Writes the initial values where they are not zero, at each page's home.
    void write_initial_values();

    [[nodiscard]] bool can_run(unsigned thread) const;
    /// The thread's operation is begun, or goes on: done as far as it can be without waiting.
    void run(unsigned thread);
    void deliver(unsigned packet);
    /// False when the node refuses.
    bool evict(unsigned node, unsigned page);
    [[nodiscard]] bool has_frame(unsigned node, unsigned page) const;
    void timer(unsigned node, unsigned page);
    /// The page has not been mapped by the thread that waited, and others wait for it.
    [[nodiscard]] bool holds_others_up(unsigned node, unsigned page) const;

    [[nodiscard]] bool is_finished(unsigned thread) const;
    [[nodiscard]] bool is_finished() const;
    /// After the end, with nothing under way. Fails if copies differ or a page is nowhere.
    [[nodiscard]] Outcome outcome();

    [[nodiscard]] unsigned nodes() const { return nodes_; }
    [[nodiscard]] const Setting &setting() const { return setting_; }
    /// The first thing that no program may meet; empty while all is well.
    [[nodiscard]] const std::string &failure() const { return failure_; }

    State state{};
    TimeUs now_us = 0;
    std::function<std::uint32_t()> delay_us;   ///< how long a message is under way; empty: time does not count
    std::vector<Timer> *timers = nullptr;      ///< where they are kept
    std::vector<std::string> *trace = nullptr; ///< lines about every event

private:
    class PageActions;
    class LockActions;
    friend class PageActions;
    friend class LockActions;

    [[nodiscard]] protocol::PageContext page_context(unsigned node, unsigned page) const;
    template <class Event> void step_page(unsigned node, unsigned page, Event event);
    sync::LockOutcome step_lock(unsigned node, unsigned lock_object, const sync::LockEvent &event);
    [[nodiscard]] const Operation &operation_of(unsigned thread) const;
    [[nodiscard]] Access wanted_by(unsigned thread) const;
    void run_access(unsigned thread);
    void run_barrier(unsigned thread);
    [[nodiscard]] bool is_open(unsigned barrier) const;
    void run_lock(unsigned thread);
    void run_atomic(unsigned thread);
    std::uint8_t apply_atomic(unsigned thread);
    void finish_operation(unsigned thread, std::uint8_t value);
    void pass_over(unsigned thread);
    std::uint8_t final_value(unsigned page, unsigned slot);
    void deliver_page(const Packet &packet);
    void deliver_lock(const Packet &packet);
    void send(Packet packet);
    void fail(const std::string &what);
    void note(const std::string &line) {
        if (trace != nullptr) { trace->push_back(line); }
    }

    const Setting &setting_;
    protocol::SetPool &pool_;
    unsigned nodes_;
    std::string failure_;
};

} // namespace dsm::litmus
