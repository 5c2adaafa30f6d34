// What must hold in the simulated job.
#include "tests/simulation/alloc/alloc_world.hpp"

#include <algorithm>

namespace dsm::alloc_test {

void AllocWorld::check_granted(ChunkId first, std::uint32_t count, std::uint32_t generation) {
    ++counts_.grants;
    for (unsigned chunk = first.value; chunk < first.value + count; ++chunk) {
        if (owner_[chunk] != 0) { fail("A4: chunk %u is given out twice", chunk); }
        check_clean(chunk);
        owner_[chunk] = generation;
    }
}

void AllocWorld::check_ended(const SpanRecord &record) {
    for (unsigned chunk = record.first.value; chunk < record.first.value + record.chunk_count; ++chunk) {
        if (owner_[chunk] != record.generation) { fail("A2: chunk %u ends, which is another span's", chunk); }
        check_clean(chunk);
        owner_[chunk] = 0;
    }
}

/// Nobody has anything of what stood in a chunk (A4). Answers that tell of it may still be under way.
void AllocWorld::check_clean(unsigned chunk) const {
    for (const auto &node : nodes_) {
        if (node->cache.lookup(ChunkId{chunk})) {
            fail("A4: node %u knows chunk %u, which has ended", node->number, chunk);
        }
        if (node->state[chunk] != 0) {
            fail("A4: node %u has state of chunk %u, which has ended", node->number, chunk);
        }
        if (node->frames[chunk] != 0) {
            fail("A4: node %u has a frame of chunk %u, which has ended", node->number, chunk);
        }
    }
    for (const Copy &copy : copies_) {
        if (copy.chunk == chunk) { fail("A4: node %u is copying into chunk %u, which has ended", copy.from, chunk); }
    }
}

/// Of the node that has just done something.
void AllocWorld::check_node(unsigned number) const {
    const Node &node = *nodes_[number];
    for (unsigned chunk = 0; chunk < options_.chunks; ++chunk) {
        const auto known = node.cache.lookup(ChunkId{chunk});
        if (!known) { continue; }
        if (known->generation != owner_[chunk]) { fail("node %u knows a dead span in chunk %u", number, chunk); }
        if (known->generation == node.forgotten[chunk]) {
            fail("A5: node %u knows a span in chunk %u that it has forgotten", number, chunk);
        }
    }
}

/// A block that the program has just got or that has grown: no other has its addresses.
void AllocWorld::check_block(const Block &block) const {
    const SegmentOffset begin = memory::offset_of(block.first);
    for (const auto &other : blocks_) {
        const SegmentOffset others = memory::offset_of(other->first);
        if (other.get() != &block && begin < others + other->bytes && others < begin + block.bytes) {
            fail("A4: two live blocks overlap in chunk %u", block.first.value);
        }
    }
}

/// When all blocks have been freed, nothing is left.
void AllocWorld::check_end() {
    for (const auto &block : blocks_) {
        const auto record = directory_.lookup(block->first);
        if (!record || record->generation != block->generation) { fail("a live block is lost"); }
        post({.kind = Kind::DropSpan, .from = block->node, .to = 0, .record = *record});
    }
    blocks_.clear();
    drain();
    if (!waiting_.empty() || !ending_.empty()) { fail("a span never ends"); }
    if (directory_.free_chunks() != options_.chunks || directory_.longest_free_run() != options_.chunks) {
        fail("free addresses are lost: %u chunks, the longest run has %u", directory_.free_chunks(),
             directory_.longest_free_run());
    }
    for (unsigned chunk = 0; chunk < options_.chunks; ++chunk) { check_clean(chunk); }
    for (const auto &node : nodes_) {
        if (node->rounds.under_way() != 0) { fail("A1: a round has no end at node %u", node->number); }
        if (node->lookups.questions() != 0) { fail("U1: a question has no answer at node %u", node->number); }
    }
}

} // namespace dsm::alloc_test
