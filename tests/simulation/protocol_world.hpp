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
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
    NodeId from;
    NodeId origin;
    NodeId owner; ///< as PageMessage has them

    [[nodiscard]] protocol::PageMessageKind kind() const;
    [[nodiscard]] unsigned page() const;
};

/// What one node has of one page.
struct NodePage {
    PageState state;
    Words frame;
    bool has_frame;
    unsigned pins;                   ///< as the caller counts them (S11)
    bool eviction_has_ended = false; ///< the page has left, or was wanted here again, since the last TakeBack (B3)
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

/// Faults put into what stands around the protocol: the explorer need not find them, since they harm no state at once.
enum class Plant : std::uint8_t {
    None,
    TimerNotSet,      ///< the timer that ends a turn
    ReaderForgotten,  ///< a deferred read
    WriterForgotten,  ///< a deferred write
    WaiterNotWoken,   ///< after a grant of access
    NoTurns,          ///< what arrives is passed on before the local thread has had its access
    AckLost,          ///< an acknowledgement is not sent
    RequestSentTwice, ///< a request for ownership
    TakeBackRepeated, ///< whenever the page is to be evicted, though it was asked for already
};

struct WorldOptions {
    unsigned nodes = 3;
    unsigned pages = 1;
    std::vector<unsigned> homes;   ///< one for each page; empty: page modulo nodes
    std::vector<bool> first_touch; ///< one for each page; empty: none
    std::vector<bool> in_file;     ///< one for each page: its first contents are in a file; empty: none
    protocol::SequentialLimits limits;
    protocol::Mutation mutation = protocol::Mutation::None;
    Plant plant = Plant::None;
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

    /// The node answers nothing any more. What is under way to it vanishes, and so do those of its own messages for
    /// which `arrives` says no. From now on the invariants are those of the survivors.
    void kill(unsigned node, const std::function<bool()> &arrives);
    [[nodiscard]] bool is_dead(unsigned node) const { return dead_ == node; }

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
    [[nodiscard]] const protocol::SetPool &pool() const { return *pool_; }
    [[nodiscard]] unsigned nodes() const { return options_->nodes; }
    [[nodiscard]] unsigned pages() const { return options_->pages; }
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
    std::vector<Packet> vanished; ///< what the death of a node has swallowed
    /// The most that was seen of what is bounded (protocol_bounds.cpp).
    struct Peaks {
        unsigned invalidations = 0; ///< Invalidates and acknowledgements of one page under way
        unsigned take_backs = 0;    ///< of one owner and page under way
        unsigned deferred = 0;      ///< requests for one page at one node
        unsigned sent_in_step = 0;
    } peaks;

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
    void check_under_way(unsigned page);
    void check_take_back(unsigned node, unsigned page);
    void check_step(const PageState &before, unsigned node, unsigned page, std::size_t sent);
    void plant_after_step(PageState &state);
    [[nodiscard]] bool will_install(unsigned node, unsigned page) const;
    [[nodiscard]] std::string where(unsigned node, unsigned page) const;

    std::shared_ptr<const WorldOptions> options_;
    protocol::SetPool *pool_;
    std::vector<NodePage> entries_;
    std::vector<Words> last_written_;
    std::vector<unsigned> copies_to_go_; ///< of each page, when its last invalidation began
    std::optional<unsigned> dead_;
    std::uint64_t next_packet_id_ = 0;
    std::uint64_t events_ = 0;
    std::string failure_;
};

/// The planted bugs by name, for the programs' --bug.
const std::map<std::string, protocol::Mutation> &mutations_by_name();
const std::map<std::string, Plant> &plants_by_name();

} // namespace dsm::protocol_test
