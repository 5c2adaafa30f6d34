// The directory of spans: tables in shared memory under one lock.
#include "libdsm/memory/span_directory.hpp"

#include "libdsm/base/check.hpp"

#include <bit>
#include <mutex>

namespace dsm::memory {

struct SpanDirectory::Header {
    FutexMutex lock;
    std::uint32_t last_generation;
    std::uint32_t free_chunks;
};

/// Invariant: state is None exactly while no span begins at the chunk; the holders are then empty.
struct SpanDirectory::Slot {
    SpanRecord record;
    HolderList holders;
};

namespace {
constexpr std::size_t whole_pages(std::size_t bytes) { return (bytes + page_bytes - 1) & ~(page_bytes - 1); }

struct Layout {
    std::size_t first_of, slots, free_space, holders, end;
    Layout(std::uint32_t chunk_count, std::uint32_t node_count, std::size_t slot_bytes)
        : first_of(page_bytes), slots(first_of + whole_pages(chunk_count * sizeof(std::uint32_t))),
          free_space(slots + whole_pages(chunk_count * slot_bytes)),
          holders(free_space + whole_pages(SpanFreeSpace::region_bytes(chunk_count))),
          end(holders + whole_pages(HolderPool::region_bytes(chunk_count, node_count))) {}
};
} // namespace

SpanDirectory::SpanDirectory(std::byte *region, std::uint32_t chunk_count, std::uint32_t node_count)
    : chunk_count_(chunk_count), header_(*reinterpret_cast<Header *>(region)),
      first_of_(reinterpret_cast<std::uint32_t *>(region + Layout(chunk_count, node_count, sizeof(Slot)).first_of)),
      slots_(reinterpret_cast<Slot *>(region + Layout(chunk_count, node_count, sizeof(Slot)).slots)),
      free_space_(region + Layout(chunk_count, node_count, sizeof(Slot)).free_space, chunk_count),
      holders_(region + Layout(chunk_count, node_count, sizeof(Slot)).holders, node_count) {
    static_assert(sizeof(Slot) <= 64);
    DSM_CHECK(chunk_count > 0 && chunk_count <= segment_chunks_max, "the segment's size is in range", chunk_count);
    DSM_CHECK(node_count > 0 && node_count <= nodes_max, "the number of nodes is in range", node_count);
}

std::size_t SpanDirectory::region_bytes(std::uint32_t chunk_count, std::uint32_t node_count) {
    return Layout(chunk_count, node_count, sizeof(Slot)).end;
}

void SpanDirectory::format() {
    header_.free_chunks = chunk_count_;
    free_space_.format();
}

std::optional<SpanRecord> SpanDirectory::allocate(const SpanAttributes &attributes, std::uint32_t alignment_chunks) {
    const bool sensible = attributes.bytes > 0 && attributes.bytes <= std::uint64_t{chunk_count_} * chunk_bytes &&
                          attributes.kind != SpanKind::None && std::has_single_bit(alignment_chunks) &&
                          alignment_chunks <= segment_chunks_max && attributes.block_shift >= page_shift &&
                          attributes.block_shift <= chunk_shift;
    if (!sensible) { return std::nullopt; }
    const auto count = static_cast<std::uint32_t>((attributes.bytes + chunk_bytes - 1) >> chunk_shift);

    const std::lock_guard guard(header_.lock);
    const std::optional<ChunkId> first = find_place(count, alignment_chunks);
    if (!first) { return std::nullopt; }
    free_space_.take(*first, count);
    header_.free_chunks -= count;
    if (++header_.last_generation == 0) { header_.last_generation = 1; }
    for (std::uint32_t i = 0; i < count; ++i) { first_of_[first->value + i] = first->value + 1; }
    Slot &slot = slots_[first->value];
    slot.record = {.bytes = attributes.bytes,
                   .first = *first,
                   .chunk_count = count,
                   .generation = header_.last_generation,
                   .owner = attributes.owner,
                   .home = attributes.home,
                   .kind = attributes.kind,
                   .state = SpanState::Live,
                   .homes = attributes.homes,
                   .memory = attributes.memory,
                   .block_shift = attributes.block_shift,
                   .read_only = attributes.read_only,
                   .keeper = attributes.keeper,
                   .version = 0,
                   .chunk_limit = 0};
    holders_.insert(slot.holders, attributes.owner);
    return slot.record;
}

/// Large arrays are often of a power of two, and used together: at such a distance from one another their pages compete
/// in the caches of the processor (a stencil on two fields 32 MiB apart took a tenth longer than 34 MiB apart). So
/// a free chunk is left in front of each, for small spans, where there is room for another one behind it.
std::optional<ChunkId> SpanDirectory::find_place(std::uint32_t count, std::uint32_t alignment_chunks) const {
    constexpr std::uint32_t large_chunks_min = 8;
    if (count >= large_chunks_min && alignment_chunks == 1) {
        if (const auto gap = free_space_.find(2 * (count + 1), 1)) { return ChunkId{gap->value + 1}; }
    }
    return free_space_.find(count, alignment_chunks);
}

/// The slot of the span that a chunk belongs to.
SpanDirectory::Slot *SpanDirectory::slot_of(ChunkId chunk) const {
    if (chunk.value >= chunk_count_ || first_of_[chunk.value] == 0) { return nullptr; }
    return &slots_[first_of_[chunk.value] - 1];
}

/// The slot of the span that begins at a chunk, if it is the one of that generation.
SpanDirectory::Slot *SpanDirectory::slot_at(ChunkId first, std::uint32_t generation) const {
    Slot *slot = slot_of(first);
    return slot && slot->record.first == first && slot->record.generation == generation ? slot : nullptr;
}

std::optional<SpanRecord> SpanDirectory::lookup(ChunkId chunk) const {
    const std::lock_guard guard(header_.lock);
    const Slot *slot = slot_of(chunk);
    return slot ? std::optional(slot->record) : std::nullopt;
}

std::optional<SpanRecord> SpanDirectory::share(ChunkId chunk, NodeId node) {
    const std::lock_guard guard(header_.lock);
    Slot *slot = slot_of(chunk);
    if (!slot || slot->record.state != SpanState::Live) { return std::nullopt; }
    holders_.insert(slot->holders, node);
    return slot->record;
}

SpanStatus SpanDirectory::begin_free(ChunkId first, std::uint32_t generation, NodeSet &holders) {
    const std::lock_guard guard(header_.lock);
    Slot *slot = slot_at(first, generation);
    if (!slot) { return SpanStatus::NoSpan; }
    if (slot->record.state != SpanState::Live) { return SpanStatus::AlreadyFreeing; }
    slot->record.state = SpanState::Freeing;
    holders_.copy_to(slot->holders, holders);
    return SpanStatus::Ok;
}

SpanStatus SpanDirectory::forget_holder(ChunkId first, std::uint32_t generation, NodeId node,
                                        std::uint32_t &holders_left) {
    const std::lock_guard guard(header_.lock);
    Slot *slot = slot_at(first, generation);
    if (!slot) { return SpanStatus::NoSpan; }
    if (slot->record.state != SpanState::Freeing) { return SpanStatus::NotFreeing; }
    holders_.erase(slot->holders, node);
    holders_left = slot->holders.count;
    return SpanStatus::Ok;
}

SpanStatus SpanDirectory::resize(ChunkId first, std::uint32_t generation, std::uint64_t bytes, SpanResize &resized) {
    if (bytes == 0 || bytes > std::uint64_t{chunk_count_} * chunk_bytes) { return SpanStatus::NoRoom; }
    const auto count = static_cast<std::uint32_t>((bytes + chunk_bytes - 1) >> chunk_shift);
    const std::lock_guard guard(header_.lock);
    Slot *slot = slot_at(first, generation);
    if (!slot || slot->record.kind != SpanKind::BigBlock) { return SpanStatus::NoSpan; }
    if (slot->record.state != SpanState::Live) { return SpanStatus::AlreadyFreeing; }
    resized.tail = {};
    if (count > slot->record.chunk_count && !extend(*slot, count)) { return SpanStatus::NoRoom; }
    if (count < slot->record.chunk_count) { cut(*slot, count, resized.tail); }
    slot->record.bytes = bytes;
    ++slot->record.version;
    resized.now = slot->record;
    return SpanStatus::Ok;
}

/// Takes the chunks behind a span, if all are free.
bool SpanDirectory::extend(Slot &slot, std::uint32_t count) {
    SpanRecord &record = slot.record;
    const std::uint32_t end = record.first.value + record.chunk_count;
    if (count > chunk_count_ - record.first.value) { return false; }
    if (record.chunk_limit != 0 && count > record.chunk_limit) { return false; }
    for (std::uint32_t chunk = end; chunk < record.first.value + count; ++chunk) {
        if (first_of_[chunk] != 0) { return false; }
    }
    const std::uint32_t more = count - record.chunk_count;
    free_space_.take({end}, more);
    header_.free_chunks -= more;
    for (std::uint32_t i = 0; i < more; ++i) { first_of_[end + i] = record.first.value + 1; }
    record.chunk_count = count;
    return true;
}

/// Makes a span of what is behind the first `count` chunks.
void SpanDirectory::cut(Slot &slot, std::uint32_t count, SpanRecord &tail) {
    tail = slot.record;
    tail.first = {slot.record.first.value + count};
    tail.chunk_count = slot.record.chunk_count - count;
    tail.bytes = std::uint64_t{tail.chunk_count} * chunk_bytes;
    tail.state = SpanState::Freeing;
    slots_[tail.first.value].record = tail;
    for (std::uint32_t i = 0; i < tail.chunk_count; ++i) { first_of_[tail.first.value + i] = tail.first.value + 1; }
    slot.record.chunk_count = count;
    slot.record.chunk_limit = count;
}

SpanStatus SpanDirectory::finish_free(ChunkId first, std::uint32_t generation) {
    const std::lock_guard guard(header_.lock);
    Slot *slot = slot_at(first, generation);
    if (!slot) { return SpanStatus::NoSpan; }
    if (slot->record.state != SpanState::Freeing) { return SpanStatus::NotFreeing; }
    if (slot->holders.count != 0) { return SpanStatus::HoldersLeft; }
    const std::uint32_t count = slot->record.chunk_count;
    holders_.clear(slot->holders);
    slot->record = {};
    for (std::uint32_t i = 0; i < count; ++i) { first_of_[first.value + i] = 0; }
    free_space_.give_back(first, count);
    header_.free_chunks += count;
    return SpanStatus::Ok;
}

std::uint32_t SpanDirectory::free_chunks() const {
    const std::lock_guard guard(header_.lock);
    return header_.free_chunks;
}

std::uint32_t SpanDirectory::longest_free_run() const {
    const std::lock_guard guard(header_.lock);
    return free_space_.longest_run();
}

} // namespace dsm::memory
