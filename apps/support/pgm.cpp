// Netpbm's grey pictures: P2 (decimal numbers) and P5 (bytes, or two bytes with the high one first).
#include "apps/support/input_error.hpp"
#include "apps/support/picture.hpp"

#include <charconv>
#include <cstring>

namespace apps {
namespace {

constexpr std::size_t max_maxval = 65535;

bool is_blank(char c) { return c != 0 && std::strchr(" \t\n\v\f\r", c) != nullptr; }

class Reader {
public:
    Reader(const std::string &name, std::string_view bytes, std::size_t max_pixels)
        : name_(name), bytes_(bytes), max_pixels_(max_pixels) {}

    Picture read() {
        const bool binary = bytes_.substr(0, 2) == "P5";
        if (!binary && bytes_.substr(0, 2) != "P2") { fail("does not begin with P2 or P5"); }
        at_ = 2;
        Picture picture;
        picture.width = read_number("width");
        picture.height = read_number("height");
        maxval_ = read_number("maxval");
        if (picture.width == 0 || picture.height == 0) { fail("the picture has no pixels"); }
        if (maxval_ == 0 || maxval_ > max_maxval) {
            fail("maxval " + std::to_string(maxval_) + " is not from 1 to " + std::to_string(max_maxval));
        }
        if (picture.width > max_pixels_ / picture.height) {
            fail("the picture is too large, the limit is " + std::to_string(max_pixels_) + " pixels");
        }
        const std::size_t pixels = picture.width * picture.height;
        if (binary) {
            read_binary(pixels, picture.luminance);
        } else {
            read_decimal(pixels, picture.luminance);
        }
        return picture;
    }

private:
    [[noreturn]] void fail(const std::string &reason) const { throw InputError(name_, reason); }

    void skip_blanks_and_comments() {
        while (at_ < bytes_.size() && (is_blank(bytes_[at_]) || bytes_[at_] == '#')) {
            if (bytes_[at_] == '#') { at_ = std::min(bytes_.find('\n', at_), bytes_.size() - 1); }
            ++at_;
        }
    }

    std::size_t read_number(const char *what) {
        skip_blanks_and_comments();
        if (at_ == bytes_.size()) { fail(std::string("is too short, ends before the ") + what); }
        std::size_t value = 0;
        const char *const end = bytes_.data() + bytes_.size();
        const auto result = std::from_chars(bytes_.data() + at_, end, value);
        if (result.ec == std::errc::result_out_of_range) { fail(std::string("the ") + what + " is too large"); }
        if (result.ec != std::errc() || (result.ptr != end && !is_blank(*result.ptr) && *result.ptr != '#')) {
            fail(std::string("the ") + what + " at byte " + std::to_string(at_) + " is not a number");
        }
        at_ = static_cast<std::size_t>(result.ptr - bytes_.data());
        return value;
    }

    double luminance_of(std::size_t sample) const {
        if (sample > maxval_) {
            fail("sample " + std::to_string(sample) + " is above maxval " + std::to_string(maxval_));
        }
        return static_cast<double>(sample) / static_cast<double>(maxval_);
    }

    void read_binary(std::size_t pixels, std::vector<double> &luminance) {
        if (at_ == bytes_.size() || !is_blank(bytes_[at_])) { fail("no blank behind maxval"); }
        const std::string_view samples = bytes_.substr(at_ + 1);
        const std::size_t sample_bytes = maxval_ > 255 ? 2 : 1;
        if (samples.size() / sample_bytes < pixels) { fail_too_short(samples.size() / sample_bytes, pixels); }
        luminance.reserve(pixels);
        for (std::size_t i = 0; i < pixels; ++i) {
            std::size_t sample = static_cast<unsigned char>(samples[i * sample_bytes]);
            if (sample_bytes == 2) { sample = sample * 256 + static_cast<unsigned char>(samples[i * 2 + 1]); }
            luminance.push_back(luminance_of(sample));
        }
    }

    void read_decimal(std::size_t pixels, std::vector<double> &luminance) {
        // A digit and a blank each: a short file is refused before memory is taken for a large picture.
        const std::size_t possible = (bytes_.size() - at_) / 2;
        if (possible < pixels) { fail_too_short(possible, pixels); }
        luminance.reserve(pixels);
        while (luminance.size() < pixels) { luminance.push_back(luminance_of(read_number("sample"))); }
    }

    [[noreturn]] void fail_too_short(std::size_t found, std::size_t pixels) const {
        fail("is too short, holds at most " + std::to_string(found) + " of " + std::to_string(pixels) + " samples");
    }

    const std::string &name_;
    std::string_view bytes_;
    std::size_t max_pixels_;
    std::size_t at_ = 0; ///< the next byte to read, at_ <= bytes_.size()
    std::size_t maxval_ = 0;
};

} // namespace

Picture parse_pgm(const std::string &name, std::string_view bytes, std::size_t max_pixels) {
    return Reader(name, bytes, max_pixels).read();
}

} // namespace apps
