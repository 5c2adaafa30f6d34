// The chunks of a node's heap as pages: which page belongs to what, and runs of pages given out and taken back.
//
// Per chunk one slot of 36 KiB in a table indexed by chunk number (sparse: an unused slot is zero and untouched), and a
// byte in a dense table that says whether the chunk is the heap's, so that looking at a foreign one touches no slot.
// Chunks hang in lists by the length of their longest free run; a request takes the chunk with the shortest that
// suffices, which fills full chunks first and lets empty ones stay empty.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/heap_size_classes.hpp"
#include "libdsm/memory/span_record.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace dsm::memory {

enum class PageUse : std::uint8_t { Free, RunStart, RunInside, Slab };

/// What a page of a chunk belongs to, in 16 bits so that a single load tells a consistent story.
class PageLabel {
public:
    constexpr PageLabel() = default;
    static constexpr PageLabel run_start(std::size_t page_count) { return {code_run_start, page_count - 1}; }
    static constexpr PageLabel run_inside(std::size_t first_page) { return {code_run_inside, first_page}; }
    static constexpr PageLabel slab(SizeClass size_class, std::size_t first_page) {
        return {code_slab + std::size_t{size_class.value}, first_page};
    }
    constexpr PageUse use() const {
        const unsigned code = bits_ >> number_bits;
        return code >= code_slab ? PageUse::Slab : static_cast<PageUse>(code);
    }
    constexpr std::size_t page_count() const { return (bits_ & number_mask) + 1U; } ///< of RunStart
    constexpr std::size_t first_page() const { return bits_ & number_mask; }        ///< of RunInside and Slab
    constexpr SizeClass size_class() const {                                        ///< of Slab
        return {static_cast<std::uint8_t>((bits_ >> number_bits) - code_slab)};
    }
    friend constexpr bool operator==(PageLabel, PageLabel) = default;

private:
    static constexpr std::size_t code_run_start = 1;
    static constexpr std::size_t code_run_inside = 2;
    static constexpr std::size_t code_slab = 3;
    static constexpr unsigned number_bits = 9;
    static constexpr unsigned number_mask = (1U << number_bits) - 1;
    constexpr PageLabel(std::size_t code, std::size_t number)
        : bits_(static_cast<std::uint16_t>(code << number_bits | number)) {}
    std::uint16_t bits_ = 0;
};
static_assert(pages_per_chunk == 512 && size_class_count + 3 <= 128);

/// A slab in all chunks: chunk number * 128 + first page / 4, plus 1; 0 is none.
using SlabRef = StrongId<struct SlabTag, std::uint32_t>;
constexpr SlabRef no_slab{0};

/// Guarded by the lock of the slab's size class.
struct SlabHeader {
    SlabRef next;
    SlabRef previous;
    std::uint16_t used;       ///< blocks taken out: live or held by a cache
    std::uint16_t first_page; ///< in the chunk
    std::uint16_t hint;       ///< no free block in the bitmap words before this one
    std::uint16_t unused;
};

constexpr std::size_t granules_per_chunk = chunk_bytes / block_granule_bytes;

struct ChunkMeta {
    // Guarded by the pages' lock; all zero, as are the tags and bits, when the heap gets the chunk.
    std::uint32_t next; ///< chunk number + 1 in a list of longest runs or in the list to be released
    std::uint32_t previous;
    std::uint16_t free_pages;
    std::uint16_t longest_run;
    std::uint16_t idle_pages; ///< pages of slabs that are kept although no block lives in them
    std::array<std::uint16_t, 3> unused;
    std::array<std::uint64_t, pages_per_chunk / 64> used_pages;
    std::array<std::atomic<PageLabel>, pages_per_chunk> tags; ///< a Slab tag changes under its class's lock as well
    std::array<SlabHeader, pages_per_chunk / slab_pages_min> slabs;
    alignas(page_bytes) std::array<std::uint64_t, granules_per_chunk / 64> block_bits;
    /// One bit per granule, set while a live small block begins there: by address and not by slab, so that it says the
    /// truth whatever the page was used for before.
    alignas(page_bytes) std::array<std::atomic<std::uint64_t>, granules_per_chunk / 64> live_bits;
};
static_assert(sizeof(ChunkMeta) == 36864 && std::atomic<std::uint64_t>::is_always_lock_free);

/// Pages of one chunk.
struct PageRun {
    ChunkId chunk;
    std::uint32_t first_page;
    std::uint32_t page_count;
};

enum class RunStatus : std::uint8_t { Ok, NotARun, NoRoom };

struct HeapTraffic {
    std::uint64_t chunks_added;
    std::uint64_t chunks_given_up;
};

class HeapChunks {
public:
    HeapChunks(std::byte *region, std::uint32_t chunk_count, std::uint32_t reserve_chunks);
    static std::size_t region_bytes(std::uint32_t chunk_count);

    void add(ChunkId chunk);
    std::optional<ChunkId> take_released();
    /// Whether take_released() has something. A hint: read without the lock.
    bool release_pending() const;
    /// Gives up all chunks without any used page.
    void release_empty();

    /// Gives out pages as a run; alignment in pages, a power of two.
    std::optional<PageRun> allocate_run(std::uint32_t pages, std::uint32_t alignment_pages);
    /// Gives out pages as a slab. The caller holds the class's lock.
    std::optional<PageRun> allocate_slab(SizeClass size_class);
    /// Takes back the run that begins at a page, if one does. Sets `spare_idle` to what set_idle() would return.
    RunStatus free_run(ChunkId chunk, std::uint32_t first_page, bool &spare_idle);
    /// The caller holds the class's lock. The slab is empty and idle.
    void free_idle_slab(ChunkId chunk, const SlabHeader &slab, SizeClass size_class);
    RunStatus resize_run(ChunkId chunk, std::uint32_t first_page, std::uint32_t pages);
    /// Notes that a slab lost its last block (or gets one again). True if its chunk now is quiet, holding nothing but
    /// idle slabs, and there are more quiet chunks than the reserve: the caller then frees these slabs.
    bool set_idle(ChunkId chunk, SizeClass size_class, bool idle);

    bool owns(ChunkId chunk) const {
        return chunk.value < chunk_count_ && states_[chunk.value].load(std::memory_order_acquire) == state_owned;
    }
    PageLabel tag(ChunkId chunk, std::size_t page) const {
        return meta(chunk).tags[page].load(std::memory_order_acquire);
    }
    /// The word with the live bit of an offset in an owned chunk.
    std::atomic<std::uint64_t> &live_word(SegmentOffset offset) const {
        return meta(chunk_of(offset)).live_bits[(offset & (chunk_bytes - 1)) / block_granule_bytes / 64];
    }
    static constexpr std::uint64_t live_bit(SegmentOffset offset) {
        return std::uint64_t{1} << (offset / block_granule_bytes % 64);
    }
    ChunkMeta &meta(ChunkId chunk) const { return metas_[chunk.value]; }

    static SlabRef slab_ref(ChunkId chunk, std::size_t first_page);
    static ChunkId chunk_of_slab(SlabRef slab);
    SlabHeader &slab(SlabRef slab) const;
    /// One bit per block of the slab, set while it is taken out; guarded by the class's lock.
    std::uint64_t *block_bits(SlabRef slab) const;

    std::uint32_t owned() const;
    std::uint64_t pages_used() const;
    std::uint32_t chunk_count() const { return chunk_count_; }
    /// Chunks got and given up since the beginning.
    HeapTraffic traffic() const;

private:
    struct Header;
    static constexpr std::uint8_t state_none = 0;
    static constexpr std::uint8_t state_owned = 1;
    static constexpr std::uint8_t state_released = 2; ///< in the list of those given up
    std::optional<PageRun> take_pages(std::uint32_t pages, std::uint32_t alignment_pages);
    void mark(PageRun run, bool used);
    void tag_run(PageRun run);
    void tag_all(PageRun run, PageLabel tag);
    void link(ChunkId chunk);
    void unlink(ChunkId chunk);
    void give_up(ChunkId chunk);
    bool note_quiet(ChunkId chunk, bool was_quiet);
    static bool quiet(const ChunkMeta &meta);

    std::uint32_t chunk_count_;
    std::uint32_t reserve_chunks_;
    Header &header_;
    std::atomic<std::uint8_t> *states_; ///< per chunk
    ChunkMeta *metas_;
};

} // namespace dsm::memory
