// Allocation and release of shared memory.
#include "libdsm/runtime/shared_memory.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace dsm::rt {
namespace {

using memory::HeapStatus;
using memory::SpanKind;

struct FirstToucherQuery {
    PageId block;
    std::uint32_t generation;
};

[[noreturn]] void bad_free(const void *block, const char *what) {
    end_job(exit_program_error, "dsm_free(%p): %s", block, what);
}

const char *text_of(int error) {
    return error == EALREADY ? "the block is not allocated (freed twice?)"
                             : "not a pointer that dsm_malloc or dsm_alloc gave";
}

int error_of(HeapStatus status) {
    if (status == HeapStatus::Ok) { return 0; }
    return status == HeapStatus::NotAllocated ? EALREADY : EINVAL;
}

} // namespace

SharedMemory::SharedMemory(Node &node, Engine &engine, Calls &calls, Spans &spans)
    : node_(node), engine_(engine), calls_(calls), spans_(spans) {
    for (CallKind kind :
         {CallKind::FreeBlock, CallKind::BlockSize, CallKind::CollectiveAllocate, CallKind::FirstToucher}) {
        calls_.handle(kind, *this);
    }
}

BlockResult SharedMemory::allocate(std::size_t bytes) { return allocate_aligned(16, bytes); }

BlockResult SharedMemory::allocate_aligned(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) { return {nullptr, EINVAL}; }
    while (true) {
        const memory::HeapBlock block = node_.heap->allocate_aligned(std::max<std::size_t>(alignment, 16), bytes);
        if (block.status == HeapStatus::Ok) { return {node_.address_of(block.offset), 0}; }
        if (block.status == HeapStatus::TooLarge) { return allocate_big(alignment, bytes); }
        if (block.status != HeapStatus::NeedChunk) { return {nullptr, EINVAL}; }
        if (!grow_heap()) { return {nullptr, ENOMEM}; }
    }
}

BlockResult SharedMemory::allocate_big(std::size_t alignment, std::size_t bytes) {
    if (bytes > node_.segment.bytes() || alignment > node_.segment.bytes()) { return {nullptr, ENOMEM}; }
    const memory::SpanAttributes attributes{
        std::max<std::size_t>(bytes, 1), SpanKind::BigBlock, node_.topology->self_node(),   memory::HomePolicy::Cyclic,
        node_.topology->self_node(),     page_shift,         memory::MemoryKind::Sequential};
    const auto alignment_chunks =
        static_cast<std::uint32_t>(std::max<std::size_t>(alignment >> memory::chunk_shift, 1));
    const SpanAnswer answer = spans_.allocate(attributes, alignment_chunks);
    if (answer.error != 0) { return {nullptr, answer.error}; }
    return {node_.address_of(memory::offset_of(answer.record.first)), 0};
}

/// Gets the heap one more chunk. The pages of a heap chunk have their home at this node, where they are used most.
/// The lock of growth is never held over the wait: at worst two threads fetch a chunk each, and one is kept in reserve.
bool SharedMemory::grow_heap() {
    const memory::SpanAttributes attributes{
        memory::chunk_bytes,         SpanKind::HeapChunk, node_.topology->self_node(),   memory::HomePolicy::One,
        node_.topology->self_node(), page_shift,          memory::MemoryKind::Sequential};
    SpanAnswer answer = spans_.allocate(attributes, 1);
    if (answer.error != 0 && node_.heap->trim()) {
        return_chunks();
        answer = spans_.allocate(attributes, 1);
    }
    if (answer.error != 0) { return false; }
    node_.heap->add_chunk(answer.record.first);
    return true;
}

void SharedMemory::return_chunks() {
    while (const auto chunk = node_.heap->take_released_chunk()) {
        const auto record = spans_.find(memory::offset_of(*chunk));
        DSM_CHECK(record.has_value(), "A3 a heap chunk is a live span", chunk->value);
        const int error = spans_.free(*record);
        DSM_CHECK(error == 0, "A3 a heap chunk is a live span", chunk->value);
    }
}

BlockResult SharedMemory::allocate_zeroed(std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) { return {nullptr, ENOMEM}; }
    const BlockResult result = allocate(total);
    // A span of its own begins as zeros.
    if (result.block != nullptr && total < memory::big_bytes_min) { std::memset(result.block, 0, total); }
    return result;
}

SharedMemory::BlockAnswer SharedMemory::size_of(void *block) {
    const memory::SegmentOffset offset = node_.offset_of(block);
    const auto record = spans_.find(offset);
    if (!record) { return {EINVAL, 0, 0}; }
    if (record->kind != SpanKind::HeapChunk) {
        return {memory::offset_of(record->first) == offset ? 0 : EINVAL, 0, record->bytes};
    }
    if (record->owner != node_.topology->self_node()) {
        return calls_.call<BlockAnswer>(node_.topology->first_rank_of(record->owner), CallKind::BlockSize,
                                        BlockQuery{offset});
    }
    const memory::HeapBlock found = node_.heap->find(offset);
    return {error_of(found.status), 0, found.bytes};
}

BlockResult SharedMemory::reallocate(void *block, std::size_t bytes) {
    if (block == nullptr) { return allocate(bytes); }
    const BlockAnswer old = size_of(block);
    if (old.error != 0) { end_job(exit_program_error, "dsm_realloc(%p): %s", block, text_of(old.error)); }
    const memory::SegmentOffset offset = node_.offset_of(block);
    if (old.bytes < memory::big_bytes_min && node_.heap->resize_in_place(offset, bytes) == HeapStatus::Ok) {
        return {block, 0};
    }
    const BlockResult fresh = allocate(bytes);
    if (fresh.block == nullptr) { return fresh; }
    std::memcpy(fresh.block, block, std::min<std::size_t>(bytes, old.bytes));
    free(block);
    return fresh;
}

void SharedMemory::free(void *block) {
    if (block == nullptr) { return; }
    if (!node_.segment.contains(block)) { bad_free(block, text_of(EINVAL)); }
    const memory::SegmentOffset offset = node_.offset_of(block);
    const auto record = spans_.find(offset);
    if (!record) { bad_free(block, "not in shared memory that is allocated (freed twice?)"); }
    if (record->kind == SpanKind::HeapChunk) {
        const bool here = record->owner == node_.topology->self_node();
        const BlockAnswer answer = here ? free_here(offset)
                                        : calls_.call<BlockAnswer>(node_.topology->first_rank_of(record->owner),
                                                                   CallKind::FreeBlock, BlockQuery{offset});
        if (answer.error != 0) { bad_free(block, text_of(answer.error)); }
        if (here) { return_chunks(); }
        return;
    }
    if (memory::offset_of(record->first) != offset) { bad_free(block, text_of(EINVAL)); }
    if (spans_.free(*record) != 0) { bad_free(block, text_of(EALREADY)); }
}

SharedMemory::BlockAnswer SharedMemory::free_here(memory::SegmentOffset offset) {
    return {error_of(node_.heap->free_block(offset).status), 0, 0};
}

BlockResult SharedMemory::allocate_collectively(const CollectiveRequest &request) {
    const auto answer = calls_.call<SpanAnswer>(directory_rank, CallKind::CollectiveAllocate, request);
    if (answer.error != 0) { return {nullptr, answer.error}; }
    node_.spans->insert(answer.record);
    return {node_.address_of(memory::offset_of(answer.record.first)), 0};
}

void SharedMemory::collect(CallToken token, const CollectiveRequest &request) {
    Gathering &all = gathering_;
    if (all.callers.empty()) { all.request = request; }
    all.equal = all.equal && all.request == request;
    all.callers.push_back(token);
    if (static_cast<int>(all.callers.size()) < node_.topology->rank_count()) { return; }
    const int error = all.equal ? all.request.error : EINVAL;
    if (error == 0) {
        const memory::SpanAttributes attributes{
            request.bytes,
            SpanKind::Collective,
            NodeId{0},
            static_cast<memory::HomePolicy>(request.homes),
            request.homes == static_cast<std::uint32_t>(memory::HomePolicy::One)
                ? node_.topology->node_of(Rank{static_cast<std::int32_t>(request.home_rank)})
                : NodeId{0},
            static_cast<std::uint8_t>(std::countr_zero(request.block_bytes)),
            memory::MemoryKind::Sequential};
        spans_.allocate_for(all.callers, attributes, 1);
    } else {
        for (const CallToken caller : all.callers) { calls_.answer(caller, SpanAnswer{error, {}}); }
    }
    all = Gathering{};
}

int SharedMemory::home(const void *address) {
    if (!node_.segment.contains(address)) { return -1; }
    const memory::SegmentOffset offset = node_.offset_of(address);
    const auto record = spans_.find(offset);
    if (!record || !memory::contains(*record, offset)) { return -1; }
    const PageId block = memory::block_of(*record, memory::page_of(offset)).first;
    NodeId home = memory::home_of(*record, block, node_.topology->node_count());
    if (record->homes == memory::HomePolicy::FirstTouch && !node_.solo()) {
        const auto first = calls_.call<NodeId>(node_.topology->agent(home, block.value), CallKind::FirstToucher,
                                               FirstToucherQuery{block, record->generation});
        if (first != no_node) { home = first; }
    }
    return node_.topology->agent(home, block.value).value;
}

bool SharedMemory::contains(const void *address, std::size_t size) {
    if (!node_.segment.contains(address)) { return false; }
    const memory::SegmentOffset offset = node_.offset_of(address);
    const auto record = spans_.find(offset);
    return record && memory::contains(*record, offset) && memory::contains(*record, offset + size - 1);
}

void SharedMemory::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::FreeBlock) {
        calls_.answer(token, free_here(arguments_as<BlockQuery>(arguments).offset));
    } else if (kind == CallKind::BlockSize) {
        const memory::HeapBlock found = node_.heap->find(arguments_as<BlockQuery>(arguments).offset);
        calls_.answer(token, BlockAnswer{error_of(found.status), 0, found.bytes});
    } else if (kind == CallKind::CollectiveAllocate) {
        collect(token, arguments_as<CollectiveRequest>(arguments));
    } else if (kind == CallKind::FirstToucher) {
        const auto query = arguments_as<FirstToucherQuery>(arguments);
        calls_.answer(token, coherence_->first_toucher(query.block, query.generation));
    }
}

} // namespace dsm::rt
