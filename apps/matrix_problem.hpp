// The input of the matrix program, and the check of its result.
#pragma once

#include "apps/support/matrix.hpp"

#include <string>
#include <vector>

namespace apps {

/// A is rows x inner, B is inner x columns, C is rows x columns; none of the three is 0.
struct ProductShape {
    std::size_t rows = 0;
    std::size_t inner = 0;
    std::size_t columns = 0;
};

struct ProductInput {
    Matrix a;
    Matrix b;
    ProductShape shape() const { return {a.rows, a.columns, b.columns}; }
};

/// Two square matrices of small multiples of 1/8: every sum of their products is exact, in whatever order.
ProductInput generate_product_input(std::size_t size);

/// One file for both A and B, or two. Throws InputError, also where the shapes do not fit.
ProductInput read_product_input(const std::vector<std::string> &paths);

/// Compares C, row-major, with a serial product by the textbook's loops: all rows, or some spread over the matrix. The
/// tolerance is what rounding can amount to (Higham, "Accuracy and Stability of Numerical Algorithms", 3.5).
bool is_product(const ProductInput &input, const std::vector<double> &c, bool sample);

} // namespace apps
