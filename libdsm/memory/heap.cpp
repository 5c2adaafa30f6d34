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
    std::uint64_t taken; ///< blocks out of their slabs: live or held
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

HeapBlock NodeHeap::allocate(std::size_t bytes) { return allocate_aligned(block_granule_bytes, bytes); }

HeapBlock NodeHeap::allocate_aligned(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) { return {HeapStatus::BadAlignment, 0, 0}; }
    if (bytes >= big_bytes_min || alignment > heap_alignment_max) { return {HeapStatus::TooLarge, 0, 0}; }
    const std::optional<SizeClass> size_class = small_class_for(alignment, bytes);
    if (!size_class) {
        const auto alignment_pages = static_cast<std::uint32_t>(std::max(alignment >> page_shift, std::size_t{1}));
        return run_block(chunks_.allocate_run(static_cast<std::uint32_t>(pages_for(bytes)), alignment_pages));
    }
    SegmentOffset offset = 0;
    if (allocate_batch(*size_class, {&offset, 1}) == 0) { return {HeapStatus::NeedChunk, 0, 0}; }
    hand_out(offset);
    return {HeapStatus::Ok, offset, shape_of(*size_class).block_bytes};
}

std::size_t NodeHeap::allocate_batch(SizeClass size_class, std::span<SegmentOffset> out) {
    ClassState &state = layout_.classes[size_class.value];
    const std::lock_guard guard(state.lock);
    std::size_t taken = 0;
    while (taken < out.size() && ensure_slab(state, size_class)) { out[taken++] = take_block(state, size_class); }
    state.taken += taken;
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
    const HeapRetired block = retire(offset);
    if (block.status != HeapStatus::Ok) { return {block.status, false}; }
    if (!block.small) { return free_run(offset); }
    return {HeapStatus::Ok, give_back_batch(block.size_class, {&offset, 1})};
}

HeapFree NodeHeap::free_run(SegmentOffset offset) {
    const ChunkId chunk = chunk_of(offset);
    bool spare_idle = false;
    // Another free of the same run may have been faster.
    const RunStatus status = chunks_.free_run(chunk, page_in_chunk(offset), spare_idle);
    if (status != RunStatus::Ok) { return {HeapStatus::NotAllocated, false}; }
    if (spare_idle) { collect_idle_slabs(chunk); }
    return {HeapStatus::Ok, chunks_.release_pending()};
}

bool NodeHeap::give_back_batch(SizeClass size_class, std::span<const SegmentOffset> blocks) {
    ClassState &state = layout_.classes[size_class.value];
    std::size_t at = 0;
    while (at < blocks.size()) {
        bool spare_idle = false;
        {
            const std::lock_guard guard(state.lock);
            for (; at < blocks.size() && !spare_idle; ++at) {
                SmallBlock block{};
                DSM_CHECK(locate(blocks[at], size_class, block) == HeapStatus::Ok, "H2 a held block stays in its slab",
                          blocks[at]);
                spare_idle = put_block(state, block, size_class);
                --state.taken;
            }
        }
        if (spare_idle) { collect_idle_slabs(chunk_of(blocks[at - 1])); }
    }
    return chunks_.release_pending();
}

/// Finds the block at an offset, live or held; the caller holds the lock of the class that the page's tag named. The
/// tag is read again: slabs of this class come and go only under the lock.
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
    const bool taken = (chunks_.block_bits(found.slab)[index / 64] & bit_of(index)) != 0;
    return taken ? HeapStatus::Ok : HeapStatus::NotAllocated;
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
    if (!owns(offset)) { return {HeapStatus::NotOurChunk, offset, 0}; }
    const std::uint64_t bit = offset % block_granule_bytes == 0 ? HeapChunks::live_bit(offset) : 0;
    if ((chunks_.live_word(offset).load(std::memory_order_acquire) & bit) != 0) {
        return {HeapStatus::Ok, offset, shape_of(label_of(offset).size_class()).block_bytes};
    }
    return look_at(offset);
}

/// What is at an offset of an owned chunk where no live small block begins.
HeapBlock NodeHeap::look_at(SegmentOffset offset) {
    const PageLabel label = label_of(offset);
    switch (label.use()) {
    case PageUse::Free:
        return {HeapStatus::NotAllocated, offset, 0};
    case PageUse::RunInside:
        return {HeapStatus::NotBlockStart, offset, 0};
    case PageUse::RunStart:
        return {offset % page_bytes == 0 ? HeapStatus::Ok : HeapStatus::NotBlockStart, offset,
                label.page_count() * page_bytes};
    case PageUse::Slab:
        break;
    }
    const std::lock_guard guard(layout_.classes[label.size_class().value].lock);
    SmallBlock block{};
    const HeapStatus status = locate(offset, label.size_class(), block);
    return {status == HeapStatus::Ok ? HeapStatus::NotAllocated : status, offset, 0};
}

HeapStatus NodeHeap::resize_in_place(SegmentOffset offset, std::size_t bytes) {
    const HeapBlock block = find(offset);
    if (block.status != HeapStatus::Ok) { return block.status; }
    if (bytes >= big_bytes_min) { return HeapStatus::DoesNotFit; }
    const std::size_t wanted = std::max(bytes, block_granule_bytes);
    const bool half_empty = wanted * 2 <= block.bytes && bytes <= small_bytes_max;
    if (half_empty) { return HeapStatus::DoesNotFit; }
    if (label_of(offset).use() == PageUse::Slab) {
        return wanted <= block.bytes ? HeapStatus::Ok : HeapStatus::DoesNotFit;
    }
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

// ---- count ----

HeapUsage NodeHeap::usage() {
    HeapUsage usage{};
    std::uint64_t taken_bytes = 0;
    for (std::uint8_t index = 0; index < size_class_count; ++index) {
        ClassState &state = layout_.classes[index];
        const std::lock_guard guard(state.lock);
        taken_bytes += state.taken * class_bytes(index);
    }
    std::uint32_t left = chunks_.owned();
    usage.chunks = left;
    std::uint64_t small_bytes = 0;
    for (std::uint32_t chunk = 0; left > 0 && chunk < chunks_.chunk_count(); ++chunk) {
        if (!chunks_.owns({chunk})) { continue; }
        small_bytes += count_chunk({chunk}, usage);
        --left;
    }
    usage.live_bytes += small_bytes;
    usage.held_bytes = taken_bytes - std::min(taken_bytes, small_bytes);
    return usage;
}

/// Adds the chunk's live blocks and its runs' bytes; returns the bytes of its small blocks.
std::uint64_t NodeHeap::count_chunk(ChunkId chunk, HeapUsage &usage) const {
    constexpr std::size_t words_per_page = page_bytes / block_granule_bytes / 64;
    std::uint64_t small_bytes = 0;
    for (std::size_t page = 0; page < pages_per_chunk; ++page) {
        const PageLabel label = chunks_.tag(chunk, page);
        if (label.use() == PageUse::RunStart) {
            ++usage.live_blocks;
            usage.live_bytes += label.page_count() * page_bytes;
        }
        if (label.use() != PageUse::Slab) { continue; }
        std::uint64_t blocks = 0;
        for (std::size_t word = page * words_per_page; word < (page + 1) * words_per_page; ++word) {
            blocks += static_cast<std::uint64_t>(
                std::popcount(chunks_.meta(chunk).live_bits[word].load(std::memory_order_relaxed)));
        }
        usage.live_blocks += blocks;
        small_bytes += blocks * shape_of(label.size_class()).block_bytes;
    }
    return small_bytes;
}

} // namespace dsm::memory
