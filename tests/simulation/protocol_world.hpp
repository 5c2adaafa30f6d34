// Nodes and pages of sequential memory around the shipped state machine, without time, threads or a network's order.
//
// A World runs one event at a time, keeps every message that is under way, and after each event checks the invariants
// of sequential_protocol.hpp on the page concerned (beyond 63 nodes only after every so many events, and at the end).
// The simulator and the explorer choose the events.
#pragma once

#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dsm::protocol_test {

using protocol::PageState;
using protocol::TimeUs;

constexpr unsigned words_per_frame = 2;
/// A page's bytes: every write stores a tag that no other write has.
using Words = std::array<std::uint64_t, words_per_frame>;

/// A message under way, as the bytes that travel, and the page's bytes beside it.
struct Packet {
    std::uint64_t id;
    NodeId to;
    std::vector<std::byte> record;
    Words words;

    [[nodiscard]] protocol::PageMessageKind kind() const;
    [[nodiscard]] unsigned page() const;
};

/// What one node has of one page.
struct NodePage {
    PageState state;
    Words frame;
    bool has_frame;
    unsigned pins; ///< as the caller counts them (S11)
};

struct Timer {
    unsigned node;
    unsigned page;
    TimeUs at_us;
};
struct Wake {
    unsigned node;
    unsigned page;
};

struct WorldOptions {
    unsigned nodes = 3;
    unsigned pages = 1;
    std::vector<unsigned> homes;   ///< one for each page; empty: page modulo nodes
    std::vector<bool> first_touch; ///< one for each page; empty: none
    std::vector<bool> in_file;     ///< one for each page: its first contents are in a file; empty: none
    protocol::SequentialLimits limits;
    protocol::Mutation mutation = protocol::Mutation::None;
};

/// Chunks for the sets of one world, or of all worlds of one thread, one after the other.
class PoolMemory {
public:
    explicit PoolMemory(std::size_t chunks);
    protocol::SetPool &pool() { return *pool_; }

private:
    struct alignas(64) Line {
        std::array<std::byte, 64> bytes;
    };
    std::vector<Line> lines_;
    std::unique_ptr<protocol::SetPool> pool_;
};

/// Copying a world copies everything but the pool: only for worlds whose sets stay small.
class World {
public:
    World(const WorldOptions &options, protocol::SetPool &pool);

    // Events. Each ends with the page's invariants checked.
    void fault(unsigned node, unsigned page, Access wanted, TimeUs now_us);
    void prefetch(unsigned node, unsigned page, Access wanted, TimeUs now_us);
    void deliver(std::size_t packet_index, TimeUs now_us);
    void accessed(unsigned node, unsigned page, TimeUs now_us);
    void timer(unsigned node, unsigned page, TimeUs now_us);
    protocol::Eviction evict(unsigned node, unsigned page, TimeUs now_us);
    void free_block(unsigned page, TimeUs now_us);
    /// The file's answer, for a page whose home waits for it.
    void load(unsigned page, TimeUs now_us);
    [[nodiscard]] bool is_load_awaited(unsigned page) const;
    bool try_pin(unsigned node, unsigned page, Access wanted, TimeUs now_us);
    void unpin(unsigned node, unsigned page, TimeUs now_us);
    // What a thread does once it has access: a read is compared with the last write.
    void read(unsigned node, unsigned page, unsigned word);
    void write(unsigned node, unsigned page, unsigned word, std::uint64_t tag);

    /// Nothing is under way: then nothing may be pending or deferred.
    void check_quiet();

    [[nodiscard]] const NodePage &at(unsigned node, unsigned page) const {
        return entries_[page * options_->nodes + node];
    }
    NodePage &at(unsigned node, unsigned page) { return entries_[page * options_->nodes + node]; }
    [[nodiscard]] Access access(unsigned node, unsigned page) const {
        return protocol::access_of(at(node, page).state);
    }
    [[nodiscard]] const Words &last_written(unsigned page) const { return last_written_[page]; }
    /// Gives the last write another name, for an explorer that keeps few.
    void settle_last_written(unsigned page, unsigned word, std::uint64_t tag) { last_written_[page][word] = tag; }
    [[nodiscard]] unsigned home(unsigned page) const { return options_->homes[page]; }
    [[nodiscard]] bool is_freeing(unsigned page) const;
    [[nodiscard]] unsigned frames_of(unsigned node) const;

    /// The first broken invariant; empty while all is well.
    [[nodiscard]] const std::string &failure() const { return failure_; }
    void fail(const std::string &what);
    /// Lines about every event and message go here; nullptr for none.
    std::vector<std::string> *trace = nullptr;

    std::vector<Packet> network;                  ///< everything under way, in no particular order
    std::vector<Timer> timers;                    ///< asked for since the caller last emptied this
    std::vector<Wake> wakes;                      ///< waiters to be looked at since the caller last emptied this
    std::array<std::uint64_t, 9> messages_sent{}; ///< by kind
    std::uint64_t frames_sent = 0;
    unsigned frees_done = 0;
    /// How often something of the tree of readers happened.
    struct TreeCounts {
        std::uint64_t climbs = 0;               ///< reads that rose
        std::uint64_t served_by_readers = 0;    ///< copies that a node got from one that does not own
        std::uint64_t second_invalidations = 0; ///< that came to a node which relayed already
    } tree;

private:
    class Effects;
    [[nodiscard]] protocol::PageContext context(unsigned node, unsigned page) const;
    template <class Step> void run(unsigned node, unsigned page, const std::string &event, Step step);
    void note(unsigned node, unsigned page, const std::string &event);
    void check_page(unsigned page);
    void check_page_now(unsigned page);
    void check_owner(unsigned page);
    void check_copies(unsigned page);
    void check_reach(unsigned page, unsigned owner);
    void check_hints(unsigned page);
    [[nodiscard]] bool will_install(unsigned node, unsigned page) const;
    [[nodiscard]] std::string where(unsigned node, unsigned page) const;

    std::shared_ptr<const WorldOptions> options_;
    protocol::SetPool *pool_;
    std::vector<NodePage> entries_;
    std::vector<Words> last_written_;
    std::uint64_t next_packet_id_ = 0;
    std::uint64_t events_ = 0;
    std::string failure_;
};

/// The planted bugs by name, for the programs' --bug.
const std::map<std::string, protocol::Mutation> &mutations_by_name();

} // namespace dsm::protocol_test
