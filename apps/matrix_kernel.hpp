// The arithmetic of the matrix program: some rows of a product. The shared-memory and the MPI version call it.
#pragma once

#include <cstddef>

namespace apps {

/// C = A * B for dense row-major matrices without gaps: A is rows x inner, B is inner x columns, C is rows x columns.
/// Overwrites C, which overlaps neither A nor B. Any of the three sizes may be 0.
void multiply_rows(const double *a, const double *b, double *c, std::size_t rows, std::size_t inner,
                   std::size_t columns);

} // namespace apps
