// The input of the matrix program, and the check of its result.
#include "apps/matrix_problem.hpp"

#include "apps/support/input_error.hpp"
#include "apps/support/matrix_market.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace apps {
namespace {

Matrix generate(std::size_t size, std::size_t row_factor, std::size_t column_factor) {
    Matrix matrix{size, size, std::vector<double>(size * size)};
    for (std::size_t row = 0; row < size; ++row) {
        for (std::size_t column = 0; column < size; ++column) {
            const std::size_t mixed = row * row_factor + column * column_factor + row * column % 11;
            matrix.entries[row * size + column] = (static_cast<double>(mixed % 17) - 8.0) / 8.0;
        }
    }
    return matrix;
}

std::string shape_text(const Matrix &matrix) {
    return std::to_string(matrix.rows) + " x " + std::to_string(matrix.columns);
}

double sum_of_magnitudes(const double *values, std::size_t count) {
    double sum = 0.0;
    for (std::size_t i = 0; i < count; ++i) { sum += std::abs(values[i]); }
    return sum;
}

double largest_magnitude(const std::vector<double> &values) {
    double largest = 0.0;
    for (const double value : values) { largest = std::max(largest, std::abs(value)); }
    return largest;
}

} // namespace

ProductInput generate_product_input(std::size_t size) { return {generate(size, 7, 13), generate(size, 5, 3)}; }

ProductInput read_product_input(const std::vector<std::string> &paths) {
    ProductInput input;
    input.a = read_matrix_market(paths.front());
    input.b = paths.size() == 1 ? input.a : read_matrix_market(paths.back());
    if (input.a.columns != input.b.rows) {
        throw InputError(paths.back(), "a " + shape_text(input.b) + " matrix cannot follow a " + shape_text(input.a) +
                                           " matrix in a product");
    }
    if (input.a.rows > max_matrix_entries / input.b.columns) {
        throw InputError(paths.front(), "the product is too large");
    }
    return input;
}

bool is_product(const ProductInput &input, const std::vector<double> &c, bool sample) {
    constexpr std::size_t sampled_rows = 32;
    const auto [rows, inner, columns] = input.shape();
    const std::size_t checked = sample ? std::min(sampled_rows, rows) : rows;
    // Two sums of `inner` terms, each rounded at most once a term.
    const double rounding = 2.0 * static_cast<double>(inner + 1) * std::numeric_limits<double>::epsilon();
    const double largest_b = largest_magnitude(input.b.entries);
    std::vector<double> sums(columns);
    for (std::size_t i = 0; i < checked; ++i) {
        const std::size_t row = checked == 1 ? 0 : i * (rows - 1) / (checked - 1); // the first, the last, and between
        const double *const a = &input.a.entries[row * inner];
        std::ranges::fill(sums, 0.0);
        for (std::size_t k = 0; k < inner; ++k) {
            const double *const b = &input.b.entries[k * columns];
            for (std::size_t column = 0; column < columns; ++column) { sums[column] += a[k] * b[column]; }
        }
        const double tolerance = rounding * sum_of_magnitudes(a, inner) * largest_b;
        for (std::size_t column = 0; column < columns; ++column) {
            // written so that a result that is not a number fails
            if (!(std::abs(sums[column] - c[row * columns + column]) <= tolerance)) { return false; }
        }
    }
    return true;
}

} // namespace apps
