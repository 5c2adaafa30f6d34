// Inserting, deleting, and the words of pages.
#include "libdsm/runtime/sync_table.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace dsm::rt {
namespace {
constexpr std::size_t header_bytes = page_bytes;
constexpr std::uint64_t id_mask = (std::uint64_t{1} << 60U) - 1;

LockId id_of(std::uint64_t key) { return LockId{(key & id_mask) - 1}; }
SyncKind kind_of(std::uint64_t key) { return static_cast<SyncKind>(key >> 60U); }
} // namespace

SyncTable::SyncTable(std::byte *region, std::size_t segment_bytes)
    : region_(region), entries_(reinterpret_cast<SyncEntry *>(region + header_bytes)),
      pages_(reinterpret_cast<PageWord *>(entries_ + entries_max)),
      chunks_(reinterpret_cast<std::atomic<std::uint8_t> *>(pages_ + segment_bytes / page_bytes)) {}

std::size_t SyncTable::region_bytes(std::size_t segment_bytes) {
    return header_bytes + entries_max * sizeof(SyncEntry) + segment_bytes / page_bytes * sizeof(PageWord) +
           (segment_bytes >> memory::chunk_shift);
}

// ---- The hash table

SyncEntry *SyncTable::find_if_present(SyncKind kind, LockId id) const {
    const std::uint64_t key = key_of(kind, id);
    for (std::size_t at = hash(key), tries = 0; tries < entries_max; ++tries, at = after(at)) {
        const std::uint64_t found = entries_[at].key.load(std::memory_order_acquire);
        if (found == key) { return &entries_[at]; }
        if (found == 0) { return nullptr; }
    }
    return nullptr;
}

/// Looks once more, under the lock, over all places where the key may stand: so no key stands twice.
SyncEntry &SyncTable::insert(SyncKind kind, LockId id) {
    const std::lock_guard held(header().lock);
    if (SyncEntry *entry = find_if_present(kind, id); entry != nullptr) { return *entry; }
    const std::uint64_t key = key_of(kind, id);
    std::size_t at = hash(key);
    std::size_t tries = 0;
    while (entries_[at].key.load(std::memory_order_relaxed) > deleted_key && ++tries < entries_max) { at = after(at); }
    DSM_CHECK(tries < entries_max, "Y1 fewer than two million synchronisation objects are in use", id.value);
    link(at, id);
    header().entries.fetch_add(1, std::memory_order_relaxed);
    entries_[at].key.store(key, std::memory_order_release);
    return entries_[at];
}

SyncEntry &SyncTable::lock(SyncKind kind, LockId id) {
    while (true) {
        SyncEntry &entry = find(kind, id);
        entry.lock.lock();
        if (entry.key.load(std::memory_order_relaxed) == key_of(kind, id)) { return entry; }
        entry.lock.unlock();
    }
}

/// The table's lock is held. The entry is out of its page's list.
void SyncTable::erase_entry(std::size_t place) {
    SyncEntry &entry = entries_[place];
    std::memset(static_cast<void *>(&entry.states), 0, sizeof entry.states);
    entry.next_of_page = 0;
    entry.key.store(deleted_key, std::memory_order_release);
    header().entries.fetch_sub(1, std::memory_order_relaxed);
    if (entries_[after(place)].key.load(std::memory_order_relaxed) != 0) { return; }
    // No search goes on from here.
    for (std::size_t at = place; entries_[at].key.load(std::memory_order_relaxed) == deleted_key; at = before(at)) {
        entries_[at].key.store(0, std::memory_order_release);
    }
}

// ---- Lists of pages; the table's lock is held

std::uint32_t SyncTable::first_of(PageId page) const {
    return pages_[page.value].entries.load(std::memory_order_acquire) & ~known_bit;
}

void SyncTable::set_first(PageId page, std::uint32_t link) {
    std::atomic<std::uint32_t> &word = pages_[page.value].entries;
    word.store((word.load(std::memory_order_relaxed) & known_bit) | link, std::memory_order_release);
}

void SyncTable::link(std::size_t place, LockId id) {
    const PageId page = memory::page_of(id.value);
    chunks_[memory::chunk_of(page).value].store(1, std::memory_order_release);
    entries_[place].next_of_page = first_of(page);
    set_first(page, static_cast<std::uint32_t>(place + 1));
}

/// Calls on_page(page) for every page of the range whose chunk was used.
template <class OnPage> void SyncTable::for_used_pages(const SyncRange &range, OnPage on_page) const {
    PageId page = range.first_page();
    while (page < range.end_page()) {
        const memory::ChunkId chunk = memory::chunk_of(page);
        const PageId chunk_end{(std::uint64_t{chunk.value} + 1) * memory::pages_per_chunk};
        const PageId end = std::min(chunk_end, range.end_page());
        if (chunks_[chunk.value].load(std::memory_order_acquire) != 0) {
            for (; page < end; ++page.value) { on_page(page); }
        }
        page = end;
    }
}

/// Calls on_entry(place) for every entry of the page in the range; takes those out of the list for which it is true.
template <class OnEntry> void SyncTable::for_entries(PageId page, const SyncRange &range, OnEntry on_entry) {
    std::uint32_t link = first_of(page);
    std::uint32_t kept = 0; // the last one that stays
    while (link != 0) {
        SyncEntry &entry = entries_[link - 1];
        const std::uint32_t next = entry.next_of_page;
        const bool inside = range.contains(id_of(entry.key.load(std::memory_order_relaxed)));
        if (inside && on_entry(std::size_t{link} - 1)) {
            if (kept == 0) {
                set_first(page, next);
            } else {
                entries_[kept - 1].next_of_page = next;
            }
        } else {
            kept = link;
        }
        link = next;
    }
}

// ---- Freed memory

bool SyncTable::maybe_used(const SyncRange &range) const {
    const memory::ChunkId last = memory::chunk_of(PageId{range.end_page().value - 1});
    for (memory::ChunkId chunk = memory::chunk_of(range.begin); chunk <= last; ++chunk.value) {
        if (chunks_[chunk.value].load(std::memory_order_acquire) != 0) { return true; }
    }
    return false;
}

bool SyncTable::has_entries(const SyncRange &range) const {
    bool any = false;
    for_used_pages(range, [&](PageId page) { any = any || first_of(page) != 0; });
    return any;
}

void SyncTable::walk(const SyncRange &range, SyncVisitor &visitor, bool erases) {
    for_used_pages(range, [&](PageId page) {
        const std::lock_guard held(header().lock);
        for_entries(page, range, [&](std::size_t place) {
            SyncEntry &entry = entries_[place];
            const std::lock_guard entry_held(entry.lock);
            const std::uint64_t key = entry.key.load(std::memory_order_relaxed);
            visitor.on_entry(kind_of(key), id_of(key), entry.states);
            if (erases) { erase_entry(place); }
            return erases;
        });
    });
}

void SyncTable::visit(const SyncRange &range, SyncVisitor &visitor) { walk(range, visitor, false); }
void SyncTable::erase(const SyncRange &range, SyncVisitor &visitor) { walk(range, visitor, true); }

// ---- Notes

void SyncTable::set_known_here(PageId page) {
    const std::lock_guard held(header().lock);
    chunks_[memory::chunk_of(page).value].store(1, std::memory_order_release);
    pages_[page.value].entries.fetch_or(known_bit, std::memory_order_release);
}

bool SyncTable::forget_known(const SyncRange &range) {
    const std::lock_guard held(header().lock);
    if (header().asking.load(std::memory_order_seq_cst) != 0) { return false; }
    bool all = true;
    for_used_pages(range, [&](PageId page) {
        if (has_entry_beside(page, range)) {
            all = false;
        } else {
            pages_[page.value].entries.fetch_and(~known_bit, std::memory_order_release);
        }
    });
    return all;
}

bool SyncTable::has_entry_beside(PageId page, const SyncRange &range) const {
    for (std::uint32_t link = first_of(page); link != 0; link = entries_[link - 1].next_of_page) {
        if (!range.contains(id_of(entries_[link - 1].key.load(std::memory_order_relaxed)))) { return true; }
    }
    return false;
}

void SyncTable::note(PageId page) {
    const std::lock_guard held(header().lock);
    const std::uint32_t number = header().notes.fetch_add(1, std::memory_order_acq_rel) + 1;
    chunks_[memory::chunk_of(page).value].store(1, std::memory_order_release);
    pages_[page.value].note.store(sync::note_word(number), std::memory_order_release);
}

bool SyncTable::is_noted(const SyncRange &range) const {
    bool noted = false;
    for_used_pages(range, [&](PageId page) {
        noted = noted || sync::is_noted(pages_[page.value].note.load(std::memory_order_acquire));
    });
    return noted;
}

void SyncTable::take_back_notes(const SyncRange &range, std::uint32_t last) {
    const std::lock_guard held(header().lock);
    for_used_pages(range, [&](PageId page) {
        const std::uint32_t note = pages_[page.value].note.load(std::memory_order_relaxed);
        if (sync::is_noted(note)) {
            pages_[page.value].note.store(sync::note_taken_back(note, last), std::memory_order_release);
        }
    });
}

void SyncTable::clear(const SyncRange &range) {
    const std::lock_guard held(header().lock);
    for_used_pages(range, [&](PageId page) {
        std::atomic<std::uint8_t> &chunk = chunks_[memory::chunk_of(page).value];
        if (page.value % memory::pages_per_chunk == 0) { chunk.store(0, std::memory_order_release); }
        pages_[page.value].entries.store(first_of(page), std::memory_order_release);
        pages_[page.value].note.store(0, std::memory_order_release);
        // Somebody uses freed memory; what that made stays to be found.
        if (first_of(page) != 0) { chunk.store(1, std::memory_order_release); }
    });
}

} // namespace dsm::rt
