// The pool of chunks, sets in shared memory, and sets as bytes.
#include "libdsm/protocol/node_set.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <type_traits>

namespace dsm::protocol {
namespace {

static_assert(std::is_trivially_copyable_v<NodeSet> && sizeof(NodeSet) == 14);

constexpr std::uint32_t index_of(std::uint64_t top) { return static_cast<std::uint32_t>(top); }
/// A new top of the free list; the tag changes with every change, so that a slow rival sees that it lost.
constexpr std::uint64_t top_after(std::uint64_t old_top, std::uint32_t index) {
    return (((old_top >> 32) + 1) << 32) | index;
}

// The two forms of an encoded set that is not empty.
constexpr std::byte form_list{0};
constexpr std::byte form_bitmap{1};

void put_u16(std::span<std::byte> out, std::size_t at, unsigned value) {
    out[at] = static_cast<std::byte>(value & 0xff);
    out[at + 1] = static_cast<std::byte>(value >> 8);
}
unsigned get_u16(std::span<const std::byte> bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]) | (std::to_integer<unsigned>(bytes[at + 1]) << 8);
}

} // namespace

SetPool::SetPool(void *memory, std::size_t bytes) noexcept
    : header_(static_cast<Header *>(memory)),
      chunks_(reinterpret_cast<Chunk *>(static_cast<std::byte *>(memory) + sizeof(Header))),
      chunks_max_(
          static_cast<std::uint32_t>(std::min<std::size_t>((bytes - sizeof(Header)) / sizeof(Chunk), 0xfffffffe))) {}

std::uint32_t SetPool::next_of(std::uint32_t index) const noexcept {
    // Atomic since a rival that pops may read the link of a chunk that has just been taken; it then fails on the tag.
    return std::atomic_ref(const_cast<std::uint32_t &>(chunk(index).next)).load(std::memory_order_relaxed);
}

void SetPool::set_next(std::uint32_t index, std::uint32_t next) noexcept {
    std::atomic_ref(chunk(index).next).store(next, std::memory_order_relaxed);
}

std::uint32_t SetPool::take(std::uint16_t base) noexcept {
    std::uint64_t top = header_->free_top.load(std::memory_order_acquire);
    std::uint32_t index = index_of(top);
    while (index != 0 &&
           !header_->free_top.compare_exchange_weak(top, top_after(top, next_of(index)), std::memory_order_acquire)) {
        index = index_of(top);
    }
    if (index == 0) { index = header_->never_taken.fetch_add(1, std::memory_order_relaxed) + 1; }
    DSM_CHECK(index <= chunks_max_, "K1 room in the pool of copysets", index);
    header_->in_use.fetch_add(1, std::memory_order_relaxed);
    set_next(index, 0);
    chunk(index).base = base;
    chunk(index).count = 0;
    chunk(index).words.fill(0);
    return index;
}

void SetPool::give_back(std::uint32_t index) noexcept {
    std::uint64_t top = header_->free_top.load(std::memory_order_relaxed);
    do {
        set_next(index, index_of(top));
    } while (!header_->free_top.compare_exchange_weak(top, top_after(top, index), std::memory_order_release,
                                                      std::memory_order_relaxed));
    header_->in_use.fetch_sub(1, std::memory_order_relaxed);
}

unsigned NodeBits::count() const noexcept {
    unsigned count = 0;
    for (const std::uint64_t word : words_) { count += static_cast<unsigned>(std::popcount(word)); }
    return count;
}

NodeId NodeBits::first_from(unsigned from) const noexcept {
    for (unsigned index = from / 64; index < words_.size(); ++index) {
        std::uint64_t word = words_[index];
        if (index == from / 64) { word &= ~std::uint64_t{0} << (from % 64); }
        if (word != 0) {
            return NodeId{static_cast<std::uint16_t>(index * 64 + static_cast<unsigned>(std::countr_zero(word)))};
        }
    }
    return no_node;
}

std::size_t NodeBits::encode(unsigned from, unsigned to, std::span<std::byte> out) const noexcept {
    unsigned members = 0;
    unsigned last = 0;
    const auto next_member = [&](unsigned at) { return static_cast<unsigned>(first_from(at).value); };
    const unsigned first = next_member(from);
    for (unsigned node = first; node < to; node = next_member(node + 1)) {
        last = node;
        ++members;
    }
    if (members == 0) { return 0; }
    const std::size_t bitmap_bytes = last / 8 - first / 8 + 1;
    if (std::size_t{2} * members <= bitmap_bytes + 2) {
        std::size_t used = 1;
        out[0] = form_list;
        for (unsigned node = first; node < to; node = next_member(node + 1), used += 2) { put_u16(out, used, node); }
        return used;
    }
    out[0] = form_bitmap;
    put_u16(out, 1, first / 8);
    std::fill_n(out.begin() + 3, bitmap_bytes, std::byte{0});
    for (unsigned node = first; node < to; node = next_member(node + 1)) {
        out[3 + node / 8 - first / 8] |= static_cast<std::byte>(1U << (node % 8));
    }
    return 3 + bitmap_bytes;
}

bool NodeBits::decode(std::span<const std::byte> bytes, unsigned node_count) noexcept {
    if (bytes.empty()) { return true; }
    if (bytes[0] == form_list) {
        if (bytes.size() < 3 || bytes.size() % 2 == 0) { return false; }
        for (std::size_t at = 1; at < bytes.size(); at += 2) {
            const unsigned node = get_u16(bytes, at);
            if (node >= node_count || (at > 1 && node <= get_u16(bytes, at - 2))) { return false; }
            insert(NodeId{static_cast<std::uint16_t>(node)});
        }
        return true;
    }
    if (bytes[0] != form_bitmap || bytes.size() < 4) { return false; }
    const unsigned first_byte = get_u16(bytes, 1);
    for (std::size_t at = 3; at < bytes.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            if (((std::to_integer<unsigned>(bytes[at]) >> bit) & 1) == 0) { continue; }
            const std::size_t node = (first_byte + at - 3) * 8 + bit;
            if (node >= node_count) { return false; }
            insert(NodeId{static_cast<std::uint16_t>(node)});
        }
    }
    return true;
}

std::uint32_t NodeSet::head() const noexcept { return members_[0] | (static_cast<std::uint32_t>(members_[1]) << 16); }

void NodeSet::set_head(std::uint32_t index) noexcept {
    members_[0] = static_cast<std::uint16_t>(index);
    members_[1] = static_cast<std::uint16_t>(index >> 16);
}

bool NodeSet::contains(NodeId node, const SetPool &pool) const noexcept {
    if (is_inline()) { return std::binary_search(members_.begin(), members_.begin() + count_, node.value); }
    for (std::uint32_t index = head(); index != 0; index = pool.next_of(index)) {
        const SetPool::Chunk &chunk = pool.chunk(index);
        const unsigned bit = static_cast<unsigned>(node.value) - chunk.base;
        if (node.value < chunk.base) { return false; }
        if (bit < SetPool::nodes_per_chunk) { return ((chunk.words[bit / 64] >> (bit % 64)) & 1) != 0; }
    }
    return false;
}

bool NodeSet::insert(NodeId node, SetPool &pool) noexcept {
    DSM_CHECK(node.value < nodes_max, "K2 nodes in range", node.value);
    if (count_ < inline_max) { return insert_inline(node); }
    if (count_ == inline_max) {
        if (contains(node, pool)) { return false; }
        move_to_chunks(pool);
    }
    return insert_chunked(node, pool);
}

bool NodeSet::erase(NodeId node, SetPool &pool) noexcept {
    if (is_inline()) { return erase_inline(node); }
    if (!erase_chunked(node, pool)) { return false; }
    if (count_ == inline_max) { move_inline(pool); }
    return true;
}

bool NodeSet::insert_inline(NodeId node) noexcept {
    const auto end = members_.begin() + count_;
    const auto place = std::lower_bound(members_.begin(), end, node.value);
    if (place != end && *place == node.value) { return false; }
    std::copy_backward(place, end, end + 1);
    *place = node.value;
    ++count_;
    return true;
}

bool NodeSet::erase_inline(NodeId node) noexcept {
    const auto end = members_.begin() + count_;
    const auto place = std::lower_bound(members_.begin(), end, node.value);
    if (place == end || *place != node.value) { return false; }
    std::copy(place + 1, end, place);
    *(end - 1) = 0; // Equal sets have equal bytes: explorers compare states so.
    --count_;
    return true;
}

bool NodeSet::insert_chunked(NodeId node, SetPool &pool) noexcept {
    const auto base = static_cast<std::uint16_t>(node.value / SetPool::nodes_per_chunk * SetPool::nodes_per_chunk);
    std::uint32_t before = 0;
    std::uint32_t index = head();
    while (index != 0 && pool.chunk(index).base < base) {
        before = index;
        index = pool.next_of(index);
    }
    if (index == 0 || pool.chunk(index).base != base) {
        const std::uint32_t fresh = pool.take(base);
        pool.set_next(fresh, index);
        if (before == 0) {
            set_head(fresh);
        } else {
            pool.set_next(before, fresh);
        }
        index = fresh;
    }
    SetPool::Chunk &chunk = pool.chunk(index);
    std::uint64_t &word = chunk.words[(node.value - base) / 64U];
    const std::uint64_t bit = std::uint64_t{1} << ((node.value - base) % 64U);
    if ((word & bit) != 0) { return false; }
    word |= bit;
    ++chunk.count;
    ++count_;
    return true;
}

bool NodeSet::erase_chunked(NodeId node, SetPool &pool) noexcept {
    if (!contains(node, pool)) { return false; }
    std::uint32_t before = 0;
    std::uint32_t index = head();
    while (node.value >= pool.chunk(index).base + SetPool::nodes_per_chunk) {
        before = index;
        index = pool.next_of(index);
    }
    SetPool::Chunk &chunk = pool.chunk(index);
    const unsigned bit = static_cast<unsigned>(node.value) - chunk.base;
    chunk.words[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
    --count_;
    if (--chunk.count == 0) {
        if (before == 0) {
            set_head(pool.next_of(index));
        } else {
            pool.set_next(before, pool.next_of(index));
        }
        pool.give_back(index);
    }
    return true;
}

void NodeSet::move_to_chunks(SetPool &pool) noexcept {
    const std::array<std::uint16_t, inline_max> members = members_;
    members_.fill(0);
    count_ = 0;
    for (const std::uint16_t member : members) { insert_chunked(NodeId{member}, pool); }
}

void NodeSet::move_inline(SetPool &pool) noexcept {
    std::array<std::uint16_t, inline_max> members{};
    unsigned moved = 0;
    for (std::uint32_t index = head(); index != 0;) {
        for_each_bit(pool.chunk(index).words, pool.chunk(index).base,
                     [&](NodeId node) { members[moved++] = node.value; });
        const std::uint32_t next = pool.next_of(index);
        pool.give_back(index);
        index = next;
    }
    members_ = members;
}

void NodeSet::clear(SetPool &pool) noexcept {
    for (std::uint32_t index = is_inline() ? 0 : head(); index != 0;) {
        const std::uint32_t next = pool.next_of(index);
        pool.give_back(index);
        index = next;
    }
    members_.fill(0);
    count_ = 0;
}

NodeSet NodeSet::take() noexcept {
    const NodeSet all = *this;
    members_.fill(0);
    count_ = 0;
    return all;
}

void NodeSet::copy_to(NodeBits &bits, const SetPool &pool) const noexcept {
    for_each(pool, [&](NodeId node) { bits.insert(node); });
}

std::size_t NodeSet::encode(const SetPool &pool, std::span<std::byte> out) const noexcept {
    if (is_inline()) {
        if (count_ == 0) { return 0; }
        out[0] = form_list;
        for (unsigned i = 0; i < count_; ++i) { put_u16(out, 1 + std::size_t{2} * i, members_[i]); }
        return 1 + std::size_t{2} * count_;
    }
    NodeBits bits;
    copy_to(bits, pool);
    return bits.encode(0, nodes_max, out);
}

bool NodeSet::decode(std::span<const std::byte> bytes, unsigned node_count, SetPool &pool) noexcept {
    if (bytes.empty()) { return true; }
    NodeBits bits;
    if (!bits.decode(bytes, std::min<unsigned>(node_count, nodes_max))) { return false; }
    bits.for_each([&](NodeId node) { insert(node, pool); });
    return true;
}

} // namespace dsm::protocol
