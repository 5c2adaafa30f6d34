// The node's table of spans: a sequence lock per record, and a word per chunk that is published last and cleared first.
#include "libdsm/memory/span_cache.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/futex.hpp"

#include <array>
#include <bit>
#include <mutex>

namespace dsm::memory {
namespace {
constexpr std::size_t record_words = sizeof(SpanRecord) / sizeof(std::uint64_t);
using RecordWords = std::array<std::uint64_t, record_words>;

constexpr std::size_t whole_pages(std::size_t bytes) { return (bytes + page_bytes - 1) & ~(page_bytes - 1); }
constexpr std::size_t slots_at(std::uint32_t chunk_count) {
    return page_bytes + whole_pages(chunk_count * sizeof(std::uint32_t));
}
/// Generations count up and may wrap: younger means ahead by less than half the range.
constexpr bool younger(std::uint32_t generation, std::uint32_t than) {
    return static_cast<std::int32_t>(generation - than) > 0;
}
} // namespace

struct SpanCache::Header {
    FutexMutex lock;
};

/// The record changes only while no chunk's word points at it, so whoever meets a change finds the word cleared when it
/// looks again: a reader never waits for a writer, also not for one that it interrupted.
struct SpanCache::Slot {
    std::atomic<std::uint32_t> sequence; ///< odd while the words change
    std::atomic<std::uint32_t> removed;  ///< the youngest generation removed here, 0 for none; guarded by the lock
    std::uint32_t cut_generation;        ///< the generation that was cut last, 0 for none; guarded by the lock
    std::uint32_t cut_version;           ///< and the version that it got by that
    std::array<std::atomic<std::uint64_t>, record_words> words;

    void write(const SpanRecord &record) {
        const std::uint32_t before = sequence.load(std::memory_order_relaxed);
        // Release: who sees the odd number sees the cleared chunk words as well. The same order on each word: who sees
        // a new word sees the odd number when it looks at the sequence again.
        sequence.store(before + 1, std::memory_order_release);
        const auto raw = std::bit_cast<RecordWords>(record);
        for (std::size_t i = 0; i < record_words; ++i) { words[i].store(raw[i], std::memory_order_release); }
        sequence.store(before + 2, std::memory_order_release);
    }

    bool read(SpanRecord &record) const {
        const std::uint32_t before = sequence.load(std::memory_order_acquire);
        RecordWords raw{};
        for (std::size_t i = 0; i < record_words; ++i) { raw[i] = words[i].load(std::memory_order_acquire); }
        if ((before & 1U) != 0 || sequence.load(std::memory_order_relaxed) != before) { return false; }
        record = std::bit_cast<SpanRecord>(raw);
        return true;
    }
};

SpanCache::SpanCache(std::byte *region, std::uint32_t chunk_count)
    : chunk_count_(chunk_count), header_(*reinterpret_cast<Header *>(region)),
      first_of_(reinterpret_cast<std::atomic<std::uint32_t> *>(region + page_bytes)),
      slots_(reinterpret_cast<Slot *>(region + slots_at(chunk_count))) {
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    DSM_CHECK(chunk_count > 0 && chunk_count <= segment_chunks_max, "the segment's size is in range", chunk_count);
}

std::size_t SpanCache::region_bytes(std::uint32_t chunk_count) {
    return slots_at(chunk_count) + whole_pages(chunk_count * sizeof(Slot));
}

std::optional<SpanRecord> SpanCache::lookup(ChunkId chunk) const {
    if (chunk.value >= chunk_count_) { return std::nullopt; }
    for (;;) {
        const std::uint32_t first = first_of_[chunk.value].load(std::memory_order_acquire);
        if (first == 0) { return std::nullopt; }
        SpanRecord record;
        if (slots_[first - 1].read(record) && covers(record, chunk)) { return record; }
    }
}

bool SpanCache::contains(SegmentOffset offset) const {
    if (offset >= SegmentOffset{chunk_count_} * chunk_bytes) { return false; }
    const std::optional<SpanRecord> record = lookup(chunk_of(offset));
    return record && memory::contains(*record, offset);
}

/// Lets chunks' words name a span's first chunk, or none (0).
void SpanCache::point(std::uint32_t begin, std::uint32_t end, std::uint32_t first_plus_one) {
    for (std::uint32_t chunk = begin; chunk < end; ++chunk) {
        first_of_[chunk].store(first_plus_one, std::memory_order_release);
    }
}

/// The caller holds the lock. Meanwhile readers find nothing, as before the span was known.
void SpanCache::replace(const SpanRecord &known, const SpanRecord &record) {
    point(known.first.value, known.first.value + known.chunk_count, 0);
    slots_[record.first.value].write(record);
    point(record.first.value, record.first.value + record.chunk_count, record.first.value + 1);
}

CacheStatus SpanCache::insert(const SpanRecord &record) {
    const std::uint64_t end = std::uint64_t{record.first.value} + record.chunk_count;
    DSM_CHECK(record.state == SpanState::Live && record.chunk_count > 0 && end <= chunk_count_,
              "only live spans inside the segment are cached", record.first.value);
    const std::lock_guard guard(header_.lock);
    Slot &slot = slots_[record.first.value];
    const std::uint32_t removed = slot.removed.load(std::memory_order_relaxed);
    if (removed != 0 && !younger(record.generation, removed)) { return CacheStatus::Stale; }
    if (slot.cut_generation == record.generation && record.version < slot.cut_version) { return CacheStatus::Stale; }
    for (std::uint32_t chunk = record.first.value; chunk < end; ++chunk) {
        const std::uint32_t first = first_of_[chunk].load(std::memory_order_relaxed);
        SpanRecord known;
        if (first == 0 || !slots_[first - 1].read(known)) { continue; }
        if (known.generation != record.generation) {
            return younger(known.generation, record.generation) ? CacheStatus::Stale : CacheStatus::Overlap;
        }
        if (known.version == record.version) { return CacheStatus::AlreadyThere; }
        if (known.version > record.version) { return CacheStatus::Stale; }
        replace(known, record);
        return CacheStatus::Ok;
    }
    slot.write(record);
    point(record.first.value, record.first.value + record.chunk_count, record.first.value + 1);
    return CacheStatus::Ok;
}

void SpanCache::cut(const SpanRecord &record) {
    DSM_CHECK(record.first.value < chunk_count_, "a span lies inside the segment", record.first.value);
    const std::lock_guard guard(header_.lock);
    Slot &slot = slots_[record.first.value];
    const bool later = slot.cut_generation == record.generation ? record.version > slot.cut_version
                                                                : younger(record.generation, slot.cut_generation);
    if (later || slot.cut_generation == 0) {
        slot.cut_generation = record.generation;
        slot.cut_version = record.version;
    }
    SpanRecord known;
    const bool begins_here = first_of_[record.first.value].load(std::memory_order_relaxed) == record.first.value + 1;
    if (!begins_here || !slot.read(known)) { return; }
    if (known.generation == record.generation && known.version < record.version) { replace(known, record); }
}

bool SpanCache::remove(ChunkId first, std::uint32_t generation) {
    DSM_CHECK(first.value < chunk_count_, "a span lies inside the segment", first.value);
    const std::lock_guard guard(header_.lock);
    Slot &slot = slots_[first.value];
    const std::uint32_t removed = slot.removed.load(std::memory_order_relaxed);
    if (removed == 0 || younger(generation, removed)) { slot.removed.store(generation, std::memory_order_relaxed); }
    SpanRecord known;
    const bool begins_here = first_of_[first.value].load(std::memory_order_relaxed) == first.value + 1;
    if (!begins_here || !slot.read(known) || known.generation != generation) { return false; }
    point(first.value, first.value + known.chunk_count, 0);
    return true;
}

} // namespace dsm::memory
