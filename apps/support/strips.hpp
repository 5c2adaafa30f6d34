// The rows of an array dealt out to the ranks: every rank a contiguous strip, as equal as can be.
#pragma once

#include <cstddef>

namespace apps {

/// rows from `first` up to, not including, `end`
struct RowRange {
    std::size_t first = 0;
    std::size_t end = 0;
    std::size_t count() const { return end - first; }
};

/// The strip of one of `ranks` ranks; empty where there are more ranks than rows.
inline RowRange rows_of(std::size_t rows, int rank, int ranks) {
    const auto part = static_cast<std::size_t>(rank);
    const auto parts = static_cast<std::size_t>(ranks);
    const std::size_t each = rows / parts;
    const std::size_t larger = rows % parts; // the first strips have one row more
    const std::size_t first = part * each + (part < larger ? part : larger);
    return {first, first + each + (part < larger ? 1 : 0)};
}

} // namespace apps
