// Copies between shared memory and its images.
#include "mpi_transport/pmpi/image.hpp"

#include <dsm/debug.h>
#include <dsm/life.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace dsm::pmpi {
namespace {

/// A range that is longer belongs to a datatype with absolute addresses in several places; it is not one buffer.
constexpr MPI_Count span_max = MPI_Count{1} << 44;

ElementLayout layout_of(MPI_Datatype type) {
    ElementLayout layout{};
    MPI_Count lower = 0;
    PMPI_Type_get_extent_x(type, &lower, &layout.extent);
    PMPI_Type_get_true_extent_x(type, &layout.begin, &layout.span);
    PMPI_Type_size_x(type, &layout.bytes);
    return layout;
}

using Range = Image::Range;

Range range_of(std::span<const Part> parts, const ElementLayout &layout) {
    Range range{0, 0};
    for (const Part &part : parts) {
        if (part.count <= 0) { continue; }
        const MPI_Count last = (part.count - 1) * layout.extent;
        const MPI_Count begin = part.offset + layout.begin + std::min<MPI_Count>(0, last);
        const MPI_Count end = part.offset + layout.begin + layout.span + std::max<MPI_Count>(0, last);
        range = range.begin == range.end ? Range{begin, end}
                                         : Range{std::min(range.begin, begin), std::max(range.end, end)};
    }
    return range;
}

bool is_in_segment(void *buffer, Range range) {
    const MPI_Count bytes = range.end - range.begin;
    if (bytes <= 0 || bytes > span_max) { return false; }
    // Not dsm_is_shared(): if libdsm.a stands before libdsm_pmpi.a, what nobody uses there is not linked.
    const auto segment = static_cast<MPI_Count>(dsm_debug_segment.base);
    const MPI_Count first = reinterpret_cast<MPI_Count>(buffer) + range.begin;
    return first < segment + static_cast<MPI_Count>(dsm_debug_segment.bytes) && first + bytes > segment;
}

[[noreturn]] void end_for_lack_of_memory(MPI_Count bytes) {
    std::fprintf(stderr, "libdsm: rank %d: no private memory for %lld bytes of an MPI call's buffer\n", dsm_rank(),
                 static_cast<long long>(bytes));
    PMPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    std::abort();
}

} // namespace

void complain(const char *call, const char *what, const void *address) {
    std::fprintf(stderr, "libdsm: rank %d: %s: %s, at %p, is in shared memory, where MPI cannot use it\n", dsm_rank(),
                 call, what, address);
}

Image::Image(const void *buffer, MPI_Count count, MPI_Datatype type, Use use)
    : Image(buffer, std::span<const Part>(std::begin({Part{0, count}}), 1), type, use) {}

Image::Image(const void *buffer, std::span<const Part> parts, MPI_Datatype type, Use use)
    : address_(const_cast<void *>(buffer)) {
    const bool is_empty = std::all_of(parts.begin(), parts.end(), [](const Part &part) { return part.count <= 0; });
    if (is_empty || buffer == MPI_IN_PLACE || type == MPI_DATATYPE_NULL) { return; }
    const ElementLayout layout = layout_of(type);
    const Range range = range_of(parts, layout);
    if (!is_in_segment(address_, range)) { return; }
    sections_.push_back({layout, {parts.begin(), parts.end()}, runs_of(type, layout)});
    make(range, use);
}

Image::Image(const void *buffer, std::span<const TypedPart> parts, Use use) : address_(const_cast<void *>(buffer)) {
    if (buffer == MPI_IN_PLACE) { return; }
    Range whole{0, 0};
    std::vector<MPI_Datatype> types;
    for (const TypedPart &part : parts) {
        if (part.count <= 0 || part.type == MPI_DATATYPE_NULL) { continue; }
        Section section{layout_of(part.type), {{part.offset, part.count}}, {}};
        const Range range = range_of(section.parts, section.layout);
        if (range.begin == range.end) { continue; }
        whole = types.empty() ? range : Range{std::min(whole.begin, range.begin), std::max(whole.end, range.end)};
        sections_.push_back(std::move(section));
        types.push_back(part.type);
    }
    if (!is_in_segment(address_, whole)) {
        sections_.clear();
        return;
    }
    for (std::size_t at = 0; at < types.size(); ++at) { sections_[at].runs = runs_of(types[at], sections_[at].layout); }
    make(whole, use);
}

void Image::make(Range range, Use use) {
    shared_ = static_cast<std::byte *>(address_);
    begin_ = range.begin;
    memory_.reset(static_cast<std::byte *>(std::malloc(static_cast<std::size_t>(range.end - range.begin))));
    if (!memory_) { end_for_lack_of_memory(range.end - range.begin); }
    address_ = memory_.get() - begin_;
    if (use == Use::Read || use == Use::ReadWrite) { load(); }
    if (use == Use::Receive) { prepare_to_receive(); }
}

/// Lets MPI unpack ones over zeros: where ones are then, the datatype has its bytes.
std::vector<Image::Run> Image::runs_of(MPI_Datatype type, const ElementLayout &layout) {
    std::vector<Run> runs;
    if (!layout.has_gaps()) { return runs; }
    int packed_bytes = 0;
    PMPI_Pack_size(1, type, MPI_COMM_SELF, &packed_bytes);
    const std::vector<unsigned char> ones(static_cast<std::size_t>(packed_bytes), UCHAR_MAX);
    std::vector<unsigned char> covered(static_cast<std::size_t>(layout.span), 0);
    int position = 0;
    PMPI_Unpack(ones.data(), packed_bytes, &position, covered.data() - layout.begin, 1, type, MPI_COMM_SELF);
    for (auto at = covered.begin(); at != covered.end();) {
        const auto begin = std::find(at, covered.end(), static_cast<unsigned char>(UCHAR_MAX));
        at = std::find(begin, covered.end(), static_cast<unsigned char>(0));
        if (begin != at) { runs.push_back({begin - covered.begin(), at - begin}); }
    }
    return runs;
}

/// copy(offset from the buffer's address, bytes) for every stretch without a gap.
template <class Copy> void Image::for_runs(Copy copy) const {
    for (const Section &section : sections_) {
        for (const Part &part : section.parts) { for_runs_of(section, part, copy); }
    }
}

template <class Copy> void Image::for_runs_of(const Section &section, const Part &part, Copy copy) {
    const ElementLayout &layout = section.layout;
    if (part.count <= 0) { return; }
    if (layout.is_dense()) { return copy(part.offset + layout.begin, part.count * layout.bytes); }
    for (MPI_Count element = 0; element < part.count; ++element) {
        const MPI_Count first = part.offset + element * layout.extent + layout.begin;
        if (!layout.has_gaps()) { copy(first, layout.bytes); }
        for (const Run &run : section.runs) { copy(first + run.begin, run.bytes); }
    }
}

void Image::load() {
    if (is_private()) { return; }
    for_runs([this](MPI_Count offset, MPI_Count bytes) {
        std::memcpy(memory_.get() + (offset - begin_), shared_ + offset, static_cast<std::size_t>(bytes));
    });
}

void Image::prepare_to_receive() {
    if (!is_one_run()) { load(); }
}

void Image::store() const {
    if (is_private()) { return; }
    for_runs([this](MPI_Count offset, MPI_Count bytes) {
        std::memcpy(shared_ + offset, memory_.get() + (offset - begin_), static_cast<std::size_t>(bytes));
    });
}

void Image::store_received(const MPI_Status &status) const {
    if (is_private()) { return; }
    MPI_Count received = 0;
    PMPI_Get_elements_x(&status, MPI_BYTE, &received);
    if (received == MPI_UNDEFINED || received <= 0) { return; }
    if (!is_one_run()) { return store(); } // What has not come was loaded before.
    const Section &all = sections_[0];
    store_bytes(0, std::min(received, all.parts[0].count * all.layout.bytes));
}

void Image::store_bytes(MPI_Count first, MPI_Count end) const {
    if (is_private() || first >= end) { return; }
    std::memcpy(shared_ + begin_ + first, memory_.get() + first, static_cast<std::size_t>(end - first));
}

} // namespace dsm::pmpi
