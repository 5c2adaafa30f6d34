// A cache-blocked matrix product after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (2008): panels of A and B are packed into private buffers in the order in which the innermost loop reads them, so
// that this loop runs on consecutive, cached memory whatever the matrices live in. It differs in leaving the innermost
// loop to the compiler: the tile is small enough for its sums to stay in the registers of any 64-bit machine.
#include "apps/matrix_kernel.hpp"

#include <algorithm>
#include <vector>

namespace apps {
namespace {

constexpr std::size_t tile_rows = 4;
constexpr std::size_t tile_columns = 4;
constexpr std::size_t panel_rows = 64;     // of A: panel_rows x panel_inner doubles stay in the second-level cache
constexpr std::size_t panel_inner = 256;   // a sliver of B, panel_inner x tile_columns, stays in the first level
constexpr std::size_t panel_columns = 512; // of B: panel_inner x panel_columns doubles, 1 MiB

constexpr std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

// Slivers of tile_rows rows of A, each stored column by column; rows beyond the last are zero.
void pack_a(const double *a, std::size_t stride, std::size_t rows, std::size_t inner, double *packed) {
    for (std::size_t first = 0; first < rows; first += tile_rows) {
        const std::size_t height = std::min(tile_rows, rows - first);
        if (height < tile_rows) { std::fill_n(packed, inner * tile_rows, 0.0); }
        for (std::size_t row = 0; row < height; ++row) {
            const double *source = a + (first + row) * stride;
            for (std::size_t k = 0; k < inner; ++k) { packed[k * tile_rows + row] = source[k]; }
        }
        packed += inner * tile_rows;
    }
}

// Slivers of tile_columns columns of B, each stored row by row; columns beyond the last are zero.
void pack_b(const double *b, std::size_t stride, std::size_t inner, std::size_t columns, double *packed) {
    for (std::size_t first = 0; first < columns; first += tile_columns) {
        const std::size_t width = std::min(tile_columns, columns - first);
        for (std::size_t k = 0; k < inner; ++k) {
            std::copy_n(b + k * stride + first, width, packed);
            std::fill(packed + width, packed + tile_columns, 0.0);
            packed += tile_columns;
        }
    }
}

// sums[i][j] += A sliver * B sliver over the whole inner length of the panel.
void multiply_tile(const double *__restrict__ a, const double *__restrict__ b, std::size_t inner,
                   double (&__restrict__ sums)[tile_rows][tile_columns]) {
    double tile[tile_rows][tile_columns] = {};
    for (std::size_t k = 0; k < inner; ++k) {
        for (std::size_t i = 0; i < tile_rows; ++i) {
            for (std::size_t j = 0; j < tile_columns; ++j) {
                tile[i][j] += a[k * tile_rows + i] * b[k * tile_columns + j];
            }
        }
    }
    std::copy_n(&tile[0][0], tile_rows * tile_columns, &sums[0][0]);
}

// Adds the product of two packed panels to a block of C, tile after tile.
void multiply_panels(const double *a, const double *b, double *c, std::size_t stride, std::size_t rows,
                     std::size_t inner, std::size_t columns) {
    double sums[tile_rows][tile_columns];
    for (std::size_t column = 0; column < columns; column += tile_columns) {
        for (std::size_t row = 0; row < rows; row += tile_rows) {
            multiply_tile(a + row * inner, b + column * inner, inner, sums);
            const std::size_t height = std::min(tile_rows, rows - row);
            const std::size_t width = std::min(tile_columns, columns - column);
            for (std::size_t i = 0; i < height; ++i) {
                for (std::size_t j = 0; j < width; ++j) { c[(row + i) * stride + column + j] += sums[i][j]; }
            }
        }
    }
}

} // namespace

void multiply_rows(const double *a, const double *b, double *c, std::size_t rows, std::size_t inner,
                   std::size_t columns) {
    std::fill_n(c, rows * columns, 0.0);
    std::vector<double> packed_a(panel_inner * round_up(std::min(panel_rows, rows), tile_rows));
    std::vector<double> packed_b(panel_inner * round_up(std::min(panel_columns, columns), tile_columns));
    for (std::size_t column = 0; column < columns; column += panel_columns) {
        const std::size_t width = std::min(panel_columns, columns - column);
        for (std::size_t k = 0; k < inner; k += panel_inner) {
            const std::size_t depth = std::min(panel_inner, inner - k);
            pack_b(b + k * columns + column, columns, depth, width, packed_b.data());
            for (std::size_t row = 0; row < rows; row += panel_rows) {
                const std::size_t height = std::min(panel_rows, rows - row);
                pack_a(a + row * inner + k, inner, height, depth, packed_a.data());
                multiply_panels(packed_a.data(), packed_b.data(), c + row * columns + column, columns, height, depth,
                                width);
            }
        }
    }
}

} // namespace apps
