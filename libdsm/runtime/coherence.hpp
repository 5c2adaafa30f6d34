// Coherence of pages at this rank: serves faults, handles the protocol's messages, carries out what the protocol wants
// done.
//
//   fault -> [page at the node? map it] -> protocol.on_fault -> request -> ... -> reply -> protocol.on_message -> wake
//
// The protocol decides; this class moves bytes, rights and messages. Everything about a page happens under its entry's
// lock.
#pragma once

#include "libdsm/memory/fault_signals.hpp"
#include "libdsm/protocol/page_protocol.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/history.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/wire.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace dsm::rt {

/// Which span an address belongs to, asking the directory where the node does not know.
class SpanFinder {
public:
    virtual ~SpanFinder() = default;
    /// Nothing: the address is in no allocation. May wait for a message.
    virtual std::optional<memory::SpanRecord> find(memory::SegmentOffset offset) = 0;
    /// The record turned out to be of a span that was freed.
    virtual void forget(const memory::SpanRecord &record) = 0;
};

class PageExecutor;

class Coherence final : public RecordService, public TimerHandler, public memory::RightsLedger {
public:
    Coherence(Node &node, Engine &engine, SpanFinder &spans, PageHistory &history);

    /// A fault of this thread at an address of the segment. False: the address is in no allocation.
    bool serve_fault(const void *address, bool is_write);
    /// Drops everything that this node has of a span: the first step of its end. Any thread; does not wait for others.
    /// The frames go with Spans' second step, when no other node can write into them any more.
    void kill_span(const memory::SpanRecord &record);
    /// Gives up frames until the node is within its budget or a bounded number of tries has failed. True if any went.
    bool evict_some();
    /// The chore of the progress thread: evicts when there is too much and the last try was not in vain.
    bool keep_budget();
    /// Whether this rank can read the page at an address of the segment now.
    bool readable_here(const void *address);
    /// The node that first touched a page of first-touch memory; to be asked at its arbiter.
    NodeId first_toucher(PageId block, std::uint32_t generation);

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    void on_timer(std::uint64_t key) override;
    memory::RankRights &rights_of(PageId page) override;

    /// What is known about a page, for reports.
    void describe(PageId page) const;

private:
    friend class PageExecutor;
    void on_page_record(std::span<const std::byte> record);
    void on_piece_record(std::span<const std::byte> record);
    protocol::PageMessage decoded(std::span<const std::byte> wire) const;
    void deliver(PageEntry &entry, PageId page, const protocol::PageMessage &message);
    bool adopt(PageEntry &entry, PageId page, const PageAttributes &attributes);
    void give_up(PageEntry &entry, PageId page);
    void forget_frame(PageEntry &entry);
    void note_frame(PageEntry &entry, PageId page);
    void release_frame(PageEntry &entry, PageId page);
    bool over_budget() const { return node_.ledger->frames() > node_.cache_pages; }
    bool evict(PageEntry &entry, PageId page);
    void discard_stashed(PageId page);
    void deliver_stashed(PageEntry &entry, PageId page);
    void stash(PageId page, std::span<const std::byte> record);
    protocol::PageContext context_of(const PageAttributes &attributes, PageId page) const;
    protocol::TimeUs now_us() const { return static_cast<protocol::TimeUs>(now_ns() / 1000); }

    Node &node_;
    Engine &engine_;
    SpanFinder &spans_;
    protocol::SequentialProtocol protocol_;
    Rank self_;

    /// Replies that came before all pieces of their bytes. Driver only.
    struct StashedReply {
        std::uint64_t page_plus_one;
        std::uint16_t bytes;
        std::array<std::byte, 2304> record;
    };
    std::array<StashedReply, 64> stash_{};
};

} // namespace dsm::rt
