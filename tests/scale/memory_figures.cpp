// Sizes of the tables' entries. Tables are reserved sparsely: an entry that nobody touches costs nothing.
#include "tests/scale/memory_figures.hpp"

#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/span_record.hpp"
#include "libdsm/protocol/node_set.hpp"
#include "libdsm/runtime/bulk.hpp"
#include "libdsm/runtime/frame_ledger.hpp"
#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/sync_memory.hpp"
#include "libdsm/runtime/sync_table.hpp"
#include "libdsm/runtime/topology.hpp"
#include "libdsm/runtime/wait_slots.hpp"

#include <string_view>
#include <vector>

namespace dsm::scale_test {
namespace {

constexpr const char *per_rank_of_job = "rank of the job";
/// What the C library adds to an allocation and rounds it up to.
constexpr std::size_t heap_block_bytes_min = 32;

} // namespace

std::vector<MemoryFigure> memory_figures() {
    return {
        {"page entry (rt::PageEntry)", "page that the node has met", "node", sizeof(rt::PageEntry)},
        {"frame ledger", "page with a frame", "node", sizeof(rt::FrameLedger::Entry)},
        {"copyset, deferred readers beyond six", "448 nodes in a set", "node", sizeof(protocol::SetPool::Chunk)},
        {"synchronisation object (rt::SyncEntry)", "object that the node has used", "node", sizeof(rt::SyncEntry)},
        {"span", "span that the node has met", "node", sizeof(memory::SpanRecord) + 16 + sizeof(std::uint32_t)},
        {"wait slot, seat and wait record", "thread that waits", "node",
         sizeof(rt::WaitSlot) + sizeof(rt::SyncSeat) + sizeof(sync::WaitRecord)},
        {"receive ring", "rank", "rank", std::size_t{1} << 20},
        // Vectors by rank of the job, each rank being a node of its own.
        {"packet being filled (transport::Outbox)", per_rank_of_job, "rank", sizeof(void *)},
        {"host number (MpiTransport)", per_rank_of_job, "rank", sizeof(int)},
        {"host, node, place and list of a node's ranks (rt::Topology)", per_rank_of_job, "rank",
         sizeof(int) + sizeof(NodeId) + sizeof(int) + sizeof(std::vector<Rank>) + heap_block_bytes_min},
        {"doorbell and time last heard of (rt::Engine)", per_rank_of_job, "rank",
         sizeof(void *) + sizeof(std::int64_t)},
        {"way of bytes and mapped frames (rt::BulkRoutes)", per_rank_of_job, "rank",
         sizeof(rt::BulkWay) + sizeof(memory::PeerFrames)},
        {"batch of freed blocks (rt::RemoteFrees)", per_rank_of_job, "rank", sizeof(void *)},
        {"pages promised of a home (rt::Spans)", per_rank_of_job, "rank 0", sizeof(std::uint64_t)},
    };
}

std::size_t bytes_per_rank_of_job() {
    std::size_t bytes = 0;
    for (const MemoryFigure &figure : memory_figures()) {
        if (std::string_view(figure.per) == per_rank_of_job) { bytes += figure.bytes; }
    }
    return bytes;
}

} // namespace dsm::scale_test
