// The heap of one node behind dsm_malloc: small blocks from slabs and page runs below 1 MiB, inside chunks that the
// directory gave to the node. All its state is in node-shared memory outside the coherent pages, indexed by chunk: it
// never reads or writes the blocks themselves, so no fault, no message and no stray write of the program can disturb
// it.
//
// Every rank and thread of the node may call at once. Locks: one per size class, one for the pages of all chunks, taken
// in this order. A small block is in its slab, held (by a cache, heap_cache.hpp) or live (the program's):
//
//   slab --allocate_batch--> held --hand_out--> live --retire--> held --give_back_batch--> slab
//
// hand_out and retire take no lock: they flip the block's live bit, so of two frees of one block exactly one succeeds,
// and a pointer that is no live block is always recognised and never believed.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"
#include "libdsm/memory/heap_chunks.hpp"
#include "libdsm/memory/heap_size_classes.hpp"
#include "libdsm/memory/span_record.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dsm::memory {

/// Requests of this size and more are spans of their own, allocated by the runtime in the directory.
constexpr std::size_t big_bytes_min = std::size_t{1} << 20;
/// The greatest alignment that the heap serves itself.
constexpr std::size_t heap_alignment_max = std::size_t{1} << 20;

/// The class whose blocks have room for `bytes` and are aligned to a power of two; nothing when that takes pages.
constexpr std::optional<SizeClass> small_class_for(std::size_t alignment, std::size_t bytes) {
    if (bytes > small_bytes_max || alignment > page_bytes) { return std::nullopt; }
    if (alignment <= block_granule_bytes) { return size_class_of(bytes); }
    // The next power of two is a class, so this ends at the latest there.
    std::size_t index = size_class_of(bytes < alignment ? alignment : bytes).value;
    while (class_bytes(index) % alignment != 0) { ++index; }
    return SizeClass{static_cast<std::uint8_t>(index)};
}

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

/// What retire() found.
struct HeapRetired {
    HeapStatus status;
    bool small;           ///< with Ok: a small block, now held; else a run of pages, unchanged: free_block() takes it
    SizeClass size_class; ///< of the small block
};

/// What a heap holds, for statistics. Taken while others work, so the parts are of slightly different moments.
struct HeapUsage {
    std::uint64_t chunks;      ///< owned
    std::uint64_t live_blocks; ///< small blocks and runs of pages
    std::uint64_t live_bytes;  ///< their usable bytes
    std::uint64_t held_bytes;  ///< small blocks that are neither live nor in their slab
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
    /// Fills `out` with blocks of a class, held by the caller, under one lock. Returns how many there were.
    std::size_t allocate_batch(SizeClass size_class, std::span<SegmentOffset> out);
    /// Puts held blocks of a class back into their slabs. True if take_released_chunk() has something.
    bool give_back_batch(SizeClass size_class, std::span<const SegmentOffset> blocks);
    /// Makes a held block live. Lock-free.
    void hand_out(SegmentOffset offset) {
        const std::uint64_t bit = HeapChunks::live_bit(offset);
        const std::uint64_t before = chunks_.live_word(offset).fetch_or(bit, std::memory_order_relaxed);
        DSM_CHECK((before & bit) == 0, "H1 a block has one holder", offset);
    }
    /// Makes a live small block held by the caller. Lock-free unless there is an error to classify.
    HeapRetired retire(SegmentOffset offset) {
        if (!owns(offset)) { return {HeapStatus::NotOurChunk, false, {}}; }
        std::atomic<std::uint64_t> &word = chunks_.live_word(offset);
        const std::uint64_t bit = offset % block_granule_bytes == 0 ? HeapChunks::live_bit(offset) : 0;
        // The page belongs to the block's slab as long as the block is live or held.
        if ((word.load(std::memory_order_relaxed) & bit) != 0 &&
            (word.fetch_and(~bit, std::memory_order_acq_rel) & bit) != 0) {
            return {HeapStatus::Ok, true, label_of(offset).size_class()};
        }
        return {look_at(offset).status, false, {}};
    }
    /// Frees a live block, whichever node or rank asked for it.
    HeapFree free_block(SegmentOffset offset);
    /// The live block that begins at the offset, with its usable size.
    HeapBlock find(SegmentOffset offset);
    /// Makes the block serve `bytes` where it stands: within its class unless it would be more than half empty; a run
    /// of pages shrinks or grows into free neighbours. Ok, DoesNotFit, or what is wrong with the offset.
    HeapStatus resize_in_place(SegmentOffset offset, std::size_t bytes);

    std::uint32_t chunks_owned() const { return chunks_.owned(); }
    std::uint64_t pages_used() const { return chunks_.pages_used(); }
    HeapTraffic traffic() const { return chunks_.traffic(); }
    /// Walks all chunks: about 2 us for each.
    HeapUsage usage();

private:
    struct Layout;
    struct ClassState;
    struct SmallBlock;
    bool owns(SegmentOffset offset) const {
        return offset < SegmentOffset{segment_chunks_max} * chunk_bytes && chunks_.owns(chunk_of(offset));
    }
    PageLabel label_of(SegmentOffset offset) const {
        return chunks_.tag(chunk_of(offset), (offset & (chunk_bytes - 1)) >> page_shift);
    }
    HeapBlock look_at(SegmentOffset offset);
    std::uint64_t count_chunk(ChunkId chunk, HeapUsage &usage) const;
    HeapFree free_run(SegmentOffset offset);
    HeapStatus locate(SegmentOffset offset, SizeClass size_class, SmallBlock &found) const;
    bool ensure_slab(ClassState &state, SizeClass size_class);
    SegmentOffset take_block(ClassState &state, SizeClass size_class);
    bool put_block(ClassState &state, const SmallBlock &block, SizeClass size_class);
    void collect_idle_slabs(ChunkId chunk);
    void drop_idle(ClassState &state, SizeClass size_class);
    void link(ClassState &state, SlabRef slab);
    void unlink(ClassState &state, SlabRef slab);

    Layout &layout_;
    HeapChunks chunks_;
};

} // namespace dsm::memory
