// Release-consistent memory between nodes, at this rank: what orders memory carries write notices, and waits until the
// writes that it follows are in place.
//
//   a message that releases        record -> [interval open? close it, hold the record] -> published -> envelope +
//   record its receiver                   envelope -> copies dropped or fetched anew -> notices known -> record handled
//   a thread that has acquired     goes on when no update is due (await_updates)
//
// The engine offers every record that it is to send; the parts of libdsm that synchronise do not know of this. Which
// records order memory is decided in release_order.hpp, what is known of whom in protocol/release/notice_log.hpp, when
// an interval ends in protocol/release/interval.hpp.
#pragma once

#include "libdsm/protocol/release/notice_log.hpp"
#include "libdsm/runtime/carried_record.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/envelope_parts.hpp"
#include "libdsm/runtime/held_records.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/release_order.hpp"
#include "libdsm/runtime/release_pages.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace dsm::rt {

class ReleaseNode final : public RecordService, public ReleaseOrdering, public Carrier {
public:
    ReleaseNode(Node &node, Engine &engine, ReleasePages &pages);

    // -- Any thread that may wait.
    /// Until every write of this node to the range so far is in place at its home, and noticed.
    void release(const PageRange &range = PageRange::all());
    /// Until nothing of this rank waits for an interval; from then on no record orders memory any more. Before the last
    /// barrier, which would else be held by whoever has come and answers nobody any more.
    void finish();
    /// Until what has been noticed here and was asked for anew has come. After whatever may have acquired.
    void await_updates() {
        if (tables_.shared().updates.load(std::memory_order_acquire) != 0) { await_updates_slowly(); }
    }
    /// The same for pages of the range, as far as it is worth while to tell them from others.
    void await_updates_of(const PageRange &range);
    /// All ranks of the node have come to the barrier of all ranks, which now tells others, or waits for them:
    /// meanwhile what has been written here goes to its homes. With the barrier's lock held; some thread of this rank
    /// does it.
    void on_barrier_arrival();
    /// All nodes have come to the barrier of all ranks, and what they know has come here.
    void on_barrier_open();

    /// What keeps records or threads waiting, for reports.
    void describe() const;

    bool carry(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) override;
    void do_due() override;
    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    void on_flush_part_done() override;
    void copy_time(std::span<protocol::Interval> time) const override;
    void post_with_notices(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) override {
        post_enveloped({to, head, body});
    }

private:
    struct Record {
        Rank to;
        std::span<const std::byte> head, body;
    };
    bool is_in_use() const { return tables_.shared().is_in_use.load(std::memory_order_relaxed) != 0; }
    void await_updates_slowly();
    protocol::CloseStart begin_release(const PageRange &range, const Record *record, protocol::IntervalTicket &ticket);
    bool has_listed(const PageRange &range) const;
    void take_list();
    void take_list_of(const PageRange &range);
    void close_listed();
    bool part_done();
    void publish();
    void push_published();
    bool holds_arrival(const Record &record);
    void hold(protocol::IntervalTicket ticket, const Record &record);
    void post_due();
    void post_enveloped(const Record &record);
    void encode_envelope(NodeId to, const Record &record);
    void note_arrival(const Record &record);
    void send_bound_pages(LockId lock, NodeId to);
    CarriedRecord decoded(std::span<const std::byte> bytes) const;
    void on_whole(std::int32_t from_rank, EnvelopeParts::Incoming &incoming);
    void deliver(std::int32_t from_rank, const CarriedRecord &record);
    void drop_copies(const protocol::EnvelopePart &part);
    template <class Parts> void adopt(const protocol::EnvelopeHead &head, Parts for_parts);
    NodeId self_node() const { return node_.topology->self_node(); }

    Node &node_;
    Engine &engine_;
    ReleasePages &pages_;
    ReleaseTables &tables_;
    protocol::NoticeLog log_; ///< under the lock of the node's ReleaseShared
    HeldRecords held_;
    std::atomic<bool> closes_{false}; ///< a record has begun to close an interval: some thread of this rank is to do it
    EnvelopeParts incoming_;          ///< driver only
    std::uint32_t last_root_barrier_ = ~std::uint32_t{0};
};

/// A thread of the node has acquired something: what has been noticed must have come before it goes on.
inline void acquired(const Node &node) {
    if (node.releases != nullptr) { node.releases->await_updates(); }
}

} // namespace dsm::rt
