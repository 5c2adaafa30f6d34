// A small job of release memory for the search, over the world of the simulator (tests/simulation/release): every
// program without races, within budgets, and every order of delivery.
//
// Each byte of the shared pages is guarded by a lock. A lock is at a node, where a thread of its own holds it: it reads
// and writes bytes that the lock guards, and passes it to another node with all notices, and the pages that are bound
// to it. Which access comes next, which lock goes where, and what is evicted is for the search to choose, so that all
// programs of so many steps are explored. In every state each holder would read the last writes.
#pragma once

#include "tests/model/interned.hpp"
#include "tests/model/search.hpp"
#include "tests/simulation/release/release_world.hpp"

#include <map>

namespace dsm::model {

constexpr unsigned release_nodes_max = 3;
constexpr unsigned release_locks_max = 2;
constexpr unsigned release_packets_max = 24;
constexpr unsigned release_log_max = 12; ///< intervals of a node

struct ReleaseJobOptions {
    release_test::WorldOptions world;
    unsigned locks = 2;
    unsigned accesses = 3; ///< of all threads
    unsigned passes = 2;   ///< of all locks
    unsigned evictions = 0;
    unsigned hints = 0;
    unsigned values = 256; ///< of a byte: a small number lets writes bring back what was there
    bool ranges = false;   ///< who passes a lock releases the pages alone on which the lock guards bytes
    bool puts = false;     ///< the bytes of a Data go straight into the frame, as late as can be
};

struct ReleaseLock {
    std::uint8_t node;
    std::uint8_t is_held; ///< else it leaves, or is under way
    std::uint8_t wish;    ///< of the thread that holds it: 1 + byte * 2 + (whether it writes); 0: none
    std::uint8_t is_woken;
    std::uint8_t to;     ///< where it goes
    std::uint8_t leaves; ///< it is to go when `ticket` is due
    std::uint8_t ticket;
    std::uint8_t awaits; ///< it has come, and the thread waits for the updates that were due then (R8)
    std::uint8_t awaited;
};

struct ReleaseJobState {
    std::array<std::uint32_t, release_nodes_max> nodes;
    std::array<std::uint32_t, release_packets_max> packets; ///< sorted
    std::array<std::array<std::uint8_t, release_log_max>, release_nodes_max> log;
    std::array<std::uint8_t, release_nodes_max> log_size;
    std::array<std::uint8_t, release_test::pages_max * release_test::page_bytes_max> truth;
    std::array<ReleaseLock, release_locks_max> locks;
    std::uint8_t packet_count;
    std::uint8_t accesses_left, passes_left, evictions_left, hints_left;
    std::array<std::uint8_t, 2> reserved;
};

struct ReleaseTally {
    std::array<std::uint64_t, 21> seen{};
    unsigned letters_most = 0;
    void add(const ReleaseTally &other);
};

class ReleaseModel {
public:
    using State = ReleaseJobState;
    using Tally = ReleaseTally;

    explicit ReleaseModel(const ReleaseJobOptions &options);

    State initial();
    void actions(const State &state, ActionList &list);
    const char *apply(State &state, std::uint32_t action, Tally &tally);
    const char *check(const State &state, const ActionList &actions, Tally &tally) const;
    bool happens_by_itself(std::uint32_t action) const;
    bool is_quiet(const State &state);
    /// Runs the actions again and prints what happens.
    void print(const std::vector<std::uint32_t> &path);
    /// What must have been seen, and how often it was.
    std::map<std::string, std::uint64_t> sights(const Tally &tally) const;

private:
    class Bench;
    struct NodeBytes {
        std::array<std::uint8_t, 768> bytes;
    };
    struct PacketBytes {
        std::array<std::uint8_t, 320> bytes;
    };
    Bench &bench();
    Bench &decoded(const State &state);

    std::uint64_t number_; ///< no other model has it
    ReleaseJobOptions options_;
    InternTable<NodeBytes> nodes_;
    InternTable<PacketBytes> packets_;
};

} // namespace dsm::model
