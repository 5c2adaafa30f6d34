// The directory of spans: who has which addresses of the segment. It lives at node 0 in node-shared memory, outside the
// coherent pages; all ranks of that node work on it, each through its own mapping.
//
// Life of a span: allocate -> Live -> begin_free (Freeing, no new holders; the runtime tells each holder to drop
// copies, frames and its cached record) -> forget_holder per answer -> finish_free, when nobody holds it: the addresses
// are free.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/span_free_space.hpp"
#include "libdsm/memory/span_holders.hpp"
#include "libdsm/memory/span_record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace dsm::memory {

/// What the one who allocates chooses; the directory adds place, generation and state.
struct SpanAttributes {
    std::uint64_t bytes; ///< exact size; the span gets as many chunks as that needs
    SpanKind kind;
    NodeId owner;
    HomePolicy homes;
    NodeId home;
    std::uint8_t block_shift;
    MemoryKind memory;
    std::uint8_t read_only = 0; ///< Bound
    std::uint16_t keeper = 0;   ///< Bound
};

enum class SpanStatus : std::uint8_t {
    Ok,
    NoSpan, ///< no span begins there, or it has another generation: freed already or never given out
    AlreadyFreeing,
    NotFreeing,  ///< finish_free or forget_holder without begin_free
    HoldersLeft, ///< finish_free before every holder has answered
    NoRoom,      ///< resize: the chunks behind are in use
};

/// What a change of size left.
struct SpanResize {
    SpanRecord now;
    SpanRecord
        tail; ///< what was cut off: a span in state Freeing to drop and finish_free(); chunk_count 0 when nothing was
};

class SpanDirectory {
public:
    /// Every rank of the node makes its own over its own mapping, with equal counts; `region` is aligned to pages.
    SpanDirectory(std::byte *region, std::uint32_t chunk_count, std::uint32_t node_count);
    /// Address space needed; only what is used gets touched.
    static std::size_t region_bytes(std::uint32_t chunk_count, std::uint32_t node_count);
    /// Once, by one rank on zeroed memory, before anybody else uses it.
    void format();

    /// First fit. `alignment_chunks` is a power of two. The owner is the first holder. Nothing when there is no room or
    /// the attributes make no span (0 bytes, more than the segment, block_shift out of 12 to 21).
    std::optional<SpanRecord> allocate(const SpanAttributes &attributes, std::uint32_t alignment_chunks = 1);
    /// The span that a chunk belongs to, Live or Freeing.
    std::optional<SpanRecord> lookup(ChunkId chunk) const;
    /// The live span of a chunk for a node that will cache the record: the node becomes a holder in the same step.
    std::optional<SpanRecord> share(ChunkId chunk, NodeId node);

    /// Ends the life of the span that begins at `first`; `holders` becomes the nodes that must be told.
    SpanStatus begin_free(ChunkId first, std::uint32_t generation, NodeSet &holders);
    /// A holder has dropped everything. Sets `holders_left` on Ok. Idempotent for a node.
    SpanStatus forget_holder(ChunkId first, std::uint32_t generation, NodeId node, std::uint32_t &holders_left);
    /// Changes the size of a big block where it stands. What is cut off keeps the generation and has no holders: who
    /// has the span learns of the cut, drops the tail, and the tail ends by finish_free().
    SpanStatus resize(ChunkId first, std::uint32_t generation, std::uint64_t bytes, SpanResize &resized);
    /// Frees the addresses.
    SpanStatus finish_free(ChunkId first, std::uint32_t generation);

    std::uint32_t free_chunks() const;
    std::uint32_t longest_free_run() const;

private:
    struct Header;
    struct Slot;
    Slot *slot_of(ChunkId chunk) const;
    Slot *slot_at(ChunkId first, std::uint32_t generation) const;
    std::optional<ChunkId> find_place(std::uint32_t count, std::uint32_t alignment_chunks) const;
    bool extend(Slot &slot, std::uint32_t count);
    void cut(Slot &slot, std::uint32_t count, SpanRecord &tail);

    std::uint32_t chunk_count_;
    Header &header_;
    std::uint32_t *first_of_; ///< per chunk: first chunk of its span + 1, or 0
    Slot *slots_;             ///< per chunk: the span that begins there
    SpanFreeSpace free_space_;
    HolderPool holders_;
};

} // namespace dsm::memory
