// Blocks and homes of the pages of a span.
#include "libdsm/memory/span_record.hpp"

namespace dsm::memory {
namespace {
std::uint64_t block_index(const SpanRecord &record, PageId page) {
    return (offset_of(page) - offset_of(record.first)) >> record.block_shift;
}
} // namespace

PageBlock block_of(const SpanRecord &record, PageId page) {
    if (record.memory == MemoryKind::Release) { return {page, 1}; }
    const unsigned shift = record.block_shift - page_shift;
    return {{page.value >> shift << shift}, std::uint32_t{1} << shift};
}

NodeId home_of(const SpanRecord &record, PageId page, std::uint32_t node_count) {
    const std::uint64_t index = block_index(record, page);
    switch (record.homes) {
    case HomePolicy::One:
        return record.home;
    case HomePolicy::Cyclic:
    case HomePolicy::FirstTouch:
        return {static_cast<std::uint16_t>((record.home.value + index) % node_count)};
    case HomePolicy::Block: {
        const std::uint64_t blocks = ((record.bytes - 1) >> record.block_shift) + 1;
        const std::uint64_t inside = index < blocks ? index : blocks - 1;
        // The n with n * blocks / nodes <= index < (n + 1) * blocks / nodes, both rounded down.
        return {static_cast<std::uint16_t>(((inside + 1) * node_count - 1) / blocks)};
    }
    }
    return record.home;
}

} // namespace dsm::memory
