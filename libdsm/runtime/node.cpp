// Where the node's tables lie in their shared region.
#include "libdsm/runtime/node.hpp"

#include "libdsm/protocol/release/notice_log.hpp"
#include "libdsm/runtime/race_check.hpp"
#include "libdsm/runtime/sync_memory.hpp"

namespace dsm::rt {
namespace {

constexpr std::size_t table_alignment = std::size_t{1} << 16;
constexpr std::uint32_t heap_reserve_chunks = 2;

std::size_t aligned(std::size_t bytes) { return (bytes + table_alignment - 1) / table_alignment * table_alignment; }

/// Chunks of bitmap for the copysets: enough for every page of a 16 GiB working set to be read by many.
constexpr std::size_t set_chunks = std::size_t{1} << 22;

} // namespace

TableLayout::TableLayout(std::size_t segment_bytes) {
    const std::size_t segment_pages = segment_bytes / page_bytes;
    const auto chunks = static_cast<std::uint32_t>(segment_bytes >> memory::chunk_shift);
    const auto place = [this](std::size_t bytes) {
        const std::size_t at = total;
        total += aligned(bytes);
        return at;
    };
    wait_slots = place(sizeof(WaitSlotTable));
    pages = place(PageTable::region_bytes(segment_pages));
    ledger = place(FrameLedger::region_bytes(segment_pages));
    touched = place(chunks);
    spans = place(memory::SpanCache::region_bytes(chunks));
    heap = place(memory::NodeHeap::region_bytes(chunks));
    sets = place(protocol::SetPool::bytes_for(set_chunks));
    sync = place(sizeof(SyncMemory));
    objects = place(SyncTable::region_bytes(segment_bytes));
    areas_grew = place(sizeof *Node::areas_grew);
    release = place(sizeof(ReleaseShared));
    release_lists = place(ReleaseTables::lists_bytes(segment_pages));
    notices = place(protocol::NoticeLog::region_bytes());
    twins = place(segment_bytes);
    versions = place(ReleaseTables::versions_bytes(segment_pages));
    races = place(RaceShared::bytes());
}

void Node::map_tables() {
    const TableLayout layout(segment.bytes());
    std::byte *base = tables.base();
    wait_slots = reinterpret_cast<WaitSlotTable *>(base + layout.wait_slots);
    pages.emplace(base + layout.pages);
    ledger = reinterpret_cast<FrameLedger *>(base + layout.ledger);
    touched = reinterpret_cast<std::atomic<std::uint8_t> *>(base + layout.touched);
    spans.emplace(base + layout.spans, chunk_count());
    heap.emplace(base + layout.heap, chunk_count(), heap_reserve_chunks);
    sets.emplace(base + layout.sets, protocol::SetPool::bytes_for(set_chunks));
    sync = reinterpret_cast<SyncMemory *>(base + layout.sync);
    objects.emplace(base + layout.objects, segment.bytes());
    areas_grew = reinterpret_cast<std::atomic<std::uint32_t> *>(base + layout.areas_grew);
    release.emplace(base + layout.release, base + layout.release_lists, base + layout.twins, base + layout.versions,
                    segment.page_count());
    notices = base + layout.notices;
    races = reinterpret_cast<RaceShared *>(base + layout.races);
}

} // namespace dsm::rt
