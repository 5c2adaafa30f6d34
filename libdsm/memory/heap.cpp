// Small blocks in slabs, and what decides between slabs and page runs.
#include "libdsm/memory/heap.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>

namespace dsm::memory {

/// One cache line per class. Invariant: `partial` lists the slabs with a free and a live block; a full slab is in no
/// list; `idle` is the one slab kept although no block lives in it.
struct alignas(64) NodeHeap::ClassState {
    FutexMutex lock;
    SlabRef partial;
    SlabRef idle;
};

struct NodeHeap::Layout {
    FutexMutex growth;
    alignas(64) std::array<ClassState, size_class_count> classes;
};

/// A block's place: valid under the lock of its class.
struct NodeHeap::SmallBlock {
    SlabRef slab;
    std::uint32_t index;
};

namespace {
constexpr std::size_t pages_for(std::size_t bytes) { return bytes == 0 ? 1 : (bytes + page_bytes - 1) >> page_shift; }
constexpr std::uint32_t page_in_chunk(SegmentOffset offset) {
    return static_cast<std::uint32_t>((offset & (chunk_bytes - 1)) >> page_shift);
}
constexpr std::uint64_t bit_of(std::uint32_t index) { return std::uint64_t{1} << (index % 64U); }

HeapBlock run_block(const std::optional<PageRun> &run) {
    if (!run) { return {HeapStatus::NeedChunk, 0, 0}; }
    return {HeapStatus::Ok, offset_of(run->chunk) + run->first_page * page_bytes, run->page_count * page_bytes};
}
} // namespace

NodeHeap::NodeHeap(std::byte *region, std::uint32_t chunk_count, std::uint32_t reserve_chunks)
    : layout_(*reinterpret_cast<Layout *>(region)), chunks_(region + page_bytes, chunk_count, reserve_chunks) {
    static_assert(sizeof(Layout) <= page_bytes);
    DSM_CHECK(chunk_count > 0 && chunk_count <= segment_chunks_max, "the segment's size is in range", chunk_count);
}

std::size_t NodeHeap::region_bytes(std::uint32_t chunk_count) {
    return page_bytes + HeapChunks::region_bytes(chunk_count);
}

void NodeHeap::add_chunk(ChunkId chunk) { chunks_.add(chunk); }
std::optional<ChunkId> NodeHeap::take_released_chunk() { return chunks_.take_released(); }
FutexMutex &NodeHeap::growth_mutex() { return layout_.growth; }

bool NodeHeap::trim() {
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        ClassState &state = layout_.classes[index];
        const std::lock_guard guard(state.lock);
        drop_idle(state, {index});
    }
    chunks_.release_empty();
    return chunks_.release_pending();
}

// ---- allocate ----

HeapBlock NodeHeap::allocate(std::size_t bytes) {
    if (bytes >= big_bytes_min) { return {HeapStatus::TooLarge, 0, 0}; }
    if (bytes > small_bytes_max) {
        return run_block(chunks_.allocate_run(static_cast<std::uint32_t>(pages_for(bytes)), 1));
    }
    const SizeClass size_class = size_class_of(bytes);
    SegmentOffset offset = 0;
    if (allocate_batch(size_class, {&offset, 1}) == 0) { return {HeapStatus::NeedChunk, 0, 0}; }
    return {HeapStatus::Ok, offset, shape_of(size_class).block_bytes};
}

HeapBlock NodeHeap::allocate_aligned(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) { return {HeapStatus::BadAlignment, 0, 0}; }
    if (bytes >= big_bytes_min || alignment > heap_alignment_max) { return {HeapStatus::TooLarge, 0, 0}; }
    if (alignment > page_bytes || bytes > small_bytes_max) {
        const auto alignment_pages = static_cast<std::uint32_t>(std::max(alignment >> page_shift, std::size_t{1}));
        return run_block(chunks_.allocate_run(static_cast<std::uint32_t>(pages_for(bytes)), alignment_pages));
    }
    // The next power of two is a class, so this ends at the latest there.
    std::size_t index = size_class_of(std::max(bytes, alignment)).value;
    while (class_bytes(index) % alignment != 0) { ++index; }
    return allocate(class_bytes(index));
}

std::size_t NodeHeap::allocate_batch(SizeClass size_class, std::span<SegmentOffset> out) {
    ClassState &state = layout_.classes[size_class.value];
    const std::lock_guard guard(state.lock);
    std::size_t taken = 0;
    while (taken < out.size() && ensure_slab(state, size_class)) { out[taken++] = take_block(state, size_class); }
    return taken;
}

/// Makes the class have a slab with a free block.
bool NodeHeap::ensure_slab(ClassState &state, SizeClass size_class) {
    if (state.partial != no_slab) { return true; }
    SlabRef slab = state.idle;
    if (slab != no_slab) {
        state.idle = no_slab;
        chunks_.set_idle(HeapChunks::chunk_of_slab(slab), size_class, false);
    } else {
        const std::optional<PageRun> run = chunks_.allocate_slab(size_class);
        if (!run) { return false; }
        slab = HeapChunks::slab_ref(run->chunk, run->first_page);
        chunks_.slab(slab) = {.next = no_slab,
                              .previous = no_slab,
                              .used = 0,
                              .first_page = static_cast<std::uint16_t>(run->first_page),
                              .hint = 0,
                              .unused = 0};
    }
    link(state, slab);
    return true;
}

/// Takes the lowest free block of the first slab in the list.
SegmentOffset NodeHeap::take_block(ClassState &state, SizeClass size_class) {
    const SizeClassShape &shape = shape_of(size_class);
    const SlabRef slab = state.partial;
    SlabHeader &header = chunks_.slab(slab);
    std::uint64_t *bits = chunks_.block_bits(slab);
    std::uint32_t word = header.hint;
    while (bits[word] == ~std::uint64_t{0}) { ++word; }
    const std::uint32_t index = word * 64 + static_cast<std::uint32_t>(std::countr_one(bits[word]));
    DSM_CHECK(index < shape.slab_blocks, "a slab in the list has a free block", slab.value);
    bits[word] |= bit_of(index);
    header.hint = static_cast<std::uint16_t>(word);
    if (++header.used == shape.slab_blocks) { unlink(state, slab); }
    return offset_of(HeapChunks::chunk_of_slab(slab)) + header.first_page * page_bytes +
           std::size_t{index} * shape.block_bytes;
}

void NodeHeap::link(ClassState &state, SlabRef slab) {
    SlabHeader &header = chunks_.slab(slab);
    header.previous = no_slab;
    header.next = state.partial;
    if (state.partial != no_slab) { chunks_.slab(state.partial).previous = slab; }
    state.partial = slab;
}

void NodeHeap::unlink(ClassState &state, SlabRef slab) {
    const SlabHeader &header = chunks_.slab(slab);
    if (header.previous != no_slab) {
        chunks_.slab(header.previous).next = header.next;
    } else {
        state.partial = header.next;
    }
    if (header.next != no_slab) { chunks_.slab(header.next).previous = header.previous; }
}

// ---- free ----

HeapFree NodeHeap::free_block(SegmentOffset offset) {
    if (offset >= SegmentOffset{segment_chunks_max} * chunk_bytes || !chunks_.owns(chunk_of(offset))) {
        return {HeapStatus::NotOurChunk, false};
    }
    const ChunkId chunk = chunk_of(offset);
    const std::uint32_t page = page_in_chunk(offset);
    const PageLabel tag = chunks_.tag(chunk, page);
    switch (tag.use()) {
    case PageUse::Free:
        return {HeapStatus::NotAllocated, false};
    case PageUse::RunInside:
        return {HeapStatus::NotBlockStart, false};
    case PageUse::Slab:
        return free_small(offset, tag.size_class());
    case PageUse::RunStart:
        break;
    }
    if (offset % page_bytes != 0) { return {HeapStatus::NotBlockStart, false}; }
    bool spare_idle = false;
    if (chunks_.free_run(chunk, page, spare_idle) != RunStatus::Ok) { return {HeapStatus::NotAllocated, false}; }
    if (spare_idle) { collect_idle_slabs(chunk); }
    return {HeapStatus::Ok, chunks_.release_pending()};
}

/// Finds the live block at an offset; the caller holds the lock of the class that the page's tag named. The tag is read
/// again: slabs of this class come and go only under the lock.
HeapStatus NodeHeap::locate(SegmentOffset offset, SizeClass size_class, SmallBlock &found) const {
    const ChunkId chunk = chunk_of(offset);
    const PageLabel tag = chunks_.tag(chunk, page_in_chunk(offset));
    if (tag.use() != PageUse::Slab || tag.size_class() != size_class) { return HeapStatus::NotAllocated; }
    const SizeClassShape &shape = shape_of(size_class);
    const std::uint64_t inside = (offset & (chunk_bytes - 1)) - tag.first_page() * page_bytes;
    const auto index = static_cast<std::uint32_t>((inside * shape.reciprocal) >> reciprocal_shift);
    if (index >= shape.slab_blocks || inside != std::uint64_t{index} * shape.block_bytes) {
        return HeapStatus::NotBlockStart;
    }
    found = {HeapChunks::slab_ref(chunk, tag.first_page()), index};
    const bool live = (chunks_.block_bits(found.slab)[index / 64] & bit_of(index)) != 0;
    return live ? HeapStatus::Ok : HeapStatus::NotAllocated;
}

HeapFree NodeHeap::free_small(SegmentOffset offset, SizeClass size_class) {
    bool spare_idle = false;
    {
        ClassState &state = layout_.classes[size_class.value];
        const std::lock_guard guard(state.lock);
        SmallBlock block{};
        const HeapStatus status = locate(offset, size_class, block);
        if (status != HeapStatus::Ok) { return {status, false}; }
        spare_idle = put_block(state, block, size_class);
    }
    if (spare_idle) { collect_idle_slabs(chunk_of(offset)); }
    return {HeapStatus::Ok, chunks_.release_pending()};
}

/// Takes a block back into its slab. True if the chunk's idle slabs should be collected.
bool NodeHeap::put_block(ClassState &state, const SmallBlock &block, SizeClass size_class) {
    SlabHeader &header = chunks_.slab(block.slab);
    const std::uint32_t word = block.index / 64;
    chunks_.block_bits(block.slab)[word] &= ~bit_of(block.index);
    header.hint = std::min(header.hint, static_cast<std::uint16_t>(word));
    if (header.used == shape_of(size_class).slab_blocks) { link(state, block.slab); }
    if (--header.used != 0) { return false; }
    unlink(state, block.slab);
    const SlabRef kept_before = state.idle;
    state.idle = block.slab;
    const bool spare = chunks_.set_idle(HeapChunks::chunk_of_slab(block.slab), size_class, true);
    if (kept_before != no_slab) {
        chunks_.free_idle_slab(HeapChunks::chunk_of_slab(kept_before), chunks_.slab(kept_before), size_class);
    }
    return spare;
}

void NodeHeap::drop_idle(ClassState &state, SizeClass size_class) {
    if (state.idle == no_slab) { return; }
    const SlabRef slab = state.idle;
    state.idle = no_slab;
    chunks_.free_idle_slab(HeapChunks::chunk_of_slab(slab), chunks_.slab(slab), size_class);
}

void NodeHeap::collect_idle_slabs(ChunkId chunk) {
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        ClassState &state = layout_.classes[index];
        const std::lock_guard guard(state.lock);
        if (state.idle != no_slab && HeapChunks::chunk_of_slab(state.idle) == chunk) { drop_idle(state, {index}); }
    }
}

// ---- look and resize ----

HeapBlock NodeHeap::find(SegmentOffset offset) {
    if (offset >= SegmentOffset{segment_chunks_max} * chunk_bytes || !chunks_.owns(chunk_of(offset))) {
        return {HeapStatus::NotOurChunk, offset, 0};
    }
    const PageLabel tag = chunks_.tag(chunk_of(offset), page_in_chunk(offset));
    switch (tag.use()) {
    case PageUse::Free:
        return {HeapStatus::NotAllocated, offset, 0};
    case PageUse::RunInside:
        return {HeapStatus::NotBlockStart, offset, 0};
    case PageUse::RunStart:
        return {offset % page_bytes == 0 ? HeapStatus::Ok : HeapStatus::NotBlockStart, offset,
                tag.page_count() * page_bytes};
    case PageUse::Slab:
        break;
    }
    const SizeClass size_class = tag.size_class();
    const std::lock_guard guard(layout_.classes[size_class.value].lock);
    SmallBlock block{};
    return {locate(offset, size_class, block), offset, shape_of(size_class).block_bytes};
}

HeapStatus NodeHeap::resize_in_place(SegmentOffset offset, std::size_t bytes) {
    const HeapBlock block = find(offset);
    if (block.status != HeapStatus::Ok) { return block.status; }
    if (bytes >= big_bytes_min) { return HeapStatus::DoesNotFit; }
    const std::size_t wanted = std::max(bytes, block_granule_bytes);
    const bool half_empty = wanted * 2 <= block.bytes && bytes <= small_bytes_max;
    if (half_empty) { return HeapStatus::DoesNotFit; }
    const PageLabel tag = chunks_.tag(chunk_of(offset), page_in_chunk(offset));
    if (tag.use() == PageUse::Slab) { return wanted <= block.bytes ? HeapStatus::Ok : HeapStatus::DoesNotFit; }
    switch (chunks_.resize_run(chunk_of(offset), page_in_chunk(offset), static_cast<std::uint32_t>(pages_for(bytes)))) {
    case RunStatus::Ok:
        return HeapStatus::Ok;
    case RunStatus::NotARun:
        return HeapStatus::NotAllocated;
    case RunStatus::NoRoom:
        break;
    }
    return HeapStatus::DoesNotFit;
}

} // namespace dsm::memory
