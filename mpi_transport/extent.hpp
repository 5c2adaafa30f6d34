// Which bytes the elements of a datatype take, counted from a buffer's address.
#pragma once

#include <mpi.h>

#include <algorithm>

namespace dsm::transport {

struct ByteRange {
    MPI_Count begin = 0;
    MPI_Count end = 0;
    [[nodiscard]] bool is_empty() const { return begin >= end; }
    /// The smallest range that has both.
    [[nodiscard]] ByteRange with(ByteRange other) const {
        if (is_empty()) { return other; }
        return other.is_empty() ? *this : ByteRange{std::min(begin, other.begin), std::max(end, other.end)};
    }
};

/// Of `count` elements, the first of them `offset` bytes from the buffer's address.
inline ByteRange range_of(MPI_Count count, MPI_Datatype type, MPI_Count offset = 0) {
    MPI_Count bytes = 0;
    if (count <= 0 || type == MPI_DATATYPE_NULL || PMPI_Type_size_x(type, &bytes) != MPI_SUCCESS || bytes <= 0) {
        return {};
    }
    MPI_Count lower = 0;
    MPI_Count extent = 0;
    MPI_Count first = 0;
    MPI_Count span = 0;
    PMPI_Type_get_extent_x(type, &lower, &extent);
    PMPI_Type_get_true_extent_x(type, &first, &span);
    const MPI_Count last = (count - 1) * extent;
    return {offset + first + std::min<MPI_Count>(0, last), offset + first + span + std::max<MPI_Count>(0, last)};
}

inline MPI_Count extent_of(MPI_Datatype type) {
    MPI_Count lower = 0;
    MPI_Count extent = 0;
    PMPI_Type_get_extent_x(type, &lower, &extent);
    return extent;
}

} // namespace dsm::transport
