// The input of the stencil program, and the serial run that its result is checked against.
#pragma once

#include "apps/support/picture.hpp"

#include <string>
#include <vector>

namespace apps {

/// A hot upper border and some warm squares on a cold plate. Requires size >= 3.
Picture generate_field(std::size_t size);

/// The luminance of a picture file is the temperature. Throws InputError, also for less than 3 x 3 pixels.
Picture read_field(const std::string &path);

/// The field after `steps` steps, by the same kernel without ranks: equal to the last bit.
std::vector<double> diffuse_serially(const Picture &initial, std::size_t steps);

} // namespace apps
