// What every node may know about a span: the record that travels in messages, and the pure functions on it.
//
// The segment's addresses are given out in chunks of 2 MiB. A span is a run of chunks with one purpose: a chunk of one
// node's heap, one big block of dsm_malloc, or one collective allocation.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace dsm::memory {

/// The index of a chunk in the segment.
using ChunkId = StrongId<struct ChunkTag, std::uint32_t>;
/// Bytes from the segment's base: the same in every rank, whatever the base.
using SegmentOffset = std::uint64_t;

constexpr unsigned chunk_shift = 21;
constexpr std::size_t chunk_bytes = std::size_t{1} << chunk_shift;
constexpr std::size_t pages_per_chunk = chunk_bytes / page_bytes;
/// 64 MiB to 16 TiB.
constexpr std::uint32_t segment_chunks_min = 32;
constexpr std::uint32_t segment_chunks_max = std::uint32_t{1} << 23U;

constexpr ChunkId chunk_of(SegmentOffset offset) { return {static_cast<std::uint32_t>(offset >> chunk_shift)}; }
constexpr ChunkId chunk_of(PageId page) {
    return {static_cast<std::uint32_t>(page.value >> (chunk_shift - page_shift))};
}
constexpr SegmentOffset offset_of(ChunkId chunk) { return SegmentOffset{chunk.value} << chunk_shift; }
constexpr SegmentOffset offset_of(PageId page) { return page.value << page_shift; }
constexpr PageId page_of(SegmentOffset offset) { return {offset >> page_shift}; }

enum class SpanKind : std::uint8_t { None, HeapChunk, BigBlock, Collective, Bound };
/// Freeing: no new holder is let in; the addresses are used again only after finish_free.
enum class SpanState : std::uint8_t { None, Live, Freeing };
/// In the order of dsm_homes_t.
enum class HomePolicy : std::uint8_t { Cyclic, Block, FirstTouch, One };
/// In the order of dsm_memory_t.
enum class MemoryKind : std::uint8_t { Sequential, Release };

/// Trivially copyable, without padding that matters; zeroed it is "no span". Fit for messages and shared memory.
struct SpanRecord {
    std::uint64_t bytes;       ///< live bytes from the span's first byte; 0 < bytes <= chunk_count * chunk_bytes
    ChunkId first;             ///< first chunk
    std::uint32_t chunk_count; ///< > 0
    std::uint32_t generation;  ///< grows with every allocation of the segment, so no two spans share one; never 0
    NodeId owner;              ///< the node that asked for it; for a heap chunk the node whose heap it feeds
    NodeId home;               ///< One: the home; Cyclic and FirstTouch: the home of the first block
    SpanKind kind;
    SpanState state;
    HomePolicy homes;
    MemoryKind memory;
    std::uint8_t block_shift;  ///< 12 to 21; a block never crosses the span's end, since spans are whole chunks
    std::uint8_t read_only;    ///< Bound: whether a write is the program's error
    std::uint16_t keeper;      ///< Bound: who has the file, as a number among the ranks of `owner`
    std::uint32_t version;     ///< BigBlock: counts its changes of size; the later record of a generation holds
    std::uint32_t chunk_limit; ///< BigBlock: more chunks it never has, 0 for no limit; pages once cut off stay dead

    friend bool operator==(const SpanRecord &, const SpanRecord &) = default;
};
static_assert(sizeof(SpanRecord) == 40 && std::is_trivially_copyable_v<SpanRecord>);

/// The pages that are kept coherent as one.
struct PageBlock {
    PageId first;
    std::uint32_t page_count;
    friend bool operator==(PageBlock, PageBlock) = default;
};
constexpr SegmentOffset end_of(PageBlock block) { return offset_of(PageId{block.first.value + block.page_count}); }

/// Whether the offset lies in the span's live bytes. What lies behind them in the last page is outside.
constexpr bool contains(const SpanRecord &record, SegmentOffset offset) {
    const SegmentOffset begin = offset_of(record.first);
    return offset >= begin && offset - begin < record.bytes;
}

/// Whether a chunk belongs to the span.
constexpr bool covers(const SpanRecord &record, ChunkId chunk) {
    return chunk.value >= record.first.value && chunk.value - record.first.value < record.chunk_count;
}

/// The block that a page of the span belongs to. In release memory every page is one by itself; the block's size is the
/// unit in which homes are dealt out.
PageBlock block_of(const SpanRecord &record, PageId page);

/// The home node of a page of the span; all pages of a block have the same. Block cuts the span's blocks 0 to B into
/// parts [n * B / nodes, (n + 1) * B / nodes). FirstTouch gives the arbiter, dealt out as Cyclic: it keeps who came
/// first.
NodeId home_of(const SpanRecord &record, PageId page, std::uint32_t node_count);

} // namespace dsm::memory
