// What a rank has of its node: the frames, the tables in shared memory, the neighbours. Built once at start-up; every
// service of the runtime gets a reference to it.
#pragma once

#include "libdsm/memory/area_mapper.hpp"
#include "libdsm/memory/fault_backend.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/heap.hpp"
#include "libdsm/memory/segment.hpp"
#include "libdsm/memory/shared_region.hpp"
#include "libdsm/memory/span_cache.hpp"
#include "libdsm/protocol/node_set.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/runtime/bulk.hpp"
#include "libdsm/runtime/frame_ledger.hpp"
#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/release_tables.hpp"
#include "libdsm/runtime/sync_table.hpp"
#include "libdsm/runtime/topology.hpp"
#include "libdsm/runtime/wait_slots.hpp"

#include <memory>
#include <optional>

namespace dsm::rt {

/// Where the tables lie in the node's shared region. Equal in all ranks, since it follows from the segment's size.
struct TableLayout {
    explicit TableLayout(std::size_t segment_bytes);
    std::size_t wait_slots = 0, pages = 0, ledger = 0, touched = 0, spans = 0, heap = 0, sets = 0, sync = 0,
                objects = 0, areas_grew = 0, release = 0, release_lists = 0, notices = 0, twins = 0, versions = 0,
                races = 0;
    std::size_t total = 0;
};

struct SyncMemory;
struct RaceShared;
class ReleaseNode;

class Node {
public:
    const Topology *topology = nullptr;
    memory::Segment segment;
    memory::FrameStore frames;
    memory::SharedRegion tables;
    memory::SharedRegion doorbells;
    memory::SharedRegion rights; ///< mailboxes of the mprotect backend's rights servers
    BulkRoutes bulk;
    std::uint64_t cache_pages = 0;     ///< budget of frames
    protocol::SequentialLimits limits; ///< equal in all nodes but for tree_above_nodes, which need not be

    // Views of `tables`, made by map_tables().
    WaitSlotTable *wait_slots = nullptr;
    std::optional<PageTable> pages;
    FrameLedger *ledger = nullptr;
    std::atomic<std::uint8_t> *touched = nullptr; ///< per chunk: some entry of it was used
    std::optional<memory::SpanCache> spans;
    std::optional<memory::NodeHeap> heap;
    std::optional<protocol::SetPool> sets;
    SyncMemory *sync = nullptr;
    std::optional<SyncTable> objects;
    /// One node: near the kernel's limit, some rank has opened more of its view than was asked for.
    std::atomic<std::uint32_t> *areas_grew = nullptr;
    std::optional<ReleaseTables> release;
    std::byte *notices = nullptr; ///< the memory of the notice log
    RaceShared *races = nullptr;  ///< used with DSM_CHECK_RACES

    ReleaseNode *releases = nullptr;               ///< none with one node
    std::unique_ptr<memory::FaultBackend> backend; ///< none with one node
    std::optional<memory::AreaMapper> areas;       ///< with one node only

    bool solo() const { return topology->node_count() == 1; }
    std::uint32_t chunk_count() const { return static_cast<std::uint32_t>(segment.bytes() >> memory::chunk_shift); }
    memory::SegmentOffset offset_of(const void *address) const {
        return static_cast<memory::SegmentOffset>(static_cast<const std::byte *>(address) - segment.base());
    }
    void *address_of(memory::SegmentOffset offset) const { return segment.base() + offset; }
    void map_tables();
};

} // namespace dsm::rt
