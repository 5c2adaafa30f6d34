// Nodes and pages of release-consistent memory around the shipped state machine, without time, threads or a network's
// order: intervals, notices and vector times of nodes, and every message under way as bytes.
//
// A ReleaseWorld runs one event at a time and checks the invariants R1 to R15 on the page concerned after each. The
// simulator and the explorer choose the events, and build locks, barriers and flags on send().
#pragma once

#include "libdsm/protocol/release/interval.hpp"
#include "libdsm/protocol/release/release_protocol.hpp"
#include "libdsm/protocol/release/release_wire.hpp"
#include "libdsm/protocol/release/update_rounds.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dsm::release_test {

using protocol::ReleaseFlag;
using protocol::ReleaseMessage;
using protocol::ReleaseMessageKind;
using protocol::ReleasePageState;

constexpr unsigned nodes_max = 6;
constexpr unsigned pages_max = 4;
constexpr unsigned page_bytes_max = 4;

using Bytes = std::array<std::uint8_t, page_bytes_max>;
using VectorTime = std::array<std::uint32_t, nodes_max>;
using PageMask = std::uint8_t;
using ByteMask = std::uint8_t;
constexpr PageMask all_pages = 0xff;

struct WorldOptions {
    unsigned nodes = 2;
    unsigned pages = 1;
    unsigned page_bytes = 2;
    std::vector<unsigned> homes; ///< one for each page
    bool first_touch = false;
    bool splits_data = false;          ///< the bytes of a Data come in two parts
    bool splits_diffs = false;         ///< every byte of a diff is a part of its own
    bool homes_before_notices = false; ///< planted: a Home is used before the notices that come with its token
    protocol::ReleaseLimits limits;
    protocol::ReleaseMutation mutation = protocol::ReleaseMutation::None;
};

/// What one node tells another, carrying all notices that it knows.
struct SyncMessage {
    std::uint8_t kind; ///< the caller's
    std::uint8_t object;
    std::uint8_t thread;
    std::uint8_t value;
    friend bool operator==(const SyncMessage &, const SyncMessage &) = default;
};

/// How bytes come: with the message; straight into the frame, later or already; or taken from the sender's twin there.
enum class Put : std::uint8_t { No, Due, Done, Pull };

/// A message under way.
struct Packet {
    std::uint8_t from;
    std::uint8_t to;
    bool is_sync;
    Put put = Put::No; ///< Data, Update
    std::uint64_t not_before = 0;
    // Of pages.
    std::vector<std::byte> record{};
    Bytes body{};
    ByteMask part = 0; ///< Data: which bytes this part has
    // Of synchronisation.
    SyncMessage sync{};
    VectorTime time{};
    std::vector<Packet> homes{}; ///< the Homes that go with it: to be used after its notices, before it is delivered
};

/// What one node has of one page.
struct NodePage {
    ReleasePageState state;
    protocol::PageVersions versions;
    Bytes frame;
    Bytes twin;
    Bytes left; ///< what the twin's memory holds without a twin
    bool has_twin;
    ByteMask dirty; ///< bytes that a thread here has written and no diff has taken
    std::uint8_t update_place;
    ByteMask arrived; ///< bytes of a Data in parts that have come
    unsigned pins;    ///< as the caller counts them
    std::vector<Packet> kept;
};

inline bool keeps_versions(const NodePage &page) { return is_home(page.state) && page.state.version != 0; }

/// A synchronisation that has arrived and of which the notices are being applied.
struct Intake {
    SyncMessage sync;
    VectorTime known; ///< by the node when it arrived
    VectorTime time;
    PageMask left; ///< pages whose notices are news and have not been applied
    std::uint8_t from;
    std::vector<Packet> homes;
    bool has_advanced = false;                     ///< the node's time has; only the Homes are awaited
    std::array<std::uint32_t, pages_max> epochs{}; ///< of those, by page
};

struct Node {
    std::array<NodePage, pages_max> pages;
    protocol::IntervalState interval;
    VectorTime time;     ///< its own entry: intervals published
    PageMask list;       ///< the open interval
    PageMask next_range; ///< what those want for whom the next one closes
    PageMask closing;    ///< of the closing interval: to be closed yet
    bool makes_diffs;    ///< ... some are, or diffs_made() is due
    PageMask noticed;    ///< ... those that it has written
    bool is_published;   ///< ... it is, and has pages to send unasked yet:
    PageMask pushes;
    unsigned updates;                     ///< due (R8)
    protocol::UpdateRounds update_rounds; ///< the same, for who waits for some of them
    std::vector<Intake> intakes;
    PageMask woken;                     ///< pages whose waiters were woken; the caller clears it
    std::vector<SyncMessage> delivered; ///< the caller takes them
};

/// What a world counts, to see that what should happen does happen.
struct WorldCounts {
    std::array<std::uint64_t, 7> messages; ///< by kind
    std::uint64_t passed_on, kept, killed, merged, mapped_merges, zeros, updates, puts, claims, notices, compared,
        moved_fetch, moved_flush, moved_lock, intervals, part_intervals, own_flushes, given_up, returned, updates_used,
        updates_dropped, lines_sent, lines_used;
};

class ReleaseWorld {
public:
    ReleaseWorld(const WorldOptions &options, protocol::SetPool &pool);

    // What threads do. Each ends with the page's invariants checked.
    void fault(unsigned node, unsigned page, const protocol::ReleaseWish &wish);
    bool try_pin(unsigned node, unsigned page, Access wanted);
    void unpin(unsigned node, unsigned page);
    bool evict(unsigned node, unsigned page);
    void read(unsigned node, unsigned page, unsigned byte);
    void write(unsigned node, unsigned page, unsigned byte, std::uint8_t value);
    [[nodiscard]] Access access(unsigned node, unsigned page) const { return at(node, page).state.access; }

    // Synchronisation.
    /// Somebody at the node releases, all or some pages: what is to follow goes when is_due().
    protocol::IntervalTicket release(unsigned node, PageMask range = all_pages);
    [[nodiscard]] bool is_due(unsigned node, protocol::IntervalTicket ticket) const {
        return protocol::is_due(nodes[node].interval, ticket);
    }
    /// To another node. With the token of a lock (number + 1), the pages bound to it go first.
    void send(unsigned from, unsigned to, const SyncMessage &message, std::uint64_t lock = 0);

    // What happens by itself.
    void deliver(std::size_t index);
    void do_put(std::size_t index);
    /// One notice; after the last the node's time, and the Homes that came along; when those are used, the delivery.
    [[nodiscard]] bool may_take_in(unsigned node, const Intake &intake) const;
    void take_in(unsigned node, std::size_t intake);
    [[nodiscard]] bool is_closing(unsigned node) const { return nodes[node].makes_diffs || nodes[node].is_published; }
    /// The diffs of one page, or, after the last, the end of making them. When the interval is published, one page that
    /// is sent unasked.
    void close_one(unsigned node, unsigned page);
    void close_next(unsigned node);

    /// Nothing is under way and every thread has ended, after a barrier of all.
    void check_quiet(bool all_is_flushed);

    [[nodiscard]] const NodePage &at(unsigned node, unsigned page) const { return nodes[node].pages[page]; }
    NodePage &at(unsigned node, unsigned page) { return nodes[node].pages[page]; }
    [[nodiscard]] const WorldOptions &options() const { return *options_; }
    [[nodiscard]] const std::string &failure() const { return failure_; }
    void fail(const std::string &what);
    /// A bug from now on.
    void plant(protocol::ReleaseMutation mutation) {
        WorldOptions changed = *options_;
        changed.mutation = mutation;
        options_ = std::make_shared<const WorldOptions>(changed);
    }

    /// From now on no invariant is looked at: the caller judges by what programs see.
    void overlook_invariants() { overlooks_ = true; }

    std::vector<Node> nodes;
    std::vector<Packet> network; ///< in no particular order
    /// By writer and interval: the pages of its notices.
    std::vector<std::vector<PageMask>> log;
    std::array<Bytes, pages_max> truth{}; ///< the last write of each byte
    WorldCounts counts{};
    std::function<void(const std::string &)> trace; ///< lines about every event; empty for none
    std::function<bool()> chooses_put;              ///< whether the bytes of a Data go straight; empty: no
    std::function<Put()> chooses_push;              ///< of an Update: No, Pull, or Due for "cannot be sent"; empty: No
    std::function<void(Packet &)> on_send;          ///< may delay it; empty: nothing

private:
    class Effects;
    [[nodiscard]] protocol::PageContext context(unsigned node, unsigned page) const;
    template <class Step> void run(unsigned node, unsigned page, const std::string &event, Step step);
    void deliver_page(unsigned node, Packet packet);
    void patch_home(unsigned node, unsigned page, Packet &home);
    void give_again(unsigned node, unsigned page);
    void treat(unsigned node, unsigned page, protocol::Install how, const Bytes &fresh, ByteMask mask);
    void begin_close(unsigned node, PageMask range);
    void part_acknowledged(unsigned node);
    void push_one(unsigned node, unsigned page);
    void finish_interval(unsigned node);
    void take_notices(unsigned node, unsigned page, const VectorTime &known, const VectorTime &time);
    void advance(unsigned node, Intake &intake);
    void use_homes(Intake &intake);
    void note(unsigned node, unsigned page, const std::string &event);
    [[nodiscard]] std::string where(unsigned node, unsigned page) const;
    // release_invariants.cpp
    template <class See> void for_each_message(unsigned page, See see);
    void check_page(unsigned page);
    void check_home(unsigned page);
    void check_copy(unsigned node, unsigned page);
    void check_versions(unsigned page);
    void check_node(unsigned node);

    std::shared_ptr<const WorldOptions> options_;
    protocol::SetPool *pool_;
    std::vector<Packet> again_; ///< what was kept and is being given again
    bool gives_again_ = false;
    std::vector<Packet> *homes_go_along_ = nullptr; ///< of the token that is leaving
    std::string failure_;
    bool overlooks_ = false;
};

/// One line about a message.
std::string text_of(const ReleaseMessage &message);

} // namespace dsm::release_test
