// The arithmetic of the programs against the textbook's loops, how rows are dealt out, and that checks find errors.
#include "apps/matrix_kernel.hpp"
#include "apps/matrix_problem.hpp"
#include "apps/stencil_kernel.hpp"
#include "apps/stencil_problem.hpp"
#include "apps/support/file.hpp"
#include "apps/support/input_error.hpp"
#include "apps/support/strips.hpp"
#include "apps/support/timing.hpp"

#include <gtest/gtest.h>

namespace {

using Entries = std::vector<double>;

// Whole numbers, so that sums are exact in whatever order.
Entries whole_numbers(std::size_t count, std::size_t factor) {
    Entries values(count);
    for (std::size_t i = 0; i < count; ++i) { values[i] = static_cast<double>(i * factor % 19) - 9.0; }
    return values;
}

TEST(MatrixKernel, EqualsTheTextbook) {
    // Around and beyond the sizes of tiles and panels.
    for (const std::size_t rows : {0u, 1u, 3u, 4u, 5u, 65u}) {
        for (const std::size_t inner : {0u, 1u, 7u, 256u, 259u}) {
            for (const std::size_t columns : {0u, 1u, 4u, 6u, 515u}) {
                const Entries a = whole_numbers(rows * inner, 7);
                const Entries b = whole_numbers(inner * columns, 11);
                Entries expected(rows * columns, 0.0);
                for (std::size_t i = 0; i < rows; ++i) {
                    for (std::size_t k = 0; k < inner; ++k) {
                        for (std::size_t j = 0; j < columns; ++j) {
                            expected[i * columns + j] += a[i * inner + k] * b[k * columns + j];
                        }
                    }
                }
                Entries c(rows * columns, -1.0);
                apps::multiply_rows(a.data(), b.data(), c.data(), rows, inner, columns);
                EXPECT_EQ(c, expected) << rows << " x " << inner << " x " << columns;
            }
        }
    }
}

TEST(StencilKernel, TakesTheMeanOfFourNeighboursAndKeepsTheEnds) {
    const Entries above = {100, 1, 2, 3, 100};
    const Entries row = {10, 20, 30, 40, 50};
    const Entries below = {100, 5, 6, 7, 100};
    Entries out(5, -1.0);
    apps::relax_row(out.data(), above.data(), row.data(), below.data(), 5);
    EXPECT_EQ(out, (Entries{10, 11.5, 17, 22.5, 50}));
}

TEST(StencilKernel, RoundsEveryColumnAlike) { // whether the compiler did it in the loop's vector part or its rest
    for (std::size_t width = 3; width < 40; ++width) {
        const Entries above(width, 0.1), row(width, 0.3), below(width, 0.7);
        Entries out(width);
        apps::relax_row(out.data(), above.data(), row.data(), below.data(), width);
        for (std::size_t i = 1; i + 1 < width; ++i) { EXPECT_EQ(out[i], out[1]) << i << " of " << width; }
    }
}

TEST(StencilProblem, HeatSpreadsOneCellAStepAndTheBorderStays) {
    apps::Picture field{5, 5, Entries(25, 0.0)};
    field.luminance[12] = 16; // the middle
    field.luminance[2] = 8;   // of the upper border
    EXPECT_EQ(apps::diffuse_serially(field, 0), field.luminance);
    EXPECT_EQ(apps::diffuse_serially(field, 1), (Entries{0, 0, 8, 0, 0, //
                                                         0, 0, 6, 0, 0, //
                                                         0, 4, 0, 4, 0, //
                                                         0, 0, 4, 0, 0, //
                                                         0, 0, 0, 0, 0}));
}

TEST(StencilProblem, SettlesWhereEveryCellIsTheMeanOfItsNeighbours) {
    apps::Picture field{6, 6, Entries(36)};
    for (std::size_t i = 0; i < 36; ++i) { field.luminance[i] = i % 6 == 0 ? 0.0 : static_cast<double>(i % 6); }
    EXPECT_EQ(apps::diffuse_serially(field, 100), field.luminance);
}

TEST(MatrixProblem, CheckAcceptsTheProductAndFindsOneWrongEntry) {
    const apps::ProductInput input = apps::generate_product_input(50);
    Entries c(2500);
    apps::multiply_rows(input.a.entries.data(), input.b.entries.data(), c.data(), 50, 50, 50);
    EXPECT_TRUE(apps::is_product(input, c, false));
    EXPECT_TRUE(apps::is_product(input, c, true));
    for (const std::size_t entry : {0u, 1234u, 2499u}) {
        Entries wrong = c;
        wrong[entry] += 0.125;
        EXPECT_FALSE(apps::is_product(input, wrong, false)) << entry;
        wrong[entry] = std::numeric_limits<double>::quiet_NaN();
        EXPECT_FALSE(apps::is_product(input, wrong, false)) << entry;
    }
    Entries last_wrong = c;
    last_wrong.back() += 0.125;
    EXPECT_FALSE(apps::is_product(input, last_wrong, true));
}

TEST(MatrixProblem, FilesMustFitEachOther) {
    const std::string tall = testing::TempDir() + "dsm_tall_" + std::to_string(getpid()) + ".mtx";
    apps::write_file(tall, "%%MatrixMarket matrix array integer general\n2 1\n3\n4\n");
    EXPECT_THROW(apps::read_product_input({tall}), apps::InputError);
    std::remove(tall.c_str());
}

TEST(Strips, CoverAllRowsInOrderAndDifferByAtMostOne) {
    for (std::size_t rows = 0; rows < 30; ++rows) {
        for (int ranks = 1; ranks < 9; ++ranks) {
            std::size_t next = 0;
            for (int rank = 0; rank < ranks; ++rank) {
                const apps::RowRange strip = apps::rows_of(rows, rank, ranks);
                EXPECT_EQ(strip.first, next);
                EXPECT_GE(strip.count(), rows / static_cast<std::size_t>(ranks));
                EXPECT_LE(strip.count(), rows / static_cast<std::size_t>(ranks) + 1);
                next = strip.end;
            }
            EXPECT_EQ(next, rows);
        }
    }
}

TEST(Timing, MedianOfOddAndEvenNumbers) {
    EXPECT_EQ(apps::median({}), 0.0);
    EXPECT_EQ(apps::median({3, 1, 2}), 2.0);
    EXPECT_EQ(apps::median({4, 1, 3, 2}), 2.5);
}

} // namespace
