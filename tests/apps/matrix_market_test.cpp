// The Matrix Market reader and writer: every layout, field and symmetry, and what a broken file is told.
#include "apps/support/file.hpp"
#include "apps/support/input_error.hpp"
#include "apps/support/matrix_market.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

namespace {

using apps::InputError;
using apps::Matrix;
using apps::parse_matrix_market;

using Entries = std::vector<double>;

std::string refusal(const std::string &text, std::size_t max_entries = apps::max_matrix_entries) {
    try {
        parse_matrix_market("f", text, max_entries);
    } catch (const InputError &error) { return error.what(); }
    return "accepted";
}

std::string coordinate(const std::string &kind, const std::string &rest) {
    return "%%MatrixMarket matrix coordinate " + kind + "\n" + rest;
}

std::string array(const std::string &kind, const std::string &rest) {
    return "%%MatrixMarket matrix array " + kind + "\n" + rest;
}

TEST(MatrixMarket, ReadsArrayByColumns) {
    const Matrix matrix =
        parse_matrix_market("f", array("real general", "% a comment\n\n2 3\n1\n2\n3.5\n-4e1\n+5\n6\n"));
    EXPECT_EQ(matrix.rows, 2u);
    EXPECT_EQ(matrix.columns, 3u);
    EXPECT_EQ(matrix.entries, (Entries{1, 3.5, 5, 2, -40, 6}));
}

TEST(MatrixMarket, ReadsArraySymmetries) {
    EXPECT_EQ(parse_matrix_market("f", array("integer symmetric", "2 2\n1\n2\n3\n")).entries, (Entries{1, 2, 2, 3}));
    EXPECT_EQ(parse_matrix_market("f", array("real skew-symmetric", "2 2\n7\n")).entries, (Entries{0, -7, 7, 0}));
}

TEST(MatrixMarket, ReadsCoordinateFields) {
    EXPECT_EQ(parse_matrix_market("f", coordinate("real general", "2 2 2\n1 2 .5\n2 1 -2\n")).entries,
              (Entries{0, .5, -2, 0}));
    EXPECT_EQ(parse_matrix_market("f", coordinate("integer general", "1 2 1\n1 2 -9\n")).entries, (Entries{0, -9}));
    EXPECT_EQ(parse_matrix_market("f", coordinate("pattern general", "2 1 1\n2 1\n")).entries, (Entries{0, 1}));
}

TEST(MatrixMarket, ReadsCoordinateSymmetries) {
    EXPECT_EQ(parse_matrix_market("f", coordinate("real symmetric", "2 2 2\n1 1 3\n2 1 4\n")).entries,
              (Entries{3, 4, 4, 0}));
    EXPECT_EQ(parse_matrix_market("f", coordinate("pattern symmetric", "2 2 1\n2 1\n")).entries, (Entries{0, 1, 1, 0}));
    EXPECT_EQ(parse_matrix_market("f", coordinate("real skew-symmetric", "2 2 1\n2 1 4\n")).entries,
              (Entries{0, -4, 4, 0}));
}

TEST(MatrixMarket, AddsEntriesGivenTwice) {
    EXPECT_EQ(parse_matrix_market("f", coordinate("real general", "1 1 2\n1 1 2\n1 1 3\n")).entries, (Entries{5}));
}

TEST(MatrixMarket, ForgivesCaseBlanksLineEndsAndAMissingLastLineEnd) {
    const std::string text = "%%matrixmarket MATRIX Coordinate Real General\r\n%\r\n 1\t2  1 \r\n\r\n1 2 8";
    EXPECT_EQ(parse_matrix_market("f", text).entries, (Entries{0, 8}));
    EXPECT_EQ(parse_matrix_market("f", coordinate("real general", "2 2 0\n")).entries, (Entries{0, 0, 0, 0}));
}

TEST(MatrixMarket, RefusesBadHeaders) {
    EXPECT_EQ(refusal(""), "f: is empty");
    EXPECT_EQ(refusal("1 1\n5\n"), "f:1: does not begin with '%%MatrixMarket matrix LAYOUT FIELD SYMMETRY'");
    EXPECT_EQ(refusal("%%MatrixMarket vector array real general\n1 1\n1\n"), "f:1: holds no matrix but a 'vector'");
    EXPECT_EQ(refusal(array("complex general", "1 1\n1 1\n")), "f:1: field 'complex' is not supported");
    EXPECT_EQ(refusal(array("real hermitian", "1 1\n1\n")), "f:1: symmetry 'hermitian' is not supported");
    EXPECT_EQ(refusal(array("pattern general", "1 1\n1\n")),
              "f:1: a pattern must be coordinate, and general or symmetric");
}

TEST(MatrixMarket, RefusesBadSizes) {
    EXPECT_EQ(refusal(array("real general", "% only comments\n")), "f:2: ends before the sizes");
    EXPECT_EQ(refusal(array("real general", "1 1 1\n")), "f:2: expected 2 sizes, found '1 1 1'");
    EXPECT_EQ(refusal(array("real general", "0 4\n")), "f:2: the matrix has no entries");
    EXPECT_EQ(refusal(array("real general", "-1 4\n")), "f:2: '-1' is not a whole number");
    EXPECT_EQ(refusal(array("real symmetric", "1 2\n1\n")), "f:2: a symmetric matrix must be square");
    EXPECT_EQ(refusal(array("real general", "99999999999999999999 1\n")),
              "f:2: the number '99999999999999999999' is too large");
}

TEST(MatrixMarket, RefusesSizesWhoseProductOverflows) {
    const std::string half = std::to_string(std::size_t{1} << 32);
    EXPECT_NE(refusal(array("real general", half + " " + half + "\n1\n")).find("f:2: the matrix is too large"),
              std::string::npos);
    EXPECT_NE(refusal(coordinate("real general", half + " " + half + " 1\n1 1 1\n")).find("too large"),
              std::string::npos);
    EXPECT_NE(refusal(coordinate("real general", "3 3 0\n"), 8).find("the limit is 8"), std::string::npos);
    const std::string most = std::to_string(std::numeric_limits<std::size_t>::max());
    EXPECT_NE(refusal(coordinate("real general", "1 1 " + most + "\n1 1 1\n")).find("too short"), std::string::npos);
}

TEST(MatrixMarket, RefusesShortAndLongTexts) {
    EXPECT_NE(refusal(array("real general", "10000 10000\n1\n")).find("too short"), std::string::npos);
    EXPECT_NE(refusal(array("real general", "1 2\n1.2345\n")).find("f:3: is too short for the 2 entries"),
              std::string::npos);
    EXPECT_NE(refusal(coordinate("real general", "1 1 2\n1 1 1.25\n")).find("f:3: is too short"), std::string::npos);
    EXPECT_EQ(refusal(array("real general", "1 1\n1\n\n2\n")), "f:5: more text than the sizes announce");
}

TEST(MatrixMarket, RefusesBadEntries) {
    EXPECT_EQ(refusal(coordinate("real general", "2 2 1\n0 1 1\n")), "f:3: row 0 is not from 1 to 2");
    EXPECT_EQ(refusal(coordinate("real general", "2 2 1\n1 3 1\n")), "f:3: column 3 is not from 1 to 2");
    EXPECT_EQ(refusal(coordinate("real general", "2 2 1\n1 1\n")), "f:3: expected 3 numbers, found '1 1'");
    EXPECT_EQ(refusal(coordinate("pattern general", "2 2 1\n1 1 1\n")), "f:3: expected 2 numbers, found '1 1 1'");
    EXPECT_EQ(refusal(array("real general", "1 1\nabc\n")), "f:3: 'abc' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\n1x\n")), "f:3: '1x' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\nnan\n")), "f:3: 'nan' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\n-inf\n")), "f:3: '-inf' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\n+-1\n")), "f:3: '+-1' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\n1e999\n")), "f:3: the number '1e999' is out of range");
    EXPECT_EQ(refusal(array("integer general", "1 1\n1.5\n")), "f:3: '1.5' is not an integer");
    const std::string outside = "f:3: an entry outside the lower triangle of a symmetric matrix";
    EXPECT_EQ(refusal(coordinate("real symmetric", "2 2 1\n1 2 1\n")), outside);
    EXPECT_EQ(refusal(coordinate("real skew-symmetric", "2 2 1\n1 1 1\n")), outside);
}

TEST(MatrixMarket, ShowsStrangeBytesHarmlessly) {
    EXPECT_EQ(refusal(array("real general", "1 1\n\x1b[2J\n")), "f:3: '?[2J' is not a number");
    EXPECT_EQ(refusal(array("real general", "1 1\n" + std::string(100, 'z') + "\n")),
              "f:3: '" + std::string(40, 'z') + "...' is not a number");
}

// Every prefix and every change of one byte is read or refused, and nothing else.
TEST(MatrixMarket, SurvivesDamage) {
    const std::string good = coordinate("real symmetric", "3 3 3\n1 1 1.5\n2 1 -2e3\n3 2 4\n");
    for (std::size_t at = 0; at < good.size(); ++at) {
        EXPECT_NO_FATAL_FAILURE(refusal(good.substr(0, at), 100));
        for (const char put : {'\0', '9', '-', '\n', ' ', '\xff', 'e'}) {
            std::string damaged = good;
            damaged[at] = put;
            EXPECT_NO_FATAL_FAILURE(refusal(damaged, 100));
        }
    }
}

TEST(MatrixMarket, WritesWhatItReads) {
    const Entries entries = {1.0 / 3, -0.0, 1e-300, 6.02214076e23, 5, -7.25};
    const Matrix matrix = parse_matrix_market("f", apps::format_matrix_market(entries.data(), 2, 3));
    EXPECT_EQ(matrix.rows, 2u);
    EXPECT_EQ(matrix.columns, 3u);
    EXPECT_EQ(matrix.entries, entries);
}

class Files : public testing::Test {
protected:
    std::filesystem::path folder_ =
        std::filesystem::path(testing::TempDir()) / ("dsm_apps_" + std::to_string(getpid()));
    void SetUp() override { std::filesystem::create_directories(folder_); }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string path(const char *name) const { return (folder_ / name).string(); }
};

std::string read_refusal(const std::string &path, std::size_t max_bytes = apps::max_input_bytes) {
    try {
        apps::read_file(path, max_bytes);
    } catch (const InputError &error) { return error.what(); }
    return "accepted";
}

TEST_F(Files, AreReadAsWritten) {
    const std::string bytes = std::string(200000, 'x') + '\0' + "end";
    apps::write_file(path("a"), bytes);
    EXPECT_EQ(apps::read_file(path("a")), bytes);
    EXPECT_EQ(apps::read_file(path("a"), bytes.size()), bytes);
}

TEST_F(Files, AreNamedWithTheReason) {
    EXPECT_EQ(read_refusal(path("none")), path("none") + ": No such file or directory");
    EXPECT_EQ(read_refusal(folder_.string()), folder_.string() + ": Is a directory");
    apps::write_file(path("a"), "12345");
    EXPECT_EQ(read_refusal(path("a"), 4), path("a") + ": is too large, the limit is 4 bytes");
    EXPECT_THROW(apps::write_file(path("none/a"), "x"), InputError);
    EXPECT_THROW(apps::check_writable(path("none/a")), InputError);
    EXPECT_THROW(apps::read_matrix_market(path("none")), InputError);
}

TEST_F(Files, CheckWritableKeepsContents) {
    apps::write_file(path("a"), "kept");
    apps::check_writable(path("a"));
    EXPECT_EQ(apps::read_file(path("a")), "kept");
}

} // namespace
