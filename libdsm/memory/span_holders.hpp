// Which nodes have seen a span: a few members in the span's own slot, beyond that a bitmap from a pool in the region.
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dsm::memory {

/// A set of nodes by value, 2 KiB: what begin_free hands out.
class NodeSet {
public:
    void insert(NodeId node) { words_[node.value / 64U] |= bit(node); }
    void erase(NodeId node) { words_[node.value / 64U] &= ~bit(node); }
    void clear() { words_.fill(0); }
    bool contains(NodeId node) const { return (words_[node.value / 64U] & bit(node)) != 0; }
    std::size_t size() const;
    /// Calls visit(NodeId) for each member, in ascending order.
    template <class Visit> void for_each(Visit visit) const {
        for (std::size_t word = 0; word < words_.size(); ++word) {
            for (std::uint64_t rest = words_[word]; rest != 0; rest &= rest - 1) {
                visit(NodeId{static_cast<std::uint16_t>(word * 64 + static_cast<unsigned>(std::countr_zero(rest)))});
            }
        }
    }

private:
    static std::uint64_t bit(NodeId node) { return std::uint64_t{1} << (node.value % 64U); }
    std::array<std::uint64_t, nodes_max / 64> words_{};
};

constexpr std::size_t inline_holders = 8;

/// The holders of one span; zeroed is empty.
struct HolderList {
    std::uint32_t count;                        ///< members, wherever they are kept
    std::uint32_t bitmap;                       ///< 0: members are inline; else bitmap number + 1
    std::array<NodeId, inline_holders> members; ///< the first `count` are valid when bitmap is 0
};

/// The pool of bitmaps. Works on zeroed memory; the caller holds the directory's lock.
class HolderPool {
public:
    /// At most span_max lists may be non-empty at a time, of nodes 0 to node_count - 1.
    HolderPool(std::byte *region, std::uint32_t node_count);
    static std::size_t region_bytes(std::uint32_t span_max, std::uint32_t node_count);

    bool contains(const HolderList &list, NodeId node) const;
    void insert(HolderList &list, NodeId node);
    void erase(HolderList &list, NodeId node);
    /// Empties the list and returns its bitmap to the pool.
    void clear(HolderList &list);
    void copy_to(const HolderList &list, NodeSet &out) const;

private:
    struct Header;
    std::uint64_t *bitmap(std::uint32_t number_plus_one) const;
    std::uint32_t take_bitmap();
    Header &header_;
    std::byte *bitmaps_;
    std::size_t bitmap_words_;
};

} // namespace dsm::memory
