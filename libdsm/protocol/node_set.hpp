// Sets of nodes: the copyset of a page and its deferred readers, from none to every node of the job.
//
// Up to six members stand in the set itself. Beyond that the set is a sorted chain of bitmap chunks, 64 bytes for 448
// nodes, taken from a pool in memory that the ranks of a node share: 10,240 members cost 23 chunks, 1,472 bytes.
// Chunks are linked by index, never by pointer. The pool's free list is a lock-free stack with a tag against ABA
// (Treiber 1986), so that a signal handler may use it whatever it interrupted.
//
// In a message a set is bytes: nothing for the empty set, a sorted list of 16-bit numbers, or a bitmap, whichever is
// shorter. The bytes come from outside, so decoding checks everything.
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::protocol {

/// The longest encoding of a set: its form, the first byte's place, a bitmap of every node.
constexpr std::size_t encoded_nodes_bytes_max = 3 + nodes_max / 8;

/// Where large sets take their chunks from. One object per process, over memory that all of them share.
class SetPool {
public:
    static constexpr unsigned words_per_chunk = 7;
    static constexpr unsigned nodes_per_chunk = words_per_chunk * 64;
    struct Chunk {
        std::uint32_t next;  ///< index of the chunk behind this one, 0 for none; read and written atomically
        std::uint16_t base;  ///< the first node that this chunk has a bit for, a multiple of nodes_per_chunk
        std::uint16_t count; ///< members in this chunk, > 0 while it is in a set
        std::array<std::uint64_t, words_per_chunk> words;
    };
    static_assert(sizeof(Chunk) == 64);

    /// `memory` is zeroed when the first process gets it, is aligned to 64 and stays mapped; it may be sparse.
    SetPool(void *memory, std::size_t bytes) noexcept;
    static constexpr std::size_t bytes_for(std::size_t chunks) { return sizeof(Header) + chunks * sizeof(Chunk); }

    /// An empty chunk. The job ends if none is left: size the pool for the pages that many nodes read at once.
    std::uint32_t take(std::uint16_t base) noexcept;
    void give_back(std::uint32_t index) noexcept;
    Chunk &chunk(std::uint32_t index) noexcept { return chunks_[index - 1]; }
    [[nodiscard]] const Chunk &chunk(std::uint32_t index) const noexcept { return chunks_[index - 1]; }
    [[nodiscard]] std::uint32_t next_of(std::uint32_t index) const noexcept;
    void set_next(std::uint32_t index, std::uint32_t next) noexcept;
    [[nodiscard]] std::uint32_t chunks_in_use() const noexcept {
        return header_->in_use.load(std::memory_order_relaxed);
    }

private:
    struct alignas(64) Header {
        std::atomic<std::uint64_t> free_top;    ///< tag in the upper half, index of the first free chunk in the lower
        std::atomic<std::uint32_t> never_taken; ///< chunks above this index have never been taken
        std::atomic<std::uint32_t> in_use;
    };
    Header *header_;
    Chunk *chunks_;
    std::uint32_t chunks_max_;
};

/// A set of nodes on the stack, one bit for each that can be: for taking sets apart and putting them into messages.
class NodeBits {
public:
    void insert(NodeId node) noexcept { words_[node.value / 64] |= std::uint64_t{1} << (node.value % 64); }
    [[nodiscard]] bool contains(NodeId node) const noexcept {
        return ((words_[node.value / 64] >> (node.value % 64)) & 1) != 0;
    }
    [[nodiscard]] unsigned count() const noexcept;
    /// Calls visit(NodeId) in rising order.
    template <class Visit> void for_each(Visit visit) const;
    /// The first member at or above `from`; no_node if there is none.
    [[nodiscard]] NodeId first_from(unsigned from) const noexcept;
    /// Encodes the members in [from, to). `out` has encoded_nodes_bytes_max bytes.
    std::size_t encode(unsigned from, unsigned to, std::span<std::byte> out) const noexcept;
    /// Adds what `bytes` say. False, and in an undefined state, if they are malformed or name a node >= node_count.
    [[nodiscard]] bool decode(std::span<const std::byte> bytes, unsigned node_count) noexcept;

private:
    std::array<std::uint64_t, nodes_max / 64> words_{};
};

/// A set that lives in shared memory; zeroed memory is the empty one. It is a handle: a copy shares the chunks, so
/// exactly one of them may go on being used (take() does that), and clear() must be called before it is forgotten.
class NodeSet {
public:
    static constexpr unsigned inline_max = 6;

    [[nodiscard]] unsigned count() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] bool contains(NodeId node, const SetPool &pool) const noexcept;
    /// Both return whether the set changed.
    bool insert(NodeId node, SetPool &pool) noexcept;
    bool erase(NodeId node, SetPool &pool) noexcept;
    void clear(SetPool &pool) noexcept;
    /// Moves everything out.
    NodeSet take() noexcept;
    /// Calls visit(NodeId) in rising order; visit must not change this set.
    template <class Visit> void for_each(const SetPool &pool, Visit visit) const;
    void copy_to(NodeBits &bits, const SetPool &pool) const noexcept;
    /// Returns the bytes used of `out`, which has encoded_nodes_bytes_max.
    std::size_t encode(const SetPool &pool, std::span<std::byte> out) const noexcept;
    /// Adds what `bytes` say. False, and unchanged, if they are malformed or name a node >= node_count.
    [[nodiscard]] bool decode(std::span<const std::byte> bytes, unsigned node_count, SetPool &pool) noexcept;

private:
    [[nodiscard]] bool is_inline() const noexcept { return count_ <= inline_max; }
    [[nodiscard]] std::uint32_t head() const noexcept;
    void set_head(std::uint32_t index) noexcept;
    bool insert_inline(NodeId node) noexcept;
    bool erase_inline(NodeId node) noexcept;
    bool insert_chunked(NodeId node, SetPool &pool) noexcept;
    bool erase_chunked(NodeId node, SetPool &pool) noexcept;
    void move_to_chunks(SetPool &pool) noexcept;
    void move_inline(SetPool &pool) noexcept;

    std::uint16_t count_;
    std::array<std::uint16_t, inline_max> members_; ///< sorted; of a larger set the first two are the chain's head
};

/// Calls visit(NodeId) for every bit of `words`, the first of which is `base`.
template <class Words, class Visit> void for_each_bit(const Words &words, unsigned base, Visit visit) {
    for (std::uint64_t word : words) {
        for (; word != 0; word &= word - 1) {
            visit(NodeId{static_cast<std::uint16_t>(base + static_cast<unsigned>(std::countr_zero(word)))});
        }
        base += 64;
    }
}

template <class Visit> void NodeBits::for_each(Visit visit) const { for_each_bit(words_, 0, visit); }

template <class Visit> void NodeSet::for_each(const SetPool &pool, Visit visit) const {
    if (is_inline()) {
        for (unsigned i = 0; i < count_; ++i) { visit(NodeId{members_[i]}); }
        return;
    }
    for (std::uint32_t index = head(); index != 0; index = pool.next_of(index)) {
        for_each_bit(pool.chunk(index).words, pool.chunk(index).base, visit);
    }
}

} // namespace dsm::protocol
