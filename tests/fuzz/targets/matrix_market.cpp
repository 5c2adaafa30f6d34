// Matrix Market files: what is read is as large as it says and survives being written; what is refused names the file.
#include "apps/support/matrix_market.hpp"
#include "apps/support/input_error.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    constexpr std::size_t entries_max = 4096;
    const dsm::fuzz::Input input(data, size);
    try {
        const apps::Matrix matrix = apps::parse_matrix_market("file", input.text(), entries_max);
        FUZZ_REQUIRE(matrix.entries.size() == matrix.rows * matrix.columns && matrix.entries.size() <= entries_max);
        for (const double entry : matrix.entries) {
            if (!std::isfinite(entry)) { return 0; } // Entries given twice may add up to more than a double holds.
        }
        const std::string text = apps::format_matrix_market(matrix.entries.data(), matrix.rows, matrix.columns);
        const apps::Matrix again = apps::parse_matrix_market("again", text, entries_max);
        FUZZ_REQUIRE(again.rows == matrix.rows && again.columns == matrix.columns);
        FUZZ_REQUIRE(again.entries == matrix.entries);
    } catch (const apps::InputError &error) { FUZZ_REQUIRE(std::string_view(error.what()).starts_with("file:")); }
    return 0;
}
