// Copies between shared memory and its images.
#include "mpi_transport/pmpi/image.hpp"

#include <dsm/access.h>
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

struct Range {
    MPI_Count begin;
    MPI_Count end;
};

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
    layout_ = layout_of(type);
    const Range range = range_of(parts, layout_);
    const MPI_Count bytes = range.end - range.begin;
    auto *first = static_cast<std::byte *>(address_) + range.begin;
    if (bytes <= 0 || bytes > span_max || dsm_is_shared(first, static_cast<std::size_t>(bytes)) == 0) { return; }
    shared_ = static_cast<std::byte *>(address_);
    begin_ = range.begin;
    parts_.assign(parts.begin(), parts.end());
    memory_.reset(static_cast<std::byte *>(std::malloc(static_cast<std::size_t>(bytes))));
    if (!memory_) { end_for_lack_of_memory(bytes); }
    address_ = memory_.get() - begin_;
    if (layout_.has_gaps()) { find_runs(type); }
    if (use == Use::Read || use == Use::ReadWrite) { load(); }
    if (use == Use::Receive) { prepare_to_receive(); }
}

/// Lets MPI unpack ones over zeros: where ones are then, the datatype has its bytes.
void Image::find_runs(MPI_Datatype type) {
    int packed_bytes = 0;
    PMPI_Pack_size(1, type, MPI_COMM_SELF, &packed_bytes);
    const std::vector<unsigned char> ones(static_cast<std::size_t>(packed_bytes), UCHAR_MAX);
    std::vector<unsigned char> covered(static_cast<std::size_t>(layout_.span), 0);
    int position = 0;
    PMPI_Unpack(ones.data(), packed_bytes, &position, covered.data() - layout_.begin, 1, type, MPI_COMM_SELF);
    for (auto at = covered.begin(); at != covered.end();) {
        const auto begin = std::find(at, covered.end(), static_cast<unsigned char>(UCHAR_MAX));
        at = std::find(begin, covered.end(), static_cast<unsigned char>(0));
        if (begin != at) { runs_.push_back({begin - covered.begin(), at - begin}); }
    }
}

/// copy(offset from the buffer's address, bytes) for every stretch without a gap.
template <class Copy> void Image::for_runs(Copy copy) const {
    for (const Part &part : parts_) {
        if (part.count <= 0) { continue; }
        if (layout_.is_dense()) {
            copy(part.offset + layout_.begin, part.count * layout_.bytes);
            continue;
        }
        for (MPI_Count element = 0; element < part.count; ++element) {
            const MPI_Count first = part.offset + element * layout_.extent + layout_.begin;
            if (!layout_.has_gaps()) { copy(first, layout_.bytes); }
            for (const Run &run : runs_) { copy(first + run.begin, run.bytes); }
        }
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
    const MPI_Count bytes = std::min(received, parts_[0].count * layout_.bytes);
    std::memcpy(shared_ + layout_.begin, memory_.get(), static_cast<std::size_t>(bytes));
}

} // namespace dsm::pmpi
