// What a node knows of the spans: chunk -> SpanRecord, in node-shared memory. Reads take no lock and never wait, so a
// fault handler may do them wherever it interrupted a thread; insertion and removal take a lock.
//
// Messages are not ordered, so the answer to a lookup may arrive after the order to drop the span. Each slot remembers
// the youngest generation that was removed there, and nothing that is not younger is inserted again; and for a span
// that became shorter, the version from which on that is so.
#pragma once

#include "libdsm/memory/span_record.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace dsm::memory {

enum class CacheStatus : std::uint8_t {
    Ok,
    AlreadyThere, ///< the same generation is known
    Stale,        ///< was removed already, or a younger span stands there: ask the directory again if still needed
    Overlap,      ///< an older span still stands there: the directory's rule was broken
};

class SpanCache {
public:
    /// Works on zeroed memory, aligned to pages. Every rank makes its own over its own mapping.
    SpanCache(std::byte *region, std::uint32_t chunk_count);
    static std::size_t region_bytes(std::uint32_t chunk_count);

    /// The live span of a chunk or page, or nothing: unknown here. Lock-free, async-signal-safe.
    std::optional<SpanRecord> lookup(ChunkId chunk) const;
    std::optional<SpanRecord> lookup(PageId page) const { return lookup(chunk_of(page)); }
    /// Whether the offset lies in the live bytes of a known span. Lock-free, async-signal-safe.
    bool contains(SegmentOffset offset) const;

    /// A later version of a known span takes its place. Takes a lock; not for a thread that was interrupted in insert,
    /// cut or remove.
    CacheStatus insert(const SpanRecord &record);
    /// The span has become shorter: the record takes the place of what is known, if anything, and earlier versions are
    /// refused from now on.
    void cut(const SpanRecord &record);
    /// Forgets the span and refuses its generation from now on, also when it was not known. True if it was known.
    bool remove(ChunkId first, std::uint32_t generation);

private:
    struct Header;
    struct Slot;
    void replace(const SpanRecord &known, const SpanRecord &record);
    void point(std::uint32_t begin, std::uint32_t end, std::uint32_t first_plus_one);
    std::uint32_t chunk_count_;
    Header &header_;
    std::atomic<std::uint32_t> *first_of_; ///< per chunk: first chunk of its span + 1, or 0
    Slot *slots_;
};

} // namespace dsm::memory
