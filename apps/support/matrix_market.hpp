// Matrix Market files (Boisvert, Pozo and Remington, "The Matrix Market Exchange Formats", NISTIR 5935, 1996).
//
// Read: `array` and `coordinate`; `real`, `integer` and (coordinate only) `pattern`, whose entries count as 1;
// `general`, `symmetric` and `skew-symmetric`. Refused by name: `complex` and `hermitian`. One entry a line, as the
// format asks; blank lines and, before the sizes, comments are skipped. Entries given twice are added, as is usual for
// assembled matrices. Of a symmetric matrix only the lower triangle may be given, so that no entry is there twice.
#pragma once

#include "apps/support/matrix.hpp"

#include <string>
#include <string_view>

namespace apps {

/// The largest matrix (rows * columns) that is read: 2 GiB of doubles.
constexpr std::size_t max_matrix_entries = std::size_t{1} << 28;

/// Throws InputError with name and line number. Allocates no more than max_entries doubles.
Matrix parse_matrix_market(const std::string &name, std::string_view text,
                           std::size_t max_entries = max_matrix_entries);

Matrix read_matrix_market(const std::string &path);

/// As `array real general`, digits enough to read the same doubles back. `entries` is row-major.
std::string format_matrix_market(const double *entries, std::size_t rows, std::size_t columns);

} // namespace apps
