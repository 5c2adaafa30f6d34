// PNG in and out through libpng's simplified interface, which reports errors by value: no longjmp crosses our frames.
#include "apps/support/input_error.hpp"
#include "apps/support/picture.hpp"

#include <png.h>

namespace apps {
namespace {

// libpng's handle, freed with the scope.
class Image {
public:
    Image() { image_.version = PNG_IMAGE_VERSION; }
    ~Image() { png_image_free(&image_); }
    Image(const Image &) = delete;
    Image &operator=(const Image &) = delete;
    png_image *operator->() { return &image_; }
    png_image *get() { return &image_; }
    [[noreturn]] void fail(const std::string &name) const {
        throw InputError(name, std::string("PNG: ") + image_.message);
    }

private:
    png_image image_ = {};
};

} // namespace

Picture parse_png(const std::string &name, std::string_view bytes, std::size_t max_pixels) {
    Image image;
    if (png_image_begin_read_from_memory(image.get(), bytes.data(), bytes.size()) == 0) { image.fail(name); }
    Picture picture;
    picture.width = image->width;
    picture.height = image->height;
    if (picture.width > max_pixels / picture.height) {
        throw InputError(name, "the picture is too large, the limit is " + std::to_string(max_pixels) + " pixels");
    }
    image->format = PNG_FORMAT_GRAY;
    image->flags |=
        PNG_IMAGE_FLAG_16BIT_sRGB; // 16-bit files hold the same curve as 8-bit ones, as drawing programs write them
    std::vector<unsigned char> samples(picture.width * picture.height);
    const png_color black = {0, 0, 0};
    if (png_image_finish_read(image.get(), &black, samples.data(), 0, nullptr) == 0) { image.fail(name); }
    picture.luminance.reserve(samples.size());
    for (const unsigned char sample : samples) { picture.luminance.push_back(sample / 255.0); }
    return picture;
}

std::string format_false_colour_png(const std::string &name, const double *temperatures, std::size_t width,
                                    std::size_t height) {
    constexpr std::size_t max_side = 1000000; // what libpng's readers accept
    if (width > max_side || height > max_side || width > max_picture_pixels / height) {
        throw InputError(name, "a field this large does not fit a PNG");
    }
    std::vector<Colour> colours(width * height);
    for (std::size_t i = 0; i < colours.size(); ++i) { colours[i] = false_colour(temperatures[i]); }
    Image image;
    image->width = static_cast<png_uint_32>(width);
    image->height = static_cast<png_uint_32>(height);
    image->format = PNG_FORMAT_RGB;
    png_alloc_size_t size_bytes = 0;
    if (png_image_write_get_memory_size(*image.get(), size_bytes, 0, colours.data(), 0, nullptr) == 0) {
        image.fail(name);
    }
    std::string bytes(size_bytes, '\0');
    if (png_image_write_to_memory(image.get(), bytes.data(), &size_bytes, 0, colours.data(), 0, nullptr) == 0) {
        image.fail(name);
    }
    bytes.resize(size_bytes);
    return bytes;
}

} // namespace apps
