// Pictures, PNG and PGM: what is read is as large as it says, and every sample is from 0 to 1.
#include "apps/support/picture.hpp"
#include "apps/support/input_error.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    constexpr std::size_t pixels_max = 1 << 16;
    const dsm::fuzz::Input input(data, size);
    try {
        const apps::Picture picture = apps::parse_picture("file", input.text(), pixels_max);
        FUZZ_REQUIRE(picture.width * picture.height <= pixels_max);
        FUZZ_REQUIRE(picture.luminance.size() == picture.width * picture.height && !picture.luminance.empty());
        for (const double sample : picture.luminance) { FUZZ_REQUIRE(sample >= 0 && sample <= 1); }
    } catch (const apps::InputError &error) { FUZZ_REQUIRE(std::string_view(error.what()).starts_with("file:")); }
    return 0;
}
