// Pages of release-consistent memory at this rank: faults, messages, notices, the end of an interval. The protocol
// (libdsm/protocol/release) decides; this moves bytes, twins, rights and messages, as Coherence does for sequential
// memory, whose page table, frames and ledger it shares.
#pragma once

#include "libdsm/protocol/release/release_protocol.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/history.hpp"
#include "libdsm/runtime/kept_records.hpp"
#include "libdsm/runtime/race_check.hpp"
#include "libdsm/runtime/release_records.hpp"
#include "libdsm/runtime/release_tables.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace dsm::rt {

/// What the pages need of the node; release_node.hpp.
class ReleaseOrdering {
public:
    virtual ~ReleaseOrdering() = default;
    virtual void on_flush_part_done() = 0;
    /// What this node knows of each node's intervals (NoticeLog::known()), as many as there is room for.
    virtual void copy_time(std::span<protocol::Interval> time) const = 0;
    /// Sends a record with what this node knows of others' writes, which is known there before it is handled.
    virtual void post_with_notices(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) = 0;
};

class ReleaseExecutor;

class ReleasePages final : public RecordService {
public:
    ReleasePages(Node &node, Engine &engine, Coherence &coherence, PageHistory &history, protocol::ReleaseLimits limits,
                 bool reads_ahead);
    void set_ordering(ReleaseOrdering &ordering) { ordering_ = &ordering; }
    /// DSM_CHECK_RACES. After set_ordering().
    void check_races() { races_.emplace(node_, *ordering_); }

    // -- With the entry's lock held; `at` is of release memory.
    /// As Coherence::try_map().
    bool try_map(const LockedBlock &at, Access wanted, bool is_hint);
    bool try_pin(const LockedBlock &at, Access wanted);
    void unpin(PageEntry &entry);
    bool evict(PageEntry &entry, PageId page);
    /// The entry's allocation ends: its state is about to be zeroed.
    void give_up(PageEntry &entry, PageId page);
    /// The node that is home as far as this one knows; no_node: nobody has touched it.
    NodeId home_of(const PageEntry &entry) const;

    // -- Without any lock.
    /// A thread has missed the block and waits for it: asks for what it will probably miss next.
    void read_ahead(const LockedBlock &missed);
    void on_notice(PageId page, const protocol::PageNotice &notice);
    /// Every copy of release memory that this node holds, as if each had been noticed.
    void on_notice_of_all();
    /// Until what the page was noticed for has come, or all updates of the rounds up to that one have. The caller is
    /// among ReleaseShared::range_waiters.
    void await_update(PageId page, std::uint64_t round, Waiter &waiter);
    /// The end of an interval, for one page of its list.
    protocol::CloseOutcome close(PageId page, std::uint64_t interval);
    /// That interval is published, and close() has said that the page is to be sent unasked.
    void on_published(PageId page, std::uint64_t interval);
    /// The page goes with the token of its lock to another node.
    bool go_with_token(PageId page, NodeId to);

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;

private:
    friend class ReleaseExecutor;
    class Noted;
    ReleaseRecord decoded(std::span<const std::byte> bytes) const;
    unsigned take(const ReleaseRecord &record, std::span<const std::byte> bytes, PageEntry &entry);
    unsigned take_late(const ReleaseRecord &record, PageEntry &entry);
    void take_update(const ReleaseRecord &record, PageEntry &entry);
    unsigned step(const protocol::ReleaseMessage &message, PageEntry &entry, ReleaseExecutor &effects);
    unsigned use_home(PageId page, PageEntry &entry);
    unsigned give_kept(PageId page, PageEntry &entry);
    static bool is_complete(const ReleaseRecord &record, PageEntry &entry);
    void answer_late(const ReleaseRecord &record);
    bool is_late_home(PageId page, const PageEntry &entry) const;
    unsigned drop_home(PageId page);
    bool is_of_others(const memory::SpanRecord &record, PageId page);
    void note_binding(const PageEntry &entry, PageId page);
    void note_home(const PageEntry &entry, PageId page);

    Node &node_;
    Engine &engine_;
    Coherence &coherence_;
    ReleaseTables &tables_;
    PageHistory &history_;
    protocol::ReleaseProtocol protocol_;
    const bool reads_ahead_;
    ReleaseOrdering *ordering_ = nullptr;
    std::optional<RaceCheck> races_;
    KeptRecords kept_;        ///< what came before the Home that it is for
    KeptRecords homes_;       ///< parts of Homes that are not whole, or that must wait
    bool gives_kept_ = false; ///< in a step: what is kept of its page is to be looked at again; driver only
};

} // namespace dsm::rt
