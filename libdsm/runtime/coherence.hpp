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
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/history.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/trace_steps.hpp"
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

/// Who has the files of bound memory; binds.hpp.
class FileKeeper {
public:
    virtual ~FileKeeper() = default;
    /// A page of this node is wanted whose contents are in a file: Coherence::end_load() is called some time. Under the
    /// page's lock; sends without waiting.
    virtual void want(PageId page) = 0;
};

/// What a bound page is to its write-back.
enum class CleanCopy : std::uint8_t {
    Unchanged, ///< never loaded, or of the version that the file has
    Copied,
    Elsewhere, ///< another node has it: touch it and ask again
};

class PageExecutor;
class Pins;
class ReleasePages;

/// A block of an allocation with its entry's lock held and the entry made the allocation's.
struct LockedBlock {
    PageEntry *entry; ///< nullptr: no block, nothing is locked
    int error;        ///< then: EINVAL, the address is in no allocation; EACCES, it may not be written
    memory::SpanRecord record;
    memory::PageBlock block;
    protocol::PageContext context;
};

class Coherence final : public RecordService, public TimerHandler, public memory::RightsLedger {
public:
    Coherence(Node &node, Engine &engine, SpanFinder &spans, PageHistory &history);

    /// A fault of this thread at an address of the segment. False: the address is in no allocation.
    bool serve_fault(const void *address, bool is_write);

    // Blocks that somebody wants without a fault (coherence_blocks.cpp). Any thread.
    /// The block at an offset for `wanted`; may wait for a message about its span. Unlock `entry->lock` when done.
    LockedBlock lock_block(memory::SegmentOffset offset, Access wanted);
    /// Gives this rank access if the node has it, and otherwise asks for it. False: not here yet. The entry is locked.
    bool try_map(const LockedBlock &at, Access wanted, bool is_hint);
    /// Pins the block and maps it, or asks for what is missing (S11). The entry is locked.
    bool try_pin(const LockedBlock &at, Access wanted);
    /// Ends a pin of a block of a span of that generation. It may be gone: who freed it has ended the pin.
    void unpin(PageId block, std::uint32_t generation);
    /// Unlocks the entry and waits until something has changed about it. `missed`: the thread has faulted, and pages
    /// that it will miss next may be fetched meanwhile.
    void unlock_and_wait(const LockedBlock &at, bool missed = false);
    /// Drops the node's copy if it is not the authoritative one. The entry is locked.
    void drop_copy(const LockedBlock &at);
    /// Whether a pin of the block keeps others waiting now.
    bool keeps_others(PageId block);

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
    bool must_keep(PageId first, std::size_t count) override;
    void set_pins(const Pins &pins) { pins_ = &pins; }
    /// Who serves pages of release memory. Before the first fault; outlives this.
    void set_release(ReleasePages &pages) { release_ = &pages; }
    /// Before the first fault and the first message; outlives this.
    void set_recorder(TraceRecorder *recorder) { protocol_.set_recorder(recorder); }
    const protocol::SequentialLimits &limits() const { return protocol_.limits(); }

    // Pages of bound files, at their home's keeper (coherence_files.cpp).
    void set_files(FileKeeper &files) { files_ = &files; }
    /// The page's frame is about to be filled. False: it was filled before, or its span is gone.
    bool begin_load(const memory::SpanRecord &record, PageId page);
    /// The frame holds the file's bytes.
    void end_load(PageId page);
    /// Copies the page unless its version is `known`. `version` becomes the copy's; no_version if the page may change
    /// without a new one.
    CleanCopy copy_clean(const memory::SpanRecord &record, PageId page, std::uint64_t known, std::byte *into,
                         std::uint64_t &version);
    static constexpr std::uint64_t no_version = ~std::uint64_t{0};

    /// What is known about a page, for reports.
    void describe(PageId page) const;

private:
    friend class PageExecutor;
    friend class ReleasePages;
    friend class ReleaseExecutor;
    void on_page_record(std::span<const std::byte> record);
    void on_piece_record(std::span<const std::byte> record);
    protocol::PageMessage decoded(std::span<const std::byte> wire) const;
    void deliver(PageEntry &entry, PageId page, const protocol::PageMessage &message);
    void map(const LockedBlock &at, PageExecutor &effects);
    bool adopt(PageEntry &entry, PageId page, const PageAttributes &attributes);
    void give_up(PageEntry &entry, PageId page);
    void forget_frame(PageEntry &entry);
    void note_frame(PageEntry &entry, PageId page);
    void release_frame(PageEntry &entry, PageId page);
    bool over_budget() const { return node_.ledger->frames() > node_.cache_pages; }
    bool evict(PageEntry &entry, PageId page);
    bool evict_release(PageEntry &entry, PageId page);
    void discard_stashed(PageId page);
    void deliver_stashed(PageEntry &entry, PageId page);
    void stash(PageId page, std::span<const std::byte> record);
    protocol::PageContext context_of(const PageAttributes &attributes, PageId page) const;
    protocol::TimeUs now_us() const { return static_cast<protocol::TimeUs>(now_ns() / 1000); }

    Node &node_;
    Engine &engine_;
    SpanFinder &spans_;
    const Pins *pins_ = nullptr;
    ReleasePages *release_ = nullptr;
    FileKeeper *files_ = nullptr;
    TracedProtocol protocol_;
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
