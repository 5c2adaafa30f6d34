// Sets of nodes: inline lists that move into bitmaps when they grow.
#include "libdsm/memory/span_holders.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <span>

namespace dsm::memory {

std::size_t NodeSet::size() const {
    std::size_t members = 0;
    for (const std::uint64_t word : words_) { members += static_cast<std::size_t>(std::popcount(word)); }
    return members;
}

/// Bitmaps 1 to `made` have been taken at least once; those given back form a list through their first words.
struct HolderPool::Header {
    std::uint64_t made;
    std::uint64_t free_head; ///< bitmap number + 1, or 0
};

HolderPool::HolderPool(std::byte *region, std::uint32_t node_count)
    : header_(*reinterpret_cast<Header *>(region)), bitmaps_(region + sizeof(Header)),
      bitmap_words_((node_count + 63U) / 64U) {}

std::size_t HolderPool::region_bytes(std::uint32_t span_max, std::uint32_t node_count) {
    if (node_count <= inline_holders) { return sizeof(Header); }
    return sizeof(Header) + std::size_t{span_max} * ((node_count + 63U) / 64U) * sizeof(std::uint64_t);
}

std::uint64_t *HolderPool::bitmap(std::uint32_t number_plus_one) const {
    return reinterpret_cast<std::uint64_t *>(bitmaps_) + std::size_t{number_plus_one - 1} * bitmap_words_;
}

std::uint32_t HolderPool::take_bitmap() {
    const auto number_plus_one =
        static_cast<std::uint32_t>(header_.free_head != 0 ? header_.free_head : ++header_.made);
    std::uint64_t *words = bitmap(number_plus_one);
    if (header_.free_head != 0) { header_.free_head = words[0]; }
    std::fill_n(words, bitmap_words_, 0);
    return number_plus_one;
}

bool HolderPool::contains(const HolderList &list, NodeId node) const {
    if (list.bitmap != 0) { return (bitmap(list.bitmap)[node.value / 64U] >> (node.value % 64U) & 1U) != 0; }
    const std::span members{list.members.data(), list.count};
    return std::find(members.begin(), members.end(), node) != members.end();
}

void HolderPool::insert(HolderList &list, NodeId node) {
    DSM_CHECK(node.value / 64U < bitmap_words_, "a holder is a node of the job", node.value);
    if (contains(list, node)) { return; }
    if (list.bitmap == 0 && list.count == inline_holders) {
        list.bitmap = take_bitmap();
        for (const NodeId member : list.members) {
            bitmap(list.bitmap)[member.value / 64U] |= std::uint64_t{1} << (member.value % 64U);
        }
    }
    if (list.bitmap != 0) {
        bitmap(list.bitmap)[node.value / 64U] |= std::uint64_t{1} << (node.value % 64U);
    } else {
        list.members[list.count] = node;
    }
    ++list.count;
}

void HolderPool::erase(HolderList &list, NodeId node) {
    if (node.value / 64U >= bitmap_words_ || !contains(list, node)) { return; }
    --list.count;
    if (list.bitmap != 0) {
        bitmap(list.bitmap)[node.value / 64U] &= ~(std::uint64_t{1} << (node.value % 64U));
    } else {
        *std::find(list.members.begin(), list.members.begin() + list.count, node) = list.members[list.count];
    }
}

void HolderPool::clear(HolderList &list) {
    if (list.bitmap != 0) {
        bitmap(list.bitmap)[0] = header_.free_head;
        header_.free_head = list.bitmap;
    }
    list = {};
}

void HolderPool::copy_to(const HolderList &list, NodeSet &out) const {
    out.clear();
    if (list.bitmap == 0) {
        for (const NodeId member : std::span{list.members.data(), list.count}) { out.insert(member); }
        return;
    }
    const std::uint64_t *words = bitmap(list.bitmap);
    for (std::size_t word = 0; word < bitmap_words_; ++word) {
        for (std::uint64_t rest = words[word]; rest != 0; rest &= rest - 1) {
            out.insert({static_cast<std::uint16_t>(word * 64 + static_cast<unsigned>(std::countr_zero(rest)))});
        }
    }
}

} // namespace dsm::memory
