// Pictures as fields of numbers: PNG (by libpng) and PGM (netpbm's P2 and P5) in, false-colour PNG out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace apps {

/// The luminance of a picture.
struct Picture {
    std::size_t width = 0;
    std::size_t height = 0;
    std::vector<double> luminance; ///< row-major, width * height values from 0 (black) to 1 (white)
};

/// The largest picture (width * height) that is read or written.
constexpr std::size_t max_picture_pixels = std::size_t{1} << 28;

/// The three parsers throw InputError and allocate no more than some multiple of max_pixels.
Picture parse_pgm(const std::string &name, std::string_view bytes, std::size_t max_pixels = max_picture_pixels);
/// Colours become their luminance, transparent parts are seen before black.
Picture parse_png(const std::string &name, std::string_view bytes, std::size_t max_pixels = max_picture_pixels);
/// PNG or PGM, told apart by their first bytes.
Picture parse_picture(const std::string &name, std::string_view bytes, std::size_t max_pixels = max_picture_pixels);

Picture read_picture(const std::string &path);

/// One byte each for red, green and blue.
struct Colour {
    unsigned char red, green, blue;
};

/// Black, violet, red, orange, yellow, white as the temperature goes from 0 to 1; clamped outside.
Colour false_colour(double temperature);

/// The bytes of a PNG file. `temperatures` is row-major, width * height values. `name` stands in errors.
std::string format_false_colour_png(const std::string &name, const double *temperatures, std::size_t width,
                                    std::size_t height);

} // namespace apps
