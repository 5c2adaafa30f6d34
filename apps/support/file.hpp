// Whole files in and out. Every failure is an InputError that names the file and the reason.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace apps {

/// The largest input file that the programs read.
constexpr std::size_t max_input_bytes = std::size_t{1} << 30;

std::string read_file(const std::string &path, std::size_t max_bytes = max_input_bytes);

/// Replaces what the file held before.
void write_file(const std::string &path, std::string_view bytes);

/// Throws if the file cannot be written, so that this is known before the work is done. Creates it if there is none.
void check_writable(const std::string &path);

} // namespace apps
