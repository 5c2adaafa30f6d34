// The Matrix Market reader and writer. The reader trusts nothing: sizes are checked before memory is taken for them.
#include "apps/support/matrix_market.hpp"

#include "apps/support/file.hpp"
#include "apps/support/text_lines.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace apps {
namespace {

enum class Layout { Array, Coordinate };
enum class Field { Real, Integer, Pattern };
enum class Symmetry { General, Symmetric, SkewSymmetric };

struct Header {
    Layout layout = Layout::Array;
    Field field = Field::Real;
    Symmetry symmetry = Symmetry::General;
};

std::string in_lower_case(std::string_view word) {
    std::string lower(word);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

std::string quoted(std::string_view word) {
    constexpr std::size_t max_shown = 40;
    std::string shown = "'";
    for (const char c : word.substr(0, max_shown)) {
        shown += std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?';
    }
    return shown + (word.size() > max_shown ? "...'" : "'");
}

class Reader {
public:
    Reader(const std::string &name, std::string_view text, std::size_t max_entries)
        : lines_(name, text), max_entries_(max_entries) {}

    Matrix read() {
        read_header();
        read_sizes();
        if (header_.layout == Layout::Array) {
            read_array();
        } else {
            read_coordinates();
        }
        if (lines_.next_with_words()) { lines_.fail("more text than the sizes announce"); }
        return std::move(matrix_);
    }

private:
    void read_header() {
        if (!lines_.next()) { lines_.fail("is empty"); }
        if (split_words(lines_.line(), words_) != 5 || in_lower_case(words_[0]) != "%%matrixmarket") {
            lines_.fail("does not begin with '%%MatrixMarket matrix LAYOUT FIELD SYMMETRY'");
        }
        if (in_lower_case(words_[1]) != "matrix") { lines_.fail("holds no matrix but a " + quoted(words_[1])); }
        header_.layout =
            pick(words_[2], "layout", std::array{"array", "coordinate"}, std::array{Layout::Array, Layout::Coordinate});
        header_.field = pick(words_[3], "field", std::array{"real", "double", "integer", "pattern"},
                             std::array{Field::Real, Field::Real, Field::Integer, Field::Pattern});
        header_.symmetry = pick(words_[4], "symmetry", std::array{"general", "symmetric", "skew-symmetric"},
                                std::array{Symmetry::General, Symmetry::Symmetric, Symmetry::SkewSymmetric});
        if (header_.field == Field::Pattern &&
            (header_.layout == Layout::Array || header_.symmetry == Symmetry::SkewSymmetric)) {
            lines_.fail("a pattern must be coordinate, and general or symmetric");
        }
    }

    template <class Value, std::size_t count> Value pick(std::string_view word, const char *what,
                                                         const std::array<const char *, count> &names,
                                                         const std::array<Value, count> &values) const {
        const std::string lower = in_lower_case(word);
        for (std::size_t i = 0; i < count; ++i) {
            if (lower == names[i]) { return values[i]; }
        }
        lines_.fail(std::string(what) + " " + quoted(word) + " is not supported");
    }

    void read_sizes() {
        if (!lines_.next_with_words('%')) { lines_.fail("ends before the sizes"); }
        const std::size_t wanted = header_.layout == Layout::Array ? 2 : 3;
        if (split_words(lines_.line(), words_) != wanted) {
            lines_.fail("expected " + std::to_string(wanted) + " sizes, found " + quoted(lines_.line()));
        }
        matrix_.rows = read_count(words_[0]);
        matrix_.columns = read_count(words_[1]);
        if (matrix_.rows == 0 || matrix_.columns == 0) { lines_.fail("the matrix has no entries"); }
        if (header_.symmetry != Symmetry::General && matrix_.rows != matrix_.columns) {
            lines_.fail("a symmetric matrix must be square");
        }
        if (matrix_.rows > max_entries_ / matrix_.columns) {
            lines_.fail("the matrix is too large, the limit is " + std::to_string(max_entries_) + " entries");
        }
        if (wanted == 3) { entry_count_ = read_count(words_[2]); }
    }

    // Columns one after the other; of a symmetric matrix the part from the diagonal on (below it if skew).
    void read_array() {
        const std::size_t rows = matrix_.rows;
        entry_count_ = rows * matrix_.columns;
        if (header_.symmetry == Symmetry::Symmetric) { entry_count_ = rows * (rows + 1) / 2; }
        if (header_.symmetry == Symmetry::SkewSymmetric) { entry_count_ = rows * (rows - 1) / 2; }
        // Each entry needs a digit and a line end: a short file is refused before memory is taken for a large matrix.
        if (entry_count_ > (lines_.rest_bytes() + 1) / 2) { fail_too_short(); }
        matrix_.entries.assign(rows * matrix_.columns, 0.0);
        for (std::size_t column = 0; column < matrix_.columns; ++column) {
            for (std::size_t row = first_row(column); row < rows; ++row) {
                read_words(1);
                add(row, column, read_value(words_[0]));
            }
        }
    }

    std::size_t first_row(std::size_t column) const {
        if (header_.symmetry == Symmetry::General) { return 0; }
        return header_.symmetry == Symmetry::Symmetric ? column : column + 1;
    }

    void read_coordinates() {
        // "1 1" and a line end
        if (entry_count_ > (lines_.rest_bytes() + 1) / 4) { fail_too_short(); }
        matrix_.entries.assign(matrix_.rows * matrix_.columns, 0.0);
        const bool pattern = header_.field == Field::Pattern;
        while (entries_read_ < entry_count_) {
            read_words(pattern ? 2 : 3);
            const std::size_t row = read_index(words_[0], matrix_.rows, "row");
            const std::size_t column = read_index(words_[1], matrix_.columns, "column");
            if (row < first_row(column)) { lines_.fail("an entry outside the lower triangle of a symmetric matrix"); }
            add(row, column, pattern ? 1.0 : read_value(words_[2]));
        }
    }

    void read_words(std::size_t wanted) {
        if (!lines_.next_with_words()) { fail_too_short(); }
        if (split_words(lines_.line(), words_) != wanted) {
            lines_.fail("expected " + std::to_string(wanted) + (wanted == 1 ? " number" : " numbers") + ", found " +
                        quoted(lines_.line()));
        }
        ++entries_read_;
    }

    void add(std::size_t row, std::size_t column, double value) {
        matrix_.entries[row * matrix_.columns + column] += value;
        if (row == column || header_.symmetry == Symmetry::General) { return; }
        matrix_.entries[column * matrix_.columns + row] += header_.symmetry == Symmetry::SkewSymmetric ? -value : value;
    }

    std::size_t read_count(std::string_view word) const {
        std::size_t value = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error == std::errc::result_out_of_range) { lines_.fail("the number " + quoted(word) + " is too large"); }
        if (error != std::errc() || end != word.data() + word.size()) {
            lines_.fail(quoted(word) + " is not a whole number");
        }
        return value;
    }

    // Indices count from 1 in the file, from 0 in memory.
    std::size_t read_index(std::string_view word, std::size_t limit, const char *what) const {
        const std::size_t index = read_count(word);
        if (index < 1 || index > limit) {
            lines_.fail(std::string(what) + " " + std::to_string(index) + " is not from 1 to " + std::to_string(limit));
        }
        return index - 1;
    }

    double read_value(std::string_view word) const {
        std::string_view digits = word;
        if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') { digits.remove_prefix(1); }
        return header_.field == Field::Integer ? static_cast<double>(read_as<std::int64_t>(word, digits))
                                               : read_as<double>(word, digits);
    }

    template <class Number> Number read_as(std::string_view word, std::string_view digits) const {
        Number value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error == std::errc::result_out_of_range) { lines_.fail("the number " + quoted(word) + " is out of range"); }
        if (error != std::errc() || end != digits.data() + digits.size() ||
            !std::isfinite(static_cast<double>(value))) {
            lines_.fail(quoted(word) + (header_.field == Field::Integer ? " is not an integer" : " is not a number"));
        }
        return value;
    }

    [[noreturn]] void fail_too_short() const {
        lines_.fail("is too short for the " + std::to_string(entry_count_) + " entries that the sizes announce");
    }

    TextLines lines_;
    std::size_t max_entries_;
    Header header_;
    Matrix matrix_;
    std::size_t entry_count_ = 0;  ///< lines of entries that the sizes announce
    std::size_t entries_read_ = 0; ///< <= entry_count_
    std::vector<std::string_view> words_ = std::vector<std::string_view>(5);
};

} // namespace

Matrix parse_matrix_market(const std::string &name, std::string_view text, std::size_t max_entries) {
    return Reader(name, text, max_entries).read();
}

Matrix read_matrix_market(const std::string &path) { return parse_matrix_market(path, read_file(path)); }

std::string format_matrix_market(const double *entries, std::size_t rows, std::size_t columns) {
    std::string text = "%%MatrixMarket matrix array real general\n";
    text += std::to_string(rows) + " " + std::to_string(columns) + "\n";
    for (std::size_t column = 0; column < columns; ++column) {
        for (std::size_t row = 0; row < rows; ++row) {
            char digits[32];
            const auto result = std::to_chars(digits, digits + sizeof digits, entries[row * columns + column]);
            text.append(digits, result.ptr);
            text += '\n';
        }
    }
    return text;
}

} // namespace apps
