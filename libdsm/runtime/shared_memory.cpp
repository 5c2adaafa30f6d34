// Allocation and release of shared memory.
#include "libdsm/runtime/shared_memory.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/runtime/release_node.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

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

SharedMemory::SharedMemory(Node &node, Engine &engine, Calls &calls, Spans &spans, SyncDrops &drops,
                           memory::MemoryKind memory_kind)
    : kind_(memory_kind), node_(node), engine_(engine), calls_(calls), spans_(spans), drops_(drops),
      caches_(*node.heap, [this] { return_chunks(); }),
      remote_frees_(node, engine, drops, [this] { return_chunks(); }) {
    for (CallKind kind : {CallKind::BlockSize, CallKind::CollectiveAllocate, CallKind::CollectiveGathered,
                          CallKind::CollectiveGranted, CallKind::FirstToucher, CallKind::FlushFrees}) {
        calls_.handle(kind, *this);
    }
}

void SharedMemory::set_coherence(Coherence *coherence) {
    coherence_ = coherence;
    remote_frees_.chain_timer(*coherence);
}

void SharedMemory::finish() {
    remote_frees_.drain();
    caches_.end();
    return_chunks();
}

BlockResult SharedMemory::allocate(std::size_t bytes) { return allocate_aligned(memory::block_granule_bytes, bytes); }

/// A block that another node freed holds what was written there. Of release memory that may still be on its way, and is
/// to come before the block is written anew: a store that changes nothing here would not hold against it.
BlockResult SharedMemory::allocate_aligned(std::size_t alignment, std::size_t bytes) {
    const BlockResult result = find_block(alignment, bytes);
    acquired(node_);
    return result;
}

BlockResult SharedMemory::find_block(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) { return {nullptr, EINVAL}; }
    if (const auto size_class = memory::small_class_for(alignment, bytes)) { return allocate_small(*size_class); }
    for (bool may_grow = true;;) {
        const memory::HeapBlock block = node_.heap->allocate_aligned(alignment, bytes);
        if (block.status == HeapStatus::Ok) {
            count(allocations_);
            return {node_.address_of(block.offset), 0};
        }
        if (block.status == HeapStatus::TooLarge) { return allocate_big(alignment, bytes); }
        if (!may_grow) { return {nullptr, ENOMEM}; }
        may_grow = grow_heap(); // If not, what was collected for it may do.
    }
}

BlockResult SharedMemory::allocate_small(memory::SizeClass size_class) {
    memory::HeapCache *cache = caches_.mine();
    for (bool may_grow = true;;) {
        const memory::HeapBlock block =
            cache != nullptr ? cache->allocate(size_class) : node_.heap->allocate(shape_of(size_class).block_bytes);
        if (block.status == HeapStatus::Ok) {
            if (cache == nullptr) { count(allocations_); }
            return {node_.address_of(block.offset), 0};
        }
        if (!may_grow) { return {nullptr, ENOMEM}; }
        may_grow = grow_heap();
    }
}

/// When there is no memory, once more after collecting what is free and has not come back yet.
SpanAnswer SharedMemory::allocate_span(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks) {
    const SpanAnswer answer = spans_.allocate(attributes, alignment_chunks);
    if (answer.error != ENOMEM) { return answer; }
    collect_free_memory();
    return spans_.allocate(attributes, alignment_chunks);
}

BlockResult SharedMemory::allocate_big(std::size_t alignment, std::size_t bytes) {
    if (bytes > node_.segment.bytes() || alignment > node_.segment.bytes()) { return {nullptr, ENOMEM}; }
    const memory::SpanAttributes attributes{std::max<std::size_t>(bytes, 1),
                                            SpanKind::BigBlock,
                                            node_.topology->self_node(),
                                            memory::HomePolicy::Cyclic,
                                            node_.topology->self_node(),
                                            page_shift,
                                            kind_};
    const auto alignment_chunks =
        static_cast<std::uint32_t>(std::max<std::size_t>(alignment >> memory::chunk_shift, 1));
    const SpanAnswer answer = allocate_span(attributes, alignment_chunks);
    if (answer.error != 0) { return {nullptr, answer.error}; }
    count(allocations_);
    count(spans_allocated_);
    return {node_.address_of(memory::offset_of(answer.record.first)), 0};
}

/// Gets the heap one more chunk; false when there is none to be had. The pages of a heap chunk have their home at this
/// node, where they are used most. The lock of growth is never held over the wait: at worst two threads fetch a chunk
/// each, and one is kept in reserve.
bool SharedMemory::grow_heap() {
    const memory::SpanAttributes attributes{memory::chunk_bytes,
                                            SpanKind::HeapChunk,
                                            node_.topology->self_node(),
                                            memory::HomePolicy::One,
                                            node_.topology->self_node(),
                                            page_shift,
                                            kind_};
    const SpanAnswer answer = allocate_span(attributes, 1);
    if (answer.error != 0) { return false; }
    node_.heap->add_chunk(answer.record.first);
    return true;
}

/// The last resort: what this thread holds goes back, frees that are under way to their owners arrive, and chunks that
/// hold nothing are given up.
void SharedMemory::collect_free_memory() {
    if (memory::HeapCache *cache = caches_.mine()) { cache->give_back_all(); }
    for (std::int32_t rank = 0; !node_.solo() && rank < node_.topology->rank_count(); ++rank) {
        calls_.call<int>(Rank{rank}, CallKind::FlushFrees, 0);
    }
    node_.heap->trim();
    return_chunks();
}

/// Chunks that the heap has given up go back to the directory. Any thread, the driver too: nothing is waited for.
void SharedMemory::return_chunks() {
    while (const auto chunk = node_.heap->take_released_chunk()) {
        const auto record = node_.spans->lookup(*chunk);
        DSM_CHECK(record.has_value(), "A3 a heap chunk is a live span", chunk->value);
        spans_.give_back(*record);
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
    if (!node_.segment.contains(block)) { return {EINVAL, 0, 0}; }
    const memory::SegmentOffset offset = node_.offset_of(block);
    const memory::HeapBlock found = node_.heap->find(offset);
    if (found.status != HeapStatus::NotOurChunk) { return {error_of(found.status), 0, found.bytes}; }
    auto record = spans_.find(offset);
    if (record && record->kind == SpanKind::BigBlock) { record = spans_.find_now(offset); }
    if (!record || record->kind == SpanKind::Bound) { return {EINVAL, 0, 0}; }
    if (record->kind != SpanKind::HeapChunk) {
        return {memory::offset_of(record->first) == offset ? 0 : EINVAL, 0, record->bytes};
    }
    if (record->owner == node_.topology->self_node()) { return {EALREADY, 0, 0}; } // given up a moment ago
    remote_frees_.drain(); // It may be among what this rank has freed.
    return calls_.call<BlockAnswer>(node_.topology->first_rank_of(record->owner), CallKind::BlockSize,
                                    BlockQuery{offset});
}

std::size_t SharedMemory::usable_size(void *block) {
    const BlockAnswer answer = block != nullptr ? size_of(block) : BlockAnswer{EINVAL, 0, 0};
    return answer.error == 0 ? answer.bytes : 0;
}

BlockResult SharedMemory::reallocate(void *block, std::size_t bytes) {
    if (block == nullptr) { return allocate(bytes); }
    const BlockAnswer old = size_of(block);
    if (old.error != 0) { end_job(exit_program_error, "dsm_realloc(%p): %s", block, text_of(old.error)); }
    if (resize_in_place(node_.offset_of(block), old.bytes, bytes)) { return {block, 0}; }
    const BlockResult fresh = allocate(bytes);
    if (fresh.block == nullptr) { return fresh; }
    // Page by page from front to back, so that of both blocks only the pages at work need be at this node.
    const std::size_t kept = std::min<std::size_t>(bytes, old.bytes);
    for (std::size_t at = 0; at < kept; at += page_bytes) {
        std::memcpy(static_cast<std::byte *>(fresh.block) + at, static_cast<const std::byte *>(block) + at,
                    std::min(page_bytes, kept - at));
    }
    free(block);
    return fresh;
}

bool SharedMemory::resize_in_place(memory::SegmentOffset offset, std::size_t old_bytes, std::size_t bytes) {
    if (bytes < old_bytes) { drops_.before_free(offset, std::max<std::size_t>(bytes, 1)); }
    const HeapStatus status = node_.heap->resize_in_place(offset, bytes);
    if (status != HeapStatus::NotOurChunk) { return status == HeapStatus::Ok; }
    if (const auto record = spans_.find(offset); record && record->kind == SpanKind::BigBlock) {
        return bytes >= memory::big_bytes_min && bytes <= node_.segment.bytes() && spans_.resize(*record, bytes) == 0;
    }
    // A block of another node's heap, or a collective one: it stays while it is at least half used.
    return bytes <= old_bytes && bytes > old_bytes / 2;
}

void SharedMemory::free(void *block) {
    if (block == nullptr) { return; }
    if (!node_.segment.contains(block)) { bad_free(block, text_of(EINVAL)); }
    const memory::SegmentOffset offset = node_.offset_of(block);
    drops_.before_free(offset); // From here on it may be handed out anew.
    memory::HeapCache *cache = caches_.mine();
    const memory::HeapFree freed = cache != nullptr ? cache->free_block(offset) : node_.heap->free_block(offset);
    if (freed.status == HeapStatus::NotOurChunk) { return free_elsewhere(block, offset); }
    if (freed.status != HeapStatus::Ok) { bad_free(block, text_of(error_of(freed.status))); }
    if (cache == nullptr) { count(frees_); }
    if (freed.release_pending) { return_chunks(); }
}

/// Frees what is not of this node's heap.
void SharedMemory::free_elsewhere(void *block, memory::SegmentOffset offset) {
    const auto record = spans_.find(offset);
    if (!record) { bad_free(block, "not in shared memory that is allocated (freed twice?)"); }
    if (record->kind == SpanKind::HeapChunk) {
        if (record->owner == node_.topology->self_node()) { bad_free(block, text_of(EALREADY)); }
        remote_frees_.add(record->owner, offset);
    } else if (record->kind == SpanKind::Bound) {
        bad_free(block, "bound memory is ended by dsm_unbind");
    } else {
        if (memory::offset_of(record->first) != offset) { bad_free(block, text_of(EINVAL)); }
        if (spans_.free(*record) != 0) { bad_free(block, text_of(EALREADY)); }
        count(spans_freed_);
    }
    count(frees_);
}

MallocStatistics SharedMemory::statistics() {
    const memory::CacheCounts cached = caches_.counts();
    const auto value = [](const Statistics::Count &count) { return count.load(std::memory_order_relaxed); };
    return {node_.heap->usage(),          node_.heap->traffic(), cached.allocations + value(allocations_),
            cached.frees + value(frees_), remote_frees_.count(), value(spans_allocated_),
            value(spans_freed_)};
}

//   rank --CollectiveAllocate--> first rank of its node --CollectiveGathered--> parent --...--> rank 0, which allocates
//   rank <-------answer--------- first rank of its node <--CollectiveGranted--- parent <--...-- rank 0
BlockResult SharedMemory::allocate_collectively(const CollectiveRequest &request) {
    CollectiveRequest wanted = request;
    if (kind_ == memory::MemoryKind::Release) { wanted.memory = static_cast<std::uint32_t>(kind_); }
    const Rank first = node_.topology->first_rank_of(node_.topology->self_node());
    const auto answer = calls_.call<SpanAnswer>(first, CallKind::CollectiveAllocate, wanted);
    acquired(node_);
    if (answer.error != 0) { return {nullptr, answer.error}; }
    node_.spans->insert(answer.record);
    return {node_.address_of(memory::offset_of(answer.record.first)), 0};
}

/// Who has to come before this node's first rank goes on: the ranks of the node, and the nodes below it.
std::uint32_t SharedMemory::gathered_below() const {
    const NodeId self = node_.topology->self_node();
    auto count = static_cast<std::uint32_t>(node_.topology->ranks_of(self).size());
    memory::for_each_span_tree_child(self.value, node_.topology->node_count(), [&](std::uint32_t) { ++count; });
    return count;
}

void SharedMemory::collect(const Gathered &gathered) {
    Gathering &all = gathering_;
    if (all.come == 0) { all.request = gathered.request; }
    all.equal = all.equal && gathered.equal && all.request == gathered.request;
    if (++all.come < gathered_below()) { return; }
    if (node_.topology->self() == directory_rank) { return allocate_gathered(); }
    const std::uint32_t parent = memory::span_tree_parent(node_.topology->self_node().value);
    calls_.tell(node_.topology->first_rank_of(NodeId{static_cast<std::uint16_t>(parent)}), CallKind::CollectiveGathered,
                Gathered{all.request, all.equal});
}

/// On rank 0: all ranks of the job have come.
void SharedMemory::allocate_gathered() {
    const CollectiveRequest &request = gathering_.request;
    const int error = gathering_.equal ? request.error : EINVAL;
    if (error != 0) { return grant({error, {}}); }
    const memory::SpanAttributes attributes{
        request.bytes,
        SpanKind::Collective,
        NodeId{0},
        static_cast<memory::HomePolicy>(request.homes),
        request.homes == static_cast<std::uint32_t>(memory::HomePolicy::One)
            ? node_.topology->node_of(Rank{static_cast<std::int32_t>(request.home_rank)})
            : NodeId{0},
        static_cast<std::uint8_t>(std::countr_zero(request.block_bytes)),
        static_cast<memory::MemoryKind>(request.memory)};
    spans_.allocate_for([this](const SpanAnswer &answer) { grant(answer); }, attributes, 1);
}

/// Nobody asks again before being answered, so the next gathering finds this one gone.
void SharedMemory::grant(const SpanAnswer &answer) {
    const Gathering all = std::exchange(gathering_, {});
    memory::for_each_span_tree_child(
        node_.topology->self_node().value, node_.topology->node_count(), [&](std::uint32_t child) {
            calls_.tell(node_.topology->first_rank_of(NodeId{static_cast<std::uint16_t>(child)}),
                        CallKind::CollectiveGranted, answer);
        });
    for (const CallToken caller : all.callers) { calls_.answer(caller, answer); }
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
    const auto record =
        spans_.find(offset + size - 1); // The last byte: what is remembered of a block may be too short.
    return record && memory::contains(*record, offset) && memory::contains(*record, offset + size - 1);
}

void SharedMemory::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::FlushFrees) {
        remote_frees_.flush();
        calls_.answer(token, 0);
    } else if (kind == CallKind::BlockSize) {
        const memory::HeapBlock found = node_.heap->find(arguments_as<BlockQuery>(arguments).offset);
        calls_.answer(token, BlockAnswer{error_of(found.status), 0, found.bytes});
    } else if (kind == CallKind::CollectiveAllocate) {
        gathering_.callers.push_back(token);
        collect({arguments_as<CollectiveRequest>(arguments), true});
    } else if (kind == CallKind::CollectiveGathered) {
        collect(arguments_as<Gathered>(arguments));
    } else if (kind == CallKind::CollectiveGranted) {
        grant(arguments_as<SpanAnswer>(arguments));
    } else if (kind == CallKind::FirstToucher) {
        const auto query = arguments_as<FirstToucherQuery>(arguments);
        calls_.answer(token, coherence_->first_toucher(query.block, query.generation));
    }
}

} // namespace dsm::rt
