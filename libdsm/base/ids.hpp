// Strong types for the things that cross layers. No bare integer names a node, a rank, a page or a lock.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace dsm {

/// An integer that is only comparable with its own kind. Trivially copyable; fit for shared memory and messages.
template <class Tag, class Integer> struct StrongId {
    Integer value;
    friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

/// A node: the ranks that share one frame store. 0 <= value < number of nodes <= nodes_max.
using NodeId = StrongId<struct NodeTag, std::uint16_t>;
/// A rank of the job.
using Rank = StrongId<struct RankTag, std::int32_t>;
/// The index of a 4 KiB page in the segment; for a larger block the index of its first page.
using PageId = StrongId<struct PageTag, std::uint64_t>;
/// A lock, condition or barrier: the offset of its object in the segment.
using LockId = StrongId<struct LockTag, std::uint64_t>;
/// Counts the changes of ownership with write access of one page. Compared for equality only, so it may wrap.
using Version = StrongId<struct VersionTag, std::uint32_t>;

constexpr std::size_t nodes_max = 16384;
constexpr NodeId no_node{0xffff};
constexpr Rank no_rank{-1};

constexpr std::size_t page_bytes = 4096;
constexpr unsigned page_shift = 12;
constexpr std::size_t block_bytes_max = std::size_t{2} << 20;

} // namespace dsm

template <class Tag, class Integer> struct std::hash<dsm::StrongId<Tag, Integer>> {
    std::size_t operator()(dsm::StrongId<Tag, Integer> id) const noexcept { return std::hash<Integer>{}(id.value); }
};
