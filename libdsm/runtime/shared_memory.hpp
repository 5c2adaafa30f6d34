// The allocator's front: dsm_malloc and its kin, dsm_alloc, dsm_free, dsm_home. Small blocks come from the node's heap,
// big ones are spans of their own. Nothing here touches the blocks themselves, but for zeroing and copying as the
// caller asked.
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/remote_frees.hpp"
#include "libdsm/runtime/spans.hpp"
#include "libdsm/runtime/thread_cache.hpp"

#include <cstddef>
#include <vector>

namespace dsm::rt {

/// A pointer, or the errno code why there is none.
struct BlockResult {
    void *block;
    int error;
};

/// What dsm_alloc() was asked for, checked against the other ranks' wishes.
struct CollectiveRequest {
    std::uint64_t bytes;
    std::uint32_t homes;
    std::uint32_t home_rank;
    std::uint64_t block_bytes;
    std::int32_t error;   ///< what this rank has to say against it: the errno code of all ranks then
    std::uint32_t memory; ///< memory::MemoryKind
    friend bool operator==(const CollectiveRequest &, const CollectiveRequest &) = default;
};

/// What the allocator holds and has done. Node: what the ranks of this node share; rank: this one's own doing.
struct MallocStatistics {
    memory::HeapUsage heap;        ///< node
    memory::HeapTraffic chunks;    ///< node, since dsm_init()
    std::uint64_t allocations;     ///< rank
    std::uint64_t frees;           ///< rank
    std::uint64_t remote_frees;    ///< rank: of these, blocks of another node's heap
    std::uint64_t spans_allocated; ///< rank: of the allocations, those with a span of their own
    std::uint64_t spans_freed;     ///< rank
};

class SharedMemory final : public CallHandler {
public:
    SharedMemory(Node &node, Engine &engine, Calls &calls, Spans &spans, SyncDrops &drops, memory::MemoryKind kind);
    /// With several nodes, once, before the first message.
    void set_coherence(Coherence *coherence);
    /// Before the barrier that all ranks end with: what this rank has freed is judged, what its threads hold goes back.
    void finish();

    BlockResult allocate(std::size_t bytes);
    BlockResult allocate_zeroed(std::size_t count, std::size_t bytes);
    BlockResult allocate_aligned(std::size_t alignment, std::size_t bytes);
    BlockResult reallocate(void *block, std::size_t bytes);
    /// Ends the job with a report when the pointer is not the start of a live block: at once, unless the block is of
    /// another node's heap; then within a millisecond or so, in any case before the end of dsm_finalize().
    void free(void *block);
    /// Bytes that the live block at an address has room for; 0 when none begins there. May wait for a message.
    std::size_t usable_size(void *block);
    MallocStatistics statistics();
    /// Collective.
    BlockResult allocate_collectively(const CollectiveRequest &request);
    /// The rank that receives the messages about the page at an address; -1 outside every allocation.
    int home(const void *address);
    /// Whether bytes [address, address + size) lie in one live allocation.
    bool contains(const void *address, std::size_t size);

    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    struct BlockQuery {
        memory::SegmentOffset offset;
    };
    struct BlockAnswer {
        int error;
        std::uint32_t reserved;
        std::uint64_t bytes;
    };
    BlockResult find_block(std::size_t alignment, std::size_t bytes);
    BlockResult allocate_small(memory::SizeClass size_class);
    SpanAnswer allocate_span(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks);
    BlockResult allocate_big(std::size_t alignment, std::size_t bytes);
    bool grow_heap();
    void collect_free_memory();
    void return_chunks();
    void free_elsewhere(void *block, memory::SegmentOffset offset);
    BlockAnswer size_of(void *block);
    bool resize_in_place(memory::SegmentOffset offset, std::size_t old_bytes, std::size_t bytes);
    /// What a node tells the one above it in the tree of spans.hpp when all ranks below and at it have come.
    struct Gathered {
        CollectiveRequest request;
        bool equal; ///< all of them asked for the same
    };
    void collect(const Gathered &gathered);
    void allocate_gathered();
    void grant(const SpanAnswer &answer);
    std::uint32_t gathered_below() const;

    const memory::MemoryKind kind_; ///< of what asks for none, and of everything if it is Release
    Node &node_;
    Engine &engine_;
    Calls &calls_;
    Spans &spans_;
    SyncDrops &drops_;
    Coherence *coherence_ = nullptr;
    ThreadCaches caches_;
    RemoteFrees remote_frees_;
    /// What the caches do not count: runs of pages and spans.
    Statistics::Count allocations_{0}, frees_{0}, spans_allocated_{0}, spans_freed_{0};

    /// dsm_alloc() under way, on the first rank of each node, driver only.
    struct Gathering {
        std::vector<CallToken> callers; ///< ranks of this node
        std::uint32_t come = 0;         ///< these, and nodes below
        CollectiveRequest request{};
        bool equal = true;
    } gathering_;
};

} // namespace dsm::rt
