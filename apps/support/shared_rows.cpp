// A two-dimensional array of doubles in shared memory.
#include "apps/support/shared_rows.hpp"

#include <algorithm>

namespace apps {
namespace {

constexpr std::size_t page_doubles = 4096 / sizeof(double);

std::size_t strip_doubles(RowRange strip, std::size_t width) {
    return (strip.count() * width + page_doubles - 1) / page_doubles * page_doubles;
}

} // namespace

SharedRows::SharedRows(std::size_t rows, std::size_t width, const dsm_alloc_attr_t &attr)
    : width_(width), own_(rows_of(rows, dsm::rank(), dsm::size())) {
    std::size_t doubles = 0;
    for (int rank = 0; rank < dsm::size(); ++rank) {
        doubles += strip_doubles(rows_of(rows, rank, dsm::size()), width);
    }
    double *strip_begin = alloc_shared<double>(doubles, attr).data();
    rows_.reserve(rows);
    for (int rank = 0; rank < dsm::size(); ++rank) {
        const RowRange strip = rows_of(rows, rank, dsm::size());
        for (std::size_t i = 0; i < strip.count(); ++i) { rows_.push_back(strip_begin + i * width); }
        strip_begin += strip_doubles(strip, width);
    }
    clear_own();
    dsm::barrier_all();
}

void SharedRows::clear_own() const {
    for (std::size_t i = own_.first; i < own_.end; ++i) { std::fill_n(row(i), width_, 0.0); }
}

void SharedRows::copy_from(const double *entries) const {
    for (std::size_t i = 0; i < row_count(); ++i) { std::copy_n(entries + i * width_, width_, row(i)); }
}

std::vector<double> SharedRows::copy_out() const {
    std::vector<double> entries;
    entries.reserve(row_count() * width_);
    for (double *const begin : rows_) { entries.insert(entries.end(), begin, begin + width_); }
    return entries;
}

} // namespace apps
