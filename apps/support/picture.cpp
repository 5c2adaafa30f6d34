// What is common to the picture formats: telling them apart, and the colours of temperatures.
#include "apps/support/picture.hpp"

#include "apps/support/file.hpp"
#include "apps/support/input_error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace apps {

Picture parse_picture(const std::string &name, std::string_view bytes, std::size_t max_pixels) {
    constexpr std::string_view png_signature = "\x89PNG";
    if (bytes.empty()) { throw InputError(name, "is empty"); }
    if (bytes.starts_with(png_signature)) { return parse_png(name, bytes, max_pixels); }
    if (bytes.starts_with("P2") || bytes.starts_with("P5")) { return parse_pgm(name, bytes, max_pixels); }
    throw InputError(name, "is neither a PNG nor a PGM (P2, P5) picture");
}

Picture read_picture(const std::string &path) { return parse_picture(path, read_file(path)); }

Colour false_colour(double temperature) {
    static constexpr std::array<Colour, 6> stops = {
        {{0, 0, 0}, {80, 10, 120}, {200, 30, 60}, {245, 130, 20}, {255, 225, 90}, {255, 255, 255}}};
    constexpr double last = stops.size() - 1;
    const double position = std::isnan(temperature) ? 0.0 : std::clamp(temperature, 0.0, 1.0) * last;
    const auto lower = std::min(static_cast<std::size_t>(position), stops.size() - 2);
    const double share = position - static_cast<double>(lower);
    const auto mix = [share](unsigned char from, unsigned char to) {
        return static_cast<unsigned char>(std::lround(from + share * (to - from)));
    };
    const Colour &from = stops[lower];
    const Colour &to = stops[lower + 1];
    return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

} // namespace apps
