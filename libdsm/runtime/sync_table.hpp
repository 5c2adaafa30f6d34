// The node's table of synchronisation objects: a hash table from an object's address to its state, in memory that the
// node's ranks share. An entry comes into being at first use and ends when the object's memory is freed.
//
// Open addressing with linear probing (Knuth, TAOCP 6.4). Looking up takes no lock: entries never move, and a deleted
// one stays as a mark that searches pass over. Inserting and deleting take the table's lock. Marks before a place that
// was never used are of no use to any search; deleting clears them, so they cannot fill the table.
//
// Beside it a word per page of the segment: the list of the page's entries, by which freed memory finds them, and what
// the protocol of sync_drop.hpp notes. Zeroed memory is a valid table.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"
#include "libdsm/base/hash.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/memory/span_record.hpp"
#include "libdsm/runtime/sync_states.hpp"
#include "libdsm/sync/drop_rounds.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::rt {

struct alignas(128) SyncEntry {
    std::atomic<std::uint64_t> key; ///< SyncTable::key_of(); 0: never used, 1: deleted
    FutexMutex lock;                ///< guards the states
    std::uint32_t next_of_page;     ///< place + 1 of the next entry of the same page; guarded by the table's lock
    SyncStates states;
};

/// A part of the segment.
struct SyncRange {
    memory::SegmentOffset begin;
    memory::SegmentOffset end;
    PageId first_page() const { return memory::page_of(begin); }
    PageId end_page() const { return memory::page_of(end + page_bytes - 1); }
    bool contains(LockId id) const { return id.value >= begin && id.value < end; }
};

/// What looks at the entries of a range, each under its lock.
class SyncVisitor {
public:
    virtual ~SyncVisitor() = default;
    virtual void on_entry(SyncKind kind, LockId id, SyncStates &states) = 0;
};

class SyncTable {
public:
    static constexpr unsigned entries_bits = 21;
    static constexpr std::size_t entries_max = std::size_t{1} << entries_bits;
    SyncTable(std::byte *region, std::size_t segment_bytes);
    static std::size_t region_bytes(std::size_t segment_bytes);

    /// The object's entry, made if there is none. Any thread, handlers too.
    SyncEntry &find(SyncKind kind, LockId id) {
        SyncEntry *entry = find_if_present(kind, id);
        return entry != nullptr ? *entry : insert(kind, id);
    }
    /// nullptr where there is none. Takes no lock.
    SyncEntry *find_if_present(SyncKind kind, LockId id) const;
    /// The object's entry with its lock held. What find() gives may have been dropped, and be another object's by now,
    /// where a thread is still about to leave an object that another thread frees.
    SyncEntry &lock(SyncKind kind, LockId id);
    /// How many entries there are.
    std::uint32_t size() const { return header().entries.load(std::memory_order_relaxed); }

    // -- Freed memory.
    /// Whether any page of the range may have an entry or a note at this node: chunk by chunk, at the cost of a load.
    bool maybe_used(const SyncRange &range) const;
    /// Whether any page of the range has an entry, in the range or beside it. Takes no lock.
    bool has_entries(const SyncRange &range) const;
    /// Shows every entry in the range to the visitor.
    void visit(const SyncRange &range, SyncVisitor &visitor);
    /// As visit(), and deletes the entries, whose states are zeroed.
    void erase(const SyncRange &range, SyncVisitor &visitor);

    // -- Notes, for sync_drop.cpp alone. `known_here`: this node has had the page's keeper note it.
    bool is_known_here(PageId page) const {
        return (pages_[page.value].entries.load(std::memory_order_acquire) & known_bit) != 0;
    }
    void set_known_here(PageId page);
    /// Pages that have no entry beside the range are no longer known here, unless a thread is asking for a note just
    /// now. True when none of them has one and nobody asks.
    bool forget_known(const SyncRange &range);
    /// While a count is up, forget_known() forgets nothing.
    void begin_asking() { header().asking.fetch_add(1, std::memory_order_seq_cst); }
    void end_asking() { header().asking.fetch_sub(1, std::memory_order_seq_cst); }
    /// The keeper's side: notes the page; is any page of the range noted; the youngest note so far; takes back notes
    /// that are not younger; takes back all, the range being no memory any more.
    void note(PageId page);
    bool is_noted(const SyncRange &range) const;
    std::uint32_t last_note() const { return header().notes.load(std::memory_order_acquire); }
    void take_back_notes(const SyncRange &range, std::uint32_t last);
    void clear(const SyncRange &range);

private:
    static constexpr std::uint64_t deleted_key = 1;
    static constexpr std::uint32_t known_bit = std::uint32_t{1} << 31U;
    struct Header {
        FutexMutex lock; ///< of insertion and deletion; before an entry's lock
        std::atomic<std::uint32_t> entries;
        std::atomic<std::uint32_t> notes;  ///< grows with every note that this node keeps
        std::atomic<std::uint32_t> asking; ///< threads of this node that wait for a note
    };
    struct PageWord {
        std::atomic<std::uint32_t> entries; ///< place + 1 of the page's first entry, and known_bit
        std::atomic<std::uint32_t> note;    ///< at the keeper: sync::note_word()
    };
    static constexpr std::uint64_t key_of(SyncKind kind, LockId id) {
        return (static_cast<std::uint64_t>(kind) << 60U) | (id.value + 1);
    }
    static std::size_t hash(std::uint64_t key) { return spread(key, entries_bits); }
    static constexpr std::size_t after(std::size_t place) { return (place + 1) % entries_max; }
    static constexpr std::size_t before(std::size_t place) { return (place + entries_max - 1) % entries_max; }

    Header &header() const { return *reinterpret_cast<Header *>(region_); }
    SyncEntry &insert(SyncKind kind, LockId id);
    void link(std::size_t place, LockId id);
    std::uint32_t first_of(PageId page) const;
    bool has_entry_beside(PageId page, const SyncRange &range) const;
    void set_first(PageId page, std::uint32_t link);
    void erase_entry(std::size_t place);
    template <class OnPage> void for_used_pages(const SyncRange &range, OnPage on_page) const;
    template <class OnEntry> void for_entries(PageId page, const SyncRange &range, OnEntry on_entry);
    void walk(const SyncRange &range, SyncVisitor &visitor, bool erases);

    std::byte *region_;
    SyncEntry *entries_;
    PageWord *pages_;
    std::atomic<std::uint8_t> *chunks_; ///< per chunk: a word of its pages was ever used since the chunk was cleared
};

} // namespace dsm::rt
