// The allocator's front: dsm_malloc and its kin, dsm_alloc, dsm_free, dsm_home. Small blocks come from the node's heap,
// big ones are spans of their own. Nothing here touches the blocks themselves, but for zeroing and copying as the
// caller asked.
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/spans.hpp"

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
    std::int32_t error; ///< what this rank has to say against it: the errno code of all ranks then
    std::uint32_t reserved;
    friend bool operator==(const CollectiveRequest &, const CollectiveRequest &) = default;
};

class SharedMemory final : public CallHandler {
public:
    SharedMemory(Node &node, Engine &engine, Calls &calls, Spans &spans);
    void set_coherence(Coherence *coherence) { coherence_ = coherence; }

    BlockResult allocate(std::size_t bytes);
    BlockResult allocate_zeroed(std::size_t count, std::size_t bytes);
    BlockResult allocate_aligned(std::size_t alignment, std::size_t bytes);
    BlockResult reallocate(void *block, std::size_t bytes);
    /// Ends the job with a report when the pointer is not the start of a live block.
    void free(void *block);
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
    BlockResult allocate_big(std::size_t alignment, std::size_t bytes);
    bool grow_heap();
    void return_chunks();
    BlockAnswer free_here(memory::SegmentOffset offset);
    BlockAnswer size_of(void *block);
    void collect(CallToken token, const CollectiveRequest &request);

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    Spans &spans_;
    Coherence *coherence_ = nullptr;

    /// dsm_alloc() under way, on rank 0, driver only.
    struct Gathering {
        std::vector<CallToken> callers;
        CollectiveRequest request{};
        bool equal = true;
    } gathering_;
};

} // namespace dsm::rt
