// The one exception for what a user gave us and can mend: a file or an option. Its text is one clear line.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace apps {

class InputError : public std::runtime_error {
public:
    /// "NAME: reason"
    InputError(const std::string &name, const std::string &reason) : std::runtime_error(name + ": " + reason) {}
    /// "NAME:LINE: reason"; lines count from 1.
    InputError(const std::string &name, std::size_t line, const std::string &reason)
        : std::runtime_error(name + ":" + std::to_string(line) + ": " + reason) {}
};

} // namespace apps
