// The input of the stencil program, and the serial run that its result is checked against.
#include "apps/stencil_problem.hpp"

#include "apps/stencil_kernel.hpp"
#include "apps/support/input_error.hpp"

#include <utility>

namespace apps {

Picture generate_field(std::size_t size) {
    Picture field{size, size, std::vector<double>(size * size, 0.0)};
    for (std::size_t row = 0; row < size; ++row) {
        for (std::size_t column = 0; column < size; ++column) {
            const bool in_square = row * 8 / size % 3 == 1 && column * 8 / size % 3 == 1;
            field.luminance[row * size + column] = row == 0 ? 1.0 : in_square ? 0.75 : 0.0;
        }
    }
    return field;
}

Picture read_field(const std::string &path) {
    Picture field = read_picture(path);
    if (field.width < 3 || field.height < 3) { throw InputError(path, "is smaller than 3 x 3 pixels"); }
    return field;
}

std::vector<double> diffuse_serially(const Picture &initial, std::size_t steps) {
    std::vector<double> from = initial.luminance;
    std::vector<double> to = from;
    const std::size_t width = initial.width;
    for (std::size_t step = 0; step < steps; ++step) {
        for (std::size_t cell = width; cell < (initial.height - 1) * width; cell += width) {
            relax_row(&to[cell], &from[cell - width], &from[cell], &from[cell + width], width);
        }
        std::swap(from, to);
    }
    return from;
}

} // namespace apps
