/**
 * @file error.hpp
 * Codes of the C interface as exceptions.
 */
#ifndef DSM_ERROR_HPP
#define DSM_ERROR_HPP

#include <system_error>

namespace dsm {

namespace detail {
inline void throw_on(int code, const char *what) {
    if (code > 0) { throw std::system_error(code, std::generic_category(), what); }
}
} // namespace detail

} // namespace dsm

#endif // DSM_ERROR_HPP
