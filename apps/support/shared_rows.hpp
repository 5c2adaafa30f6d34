// A two-dimensional array of doubles in shared memory, dealt out to the ranks by rows.
#pragma once

#include "apps/support/session.hpp"
#include "apps/support/strips.hpp"

#include <vector>

namespace apps {

/// Every rank's strip of rows stands without gaps and begins on a page of its own, so that no page is written by two
/// ranks whatever the width. Lives until libdsm ends.
class SharedRows {
public:
    /// Collective. Touches the own strip, so that its pages and, with first touch, their homes are at this node.
    SharedRows(std::size_t rows, std::size_t width, const dsm_alloc_attr_t &attr);

    double *row(std::size_t index) const { return rows_[index]; }
    std::size_t row_count() const { return rows_.size(); }
    std::size_t width() const { return width_; }
    /// The rows of this rank.
    RowRange own() const { return own_; }

    /// Sets this rank's rows to 0.
    void clear_own() const;
    /// Writes `entries`, row-major and without gaps, into all rows. One rank calls.
    void copy_from(const double *entries) const;
    /// All rows, row-major and without gaps.
    std::vector<double> copy_out() const;

private:
    std::size_t width_;
    RowRange own_;
    std::vector<double *> rows_;
};

} // namespace apps
