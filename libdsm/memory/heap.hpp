// The heap of one node behind dsm_malloc: small blocks from slabs and page runs below 1 MiB, inside chunks that the
// directory gave to the node. All its state is in node-shared memory outside the coherent pages, indexed by chunk: it
// never reads or writes the blocks themselves, so no fault, no message and no stray write of the program can disturb
// it.
//
// Every rank and thread of the node may call at once. Locks: one per size class, one for the pages of all chunks, taken
// in this order. Slabs carry a bit per block, so a pointer that is no live block is always recognised and never
// believed.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/heap_chunks.hpp"
#include "libdsm/memory/heap_size_classes.hpp"
#include "libdsm/memory/span_record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dsm::memory {

/// Requests of this size and more are spans of their own, allocated by the runtime in the directory.
constexpr std::size_t big_bytes_min = std::size_t{1} << 20;
/// The greatest alignment that the heap serves itself.
constexpr std::size_t heap_alignment_max = std::size_t{1} << 20;

enum class HeapStatus : std::uint8_t {
    Ok,
    NeedChunk,     ///< no room: add_chunk() and ask again
    TooLarge,      ///< bytes >= big_bytes_min or alignment > heap_alignment_max: a span of its own
    BadAlignment,  ///< not a power of two
    NotOurChunk,   ///< the chunk is not of this heap (another node's, a big span, outside the segment)
    NotBlockStart, ///< inside a slab or run, but no block begins there
    NotAllocated,  ///< a place for a block that is free: freed already or never handed out
    DoesNotFit,    ///< resize_in_place: allocate, copy and free instead
};

struct HeapBlock {
    HeapStatus status;
    SegmentOffset offset; ///< valid with Ok
    std::size_t bytes;    ///< usable bytes, valid with Ok
};

struct HeapFree {
    HeapStatus status;
    bool release_pending; ///< chunks wait for take_released_chunk()
};

class NodeHeap {
public:
    /// Works on zeroed memory, aligned to pages. Every rank makes its own over its own mapping, with equal numbers.
    /// Up to `reserve_chunks` chunks without blocks are kept.
    NodeHeap(std::byte *region, std::uint32_t chunk_count, std::uint32_t reserve_chunks);
    static std::size_t region_bytes(std::uint32_t chunk_count);

    /// Feeds a chunk that the directory gave to this node.
    void add_chunk(ChunkId chunk);
    /// A chunk that the heap has given up, to be handed back to the directory; nothing when there is none.
    std::optional<ChunkId> take_released_chunk();
    /// Gives up every chunk without blocks, the reserve too. True if take_released_chunk() has something.
    bool trim();
    /// Held by the one who fetches a chunk after NeedChunk (try again under it first), so that not all fetch one at
    /// once.
    FutexMutex &growth_mutex();

    /// A block of at least `bytes` (0 counts as 1), aligned to 16 or more. Contents are indeterminate.
    HeapBlock allocate(std::size_t bytes);
    HeapBlock allocate_aligned(std::size_t alignment, std::size_t bytes);
    /// Fills `out` with blocks of a class under one lock; the seam for thread caches. Returns how many there were.
    std::size_t allocate_batch(SizeClass size_class, std::span<SegmentOffset> out);
    /// Frees a live block, whichever node or rank asked for it.
    HeapFree free_block(SegmentOffset offset);
    /// The live block that begins at the offset, with its usable size.
    HeapBlock find(SegmentOffset offset);
    /// Makes the block serve `bytes` where it stands: within its class unless it would be more than half empty; a run
    /// of pages shrinks or grows into free neighbours. Ok, DoesNotFit, or what is wrong with the offset.
    HeapStatus resize_in_place(SegmentOffset offset, std::size_t bytes);

    std::uint32_t chunks_owned() const { return chunks_.owned(); }
    std::uint64_t pages_used() const { return chunks_.pages_used(); }

private:
    struct Layout;
    struct ClassState;
    struct SmallBlock;
    HeapStatus locate(SegmentOffset offset, SizeClass size_class, SmallBlock &found) const;
    bool ensure_slab(ClassState &state, SizeClass size_class);
    SegmentOffset take_block(ClassState &state, SizeClass size_class);
    HeapFree free_small(SegmentOffset offset, SizeClass size_class);
    bool put_block(ClassState &state, const SmallBlock &block, SizeClass size_class);
    void collect_idle_slabs(ChunkId chunk);
    void drop_idle(ClassState &state, SizeClass size_class);
    void link(ClassState &state, SlabRef slab);
    void unlink(ClassState &state, SlabRef slab);

    Layout &layout_;
    HeapChunks chunks_;
};

} // namespace dsm::memory
