// The picture readers and the false-colour writer: exact values, and what a broken file is told.
#include "apps/support/input_error.hpp"
#include "apps/support/picture.hpp"

#include <gtest/gtest.h>
#include <png.h>

#include <csetjmp>

namespace {

using apps::InputError;
using apps::parse_picture;
using apps::Picture;

using Luminance = std::vector<double>;

std::string refusal(const std::string &bytes, std::size_t max_pixels = apps::max_picture_pixels) {
    try {
        parse_picture("f", bytes, max_pixels);
    } catch (const InputError &error) { return error.what(); }
    return "accepted";
}

void append_bytes(png_structp png, png_bytep data, png_size_t size) {
    static_cast<std::string *>(png_get_io_ptr(png))->append(reinterpret_cast<const char *>(data), size);
}

// A PNG of `samples` as they stand, high byte first where bit_depth is 16.
std::string make_png(unsigned width, unsigned height, int bit_depth, int colour_type, const std::string &samples) {
    std::string bytes;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png)) != 0) { abort(); }
    png_set_write_fn(png, &bytes, append_bytes, nullptr);
    png_set_IHDR(png, info, width, height, bit_depth, colour_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    const std::size_t row_bytes = samples.size() / height;
    for (unsigned row = 0; row < height; ++row) {
        png_write_row(png, reinterpret_cast<png_const_bytep>(samples.data() + row * row_bytes));
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return bytes;
}

TEST(Pgm, ReadsDecimal) {
    const Picture picture = parse_picture("f", "P2 # drawn by hand\n3 2\n# a comment\n10\n0 5 10\n1 2 3");
    EXPECT_EQ(picture.width, 3u);
    EXPECT_EQ(picture.height, 2u);
    EXPECT_EQ(picture.luminance, (Luminance{0, .5, 1, .1, .2, .3}));
}

TEST(Pgm, ReadsBytes) {
    EXPECT_EQ(parse_picture("f", std::string("P5 2 1 255\n\x00\xff", 13)).luminance, (Luminance{0, 1}));
    // A sample that looks like a blank or a comment is a sample.
    EXPECT_EQ(parse_picture("f", "P5 2 1 255\n\n#").luminance, (Luminance{10 / 255.0, 35 / 255.0}));
}

TEST(Pgm, ReadsTwoByteSamples) {
    const std::string bytes("P5\n3 1\n65535\n\x00\x00\xff\xff\x01\x02", 19);
    EXPECT_EQ(parse_picture("f", bytes).luminance, (Luminance{0, 1, 258 / 65535.0}));
    EXPECT_EQ(parse_picture("f", "P2 1 1 65535 65535").luminance, (Luminance{1}));
}

TEST(Pgm, RefusesBadHeaders) {
    EXPECT_EQ(refusal(""), "f: is empty");
    EXPECT_EQ(refusal("P6 1 1 255\nabc"), "f: is neither a PNG nor a PGM (P2, P5) picture");
    EXPECT_EQ(refusal("P5"), "f: is too short, ends before the width");
    EXPECT_EQ(refusal("P5 # only a comment"), "f: is too short, ends before the width");
    EXPECT_EQ(refusal("P5 3 "), "f: is too short, ends before the height");
    EXPECT_EQ(refusal("P5 x 3 255\n"), "f: the width at byte 3 is not a number");
    EXPECT_EQ(refusal("P5 -3 3 255\n"), "f: the width at byte 3 is not a number");
    EXPECT_EQ(refusal("P5 0 3 255\n"), "f: the picture has no pixels");
    EXPECT_EQ(refusal("P5 1 1 0\nx"), "f: maxval 0 is not from 1 to 65535");
    EXPECT_EQ(refusal("P5 1 1 65536\nxx"), "f: maxval 65536 is not from 1 to 65535");
    EXPECT_EQ(refusal("P5 99999999999999999999 1 255\nx"), "f: the width is too large");
    EXPECT_EQ(refusal("P5 1 1 255"), "f: no blank behind maxval");
}

TEST(Pgm, RefusesSizesWhoseProductOverflows) {
    const std::string half = std::to_string(std::size_t{1} << 32);
    EXPECT_NE(refusal("P5 " + half + " " + half + " 255\nx").find("too large"), std::string::npos);
    EXPECT_NE(refusal("P5 3 3 255\n123456789", 8).find("the limit is 8 pixels"), std::string::npos);
}

TEST(Pgm, RefusesBadSamples) {
    EXPECT_EQ(refusal("P5 2 2 255\nabc"), "f: is too short, holds at most 3 of 4 samples");
    EXPECT_EQ(refusal("P5 2 2 256\nabcdefg"), "f: is too short, holds at most 3 of 4 samples");
    EXPECT_EQ(refusal("P2 2 2 255\n1 2 3"), "f: is too short, holds at most 3 of 4 samples");
    EXPECT_EQ(refusal("P2 2 2 255\n100 200 3"), "f: is too short, ends before the sample");
    EXPECT_EQ(refusal("P2 1 1 7\n8"), "f: sample 8 is above maxval 7");
    EXPECT_EQ(refusal("P5 1 1 7\n8"), "f: sample 56 is above maxval 7");
    EXPECT_EQ(refusal("P2 1 1 7\n3x"), "f: the sample at byte 9 is not a number");
}

TEST(Png, ReadsGrey) {
    const Picture picture = parse_picture("f", make_png(3, 1, 8, PNG_COLOR_TYPE_GRAY, std::string("\x00\x33\xff", 3)));
    EXPECT_EQ(picture.width, 3u);
    EXPECT_EQ(picture.height, 1u);
    EXPECT_EQ(picture.luminance, (Luminance{0, .2, 1}));
}

TEST(Png, ReadsSixteenBits) {
    const Luminance luminance =
        parse_picture("f", make_png(3, 1, 16, PNG_COLOR_TYPE_GRAY, std::string("\x00\x00\x33\x33\xff\xff", 6)))
            .luminance;
    EXPECT_EQ(luminance, (Luminance{0, .2, 1}));
}

TEST(Png, ReadsColourAsLuminance) {
    const std::string samples("\xff\x00\x00\x00\xff\x00\x00\x00\xff\xff\xff\xff", 12);
    const Luminance luminance = parse_picture("f", make_png(4, 1, 8, PNG_COLOR_TYPE_RGB, samples)).luminance;
    EXPECT_GT(luminance[1], luminance[0]); // green is brighter than red,
    EXPECT_GT(luminance[0], luminance[2]); // and red than blue
    EXPECT_EQ(luminance[3], 1.0);
}

TEST(Png, ShowsTransparentPartsBeforeBlack) {
    const std::string samples("\xff\xff\xff\x00\xff\xff\xff\xff", 8);
    EXPECT_EQ(parse_picture("f", make_png(2, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, samples)).luminance, (Luminance{0, 1}));
}

TEST(Png, RefusesTruncation) {
    const std::string good = make_png(16, 16, 8, PNG_COLOR_TYPE_GRAY, std::string(256, 'g'));
    constexpr std::size_t end_chunk_bytes = 12;
    for (std::size_t size = 4; size < good.size() - end_chunk_bytes; ++size) {
        EXPECT_EQ(refusal(good.substr(0, size)).substr(0, 8), "f: PNG: ") << size << " bytes";
    }
}

TEST(Png, RefusesTooManyPixels) {
    const std::string good = make_png(4, 4, 8, PNG_COLOR_TYPE_GRAY, std::string(16, 'g'));
    EXPECT_EQ(refusal(good, 15), "f: the picture is too large, the limit is 15 pixels");
    EXPECT_EQ(refusal(good, 16), "accepted");
}

// Every change of one byte is read or refused, and nothing else.
TEST(Pictures, SurviveDamage) {
    const std::string png = make_png(5, 4, 8, PNG_COLOR_TYPE_RGB, std::string(60, 'c'));
    for (const std::string &good : {png, std::string("P2 2 2 9\n1 2 3 4\n"), std::string("P5 2 2 300\n12345678")}) {
        for (std::size_t at = 0; at < good.size(); ++at) {
            for (const char put : {'\0', '9', '#', '\n', '\xff'}) {
                std::string damaged = good;
                damaged[at] = put;
                EXPECT_NO_FATAL_FAILURE(refusal(damaged, 1000));
            }
        }
    }
}

TEST(FalseColour, RisesFromBlackToWhiteAndIsClamped) {
    const auto sum = [](double temperature) {
        const apps::Colour colour = apps::false_colour(temperature);
        return colour.red + colour.green + colour.blue;
    };
    EXPECT_EQ(sum(0), 0);
    EXPECT_EQ(sum(1), 3 * 255);
    EXPECT_EQ(sum(-1e300), 0);
    EXPECT_EQ(sum(1e300), 3 * 255);
    EXPECT_EQ(sum(std::numeric_limits<double>::quiet_NaN()), 0);
    for (int i = 0; i < 100; ++i) { EXPECT_LT(sum(i / 100.0), sum((i + 1) / 100.0)) << i; }
}

TEST(FalseColour, PngHoldsThePixels) {
    const Luminance temperatures = {0, 1, .5, 1, 0, .25};
    const Picture picture = parse_picture("f", apps::format_false_colour_png("f", temperatures.data(), 3, 2));
    EXPECT_EQ(picture.width, 3u);
    EXPECT_EQ(picture.height, 2u);
    EXPECT_EQ(picture.luminance[0], 0.0);
    EXPECT_EQ(picture.luminance[1], 1.0);
    EXPECT_EQ(picture.luminance[3], 1.0);
    EXPECT_EQ(picture.luminance[4], 0.0);
    EXPECT_THROW(apps::format_false_colour_png("f", nullptr, 1000001, 1), InputError);
}

} // namespace
