// What the threads of the simulated job do. A block is told to the others when it is there, and freed or resized when
// no thread uses it, as a correct program does; a second free comes now and then, which has to be refused.
#include "tests/simulation/alloc/alloc_world.hpp"

#include <algorithm>

namespace dsm::alloc_test {

using memory::SpanKind;

namespace {
/// Blocks end in the middle of a chunk, too.
constexpr std::uint64_t unit_bytes = memory::chunk_bytes / 2;
constexpr unsigned units_max = 8;
} // namespace

Task<> AllocWorld::live(unsigned thread) {
    Thread &self = threads_[thread];
    for (unsigned i = 0; i < options_.operations; ++i) {
        switch (random_.below(8)) {
        case 0:
        case 1:
            co_await allocate(thread);
            break;
        case 2:
            co_await look_anywhere(thread);
            break;
        case 3:
            if (const auto block = pick(true)) {
                co_await free(thread, block);
                if (random_.one_in(2)) { co_await allocate(thread); }
            }
            break;
        case 4:
            if (const auto block = pick(true)) { co_await resize(thread, block); }
            break;
        default:
            if (const auto block = pick(false)) { co_await use(thread, block); }
        }
        co_await yield(self);
    }
    self.at = nullptr;
    co_return Nothing{};
}

/// A block that the thread may use, or alone may free or resize.
std::shared_ptr<AllocWorld::Block> AllocWorld::pick(bool alone) {
    if (blocks_.empty()) { return nullptr; }
    const auto &block = blocks_[random_.below(static_cast<unsigned>(blocks_.size()))];
    return block->is_changing || (alone && block->users != 0) ? nullptr : block;
}

/// A big block, or a chunk for the node's heap.
Task<> AllocWorld::allocate(unsigned thread) {
    const unsigned node = threads_[thread].node;
    const bool is_heap = random_.one_in(4);
    const std::uint64_t bytes = is_heap ? memory::chunk_bytes : random_.between(1, units_max) * unit_bytes;
    const NodeId self{static_cast<std::uint16_t>(node)};
    const memory::SpanAttributes wanted{.bytes = bytes,
                                        .kind = is_heap ? SpanKind::HeapChunk : SpanKind::BigBlock,
                                        .owner = self,
                                        .homes = is_heap ? memory::HomePolicy::One : memory::HomePolicy::Cyclic,
                                        .home = is_heap ? self : NodeId{0},
                                        .block_shift = memory::chunk_shift,
                                        .memory = memory::MemoryKind::Sequential};
    const Packet got = co_await call(thread, {.kind = Kind::AllocateSpan, .from = node, .to = 0, .wanted = wanted});
    if (!got.is_good) { co_return Nothing{}; }
    nodes_[node]->cache.insert(got.record);
    counts_.heap_chunks += is_heap;
    blocks_.push_back(
        std::make_shared<Block>(Block{got.record.first, bytes, got.record.generation, got.record.kind, node}));
    check_block(*blocks_.back());
    co_return Nothing{};
}

/// Told of the address, a thread finds the span and touches one of its bytes.
Task<> AllocWorld::use(unsigned thread, std::shared_ptr<Block> block) {
    ++block->users;
    const std::uint64_t last = block->bytes - 1;
    const std::uint64_t at = random_.one_in(2) ? last : last / (1 + random_.below(8));
    const SegmentOffset offset = memory::offset_of(block->first) + at;
    const Found found = co_await find(thread, offset);
    const bool is_right = found && found->generation == block->generation && memory::contains(*found, offset);
    if (!is_right) { fail("a thread was told of chunk %u and does not find it", block->first.value); }
    co_await touch(thread, memory::chunk_of(offset), *found);
    --block->users;
    co_return Nothing{};
}

/// The chunk's home gets state and a frame before the node of the thread does.
Task<> AllocWorld::touch(unsigned thread, ChunkId chunk, SpanRecord record) {
    const unsigned node = threads_[thread].node;
    const PageId page = memory::page_of(memory::offset_of(chunk));
    const NodeId home = memory::home_of(record, page, options_.nodes);
    ++counts_.touches;
    if (home.value != node) {
        co_await call(thread, {.kind = Kind::Touch, .from = node, .to = home.value, .chunk = chunk, .record = record});
    }
    nodes_[node]->get(chunk.value, record.generation);
    co_return Nothing{};
}

Task<> AllocWorld::resize(unsigned thread, std::shared_ptr<Block> block) {
    if (block->kind != SpanKind::BigBlock) { co_return Nothing{}; }
    const unsigned node = threads_[thread].node;
    block->is_changing = true;
    const Found found = co_await find(thread, memory::offset_of(block->first));
    if (!found) { fail("a thread was told of chunk %u and does not find it", block->first.value); }
    const std::uint64_t bytes = random_.between(1, units_max) * unit_bytes;
    // While it becomes shorter the tail may be given out before the thread hears of it.
    const std::uint64_t before = block->bytes;
    block->bytes = std::min(before, bytes);
    const memory::SpanAttributes wanted{.bytes = bytes,
                                        .kind = SpanKind::BigBlock,
                                        .owner = {},
                                        .homes = {},
                                        .home = {},
                                        .block_shift = 0,
                                        .memory = {}};
    const Packet got =
        co_await call(thread, {.kind = Kind::ResizeSpan, .from = node, .to = 0, .record = *found, .wanted = wanted});
    block->bytes = got.is_good ? bytes : before;
    if (got.is_good) { nodes_[node]->cache.insert(got.record); }
    check_block(*block);
    block->is_changing = false;
    co_return Nothing{};
}

/// A heap's chunk is given back without an answer, by any thread of its node.
Task<> AllocWorld::free(unsigned thread, std::shared_ptr<Block> block) {
    const unsigned node = threads_[thread].node;
    const bool is_heap = block->kind == SpanKind::HeapChunk;
    if (is_heap && block->node != node) { co_return Nothing{}; }
    std::erase(blocks_, block);
    ++counts_.frees;
    if (is_heap) {
        const Found known = nodes_[node]->cache.lookup(block->first);
        if (!known || known->generation != block->generation) { fail("A3: a heap chunk is a live span"); }
        post({.kind = Kind::DropSpan, .from = node, .to = 0, .record = *known});
        co_return Nothing{};
    }
    const Found found = co_await find(thread, memory::offset_of(block->first));
    if (!found || found->generation != block->generation) { fail("a block to be freed is not found"); }
    const Packet freed = co_await call(thread, {.kind = Kind::FreeSpan, .from = node, .to = 0, .record = *found});
    if (!freed.is_good) { fail("a live block cannot be freed"); }
    if (random_.one_in(4)) {
        ++counts_.freed_twice;
        const Packet again = co_await call(thread, {.kind = Kind::FreeSpan, .from = node, .to = 0, .record = *found});
        if (again.is_good) { fail("a block is freed twice"); }
    }
    co_return Nothing{};
}

/// Where perhaps nothing is, or something is coming or going. What is found is alive: find() leaves it in the cache,
/// and check_node() looks there.
Task<> AllocWorld::look_anywhere(unsigned thread) {
    const SegmentOffset offset = memory::offset_of(ChunkId{random_.below(options_.chunks)});
    const Found found = co_await find(thread, offset);
    counts_.no_span += !found;
    if (found && owner_[memory::chunk_of(offset).value] != found->generation) {
        fail("a look-up finds a dead span in chunk %u", memory::chunk_of(offset).value);
    }
    co_return Nothing{};
}

// ---- As runtime/spans.cpp

Task<AllocWorld::Packet> AllocWorld::call(unsigned thread, Packet packet) {
    packet.thread = thread;
    post(packet);
    co_await sleep(threads_[thread]);
    co_return threads_[thread].answer;
}

Task<AllocWorld::Found> AllocWorld::find(unsigned thread, SegmentOffset offset) {
    ++counts_.finds;
    const ChunkId chunk = memory::chunk_of(offset);
    const Found known = nodes_[threads_[thread].node]->cache.lookup(chunk);
    const bool may_have_grown = known && known->kind == SpanKind::BigBlock && !memory::contains(*known, offset);
    if (known && !may_have_grown) { co_return known; }
    if (!known) {
        const Found found = co_await ask_tree(thread, chunk);
        if (!found || found->kind != SpanKind::BigBlock || memory::contains(*found, offset)) { co_return found; }
    }
    co_return co_await ask_directory(thread, chunk);
}

/// False when the cache refuses what an answer says.
bool AllocWorld::insert_found(unsigned node, const SpanRecord &record) {
    const auto status = nodes_[node]->cache.insert(record);
    if (status == memory::CacheStatus::Overlap) { fail("A4: an old span still stands at node %u", node); }
    counts_.stale += status == memory::CacheStatus::Stale;
    return status != memory::CacheStatus::Stale || planted(AllocMutation::StaleTrusted);
}

Task<AllocWorld::Found> AllocWorld::ask_tree(unsigned thread, ChunkId chunk) {
    const unsigned node = threads_[thread].node;
    const Packet found = co_await call(thread, {.kind = Kind::FindSpan, .from = node, .to = node, .chunk = chunk});
    if (!found.is_good) { co_return std::nullopt; }
    if (insert_found(node, found.record)) { co_return found.record; }
    co_return co_await ask_directory(thread, chunk); // U3
}

Task<AllocWorld::Found> AllocWorld::ask_directory(unsigned thread, ChunkId chunk) {
    const unsigned node = threads_[thread].node;
    for (;;) {
        const Packet found = co_await call(thread, {.kind = Kind::LookupSpan, .from = node, .to = 0, .chunk = chunk});
        if (!found.is_good) { co_return std::nullopt; }
        if (insert_found(node, found.record)) { co_return found.record; }
        if (const Found younger = nodes_[node]->cache.lookup(chunk)) { co_return younger; }
    }
}

} // namespace dsm::alloc_test
