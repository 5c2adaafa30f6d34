// The arithmetic of the stencil program, one row at a time. The shared-memory version, the MPI version and the serial
// check all call it, so that they do the same floating-point operations and must agree to the last bit.
#pragma once

#include <cstddef>

namespace apps {

/// One Jacobi update of a row: every inner cell of `out` becomes the mean of its four neighbours in the old field, the
/// first and last cell keep their old value (the border of the field is fixed). `out` overlaps no other row.
/// Requires width >= 3.
void relax_row(double *out, const double *above, const double *row, const double *below, std::size_t width);

} // namespace apps
