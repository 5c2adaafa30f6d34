/**
 * @file memory.hpp
 * Shared memory for C++.
 */
#ifndef DSM_MEMORY_HPP
#define DSM_MEMORY_HPP

#include <dsm/error.hpp>
#include <dsm/memory.h>

#include <cerrno>
#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <type_traits>

namespace dsm {

/** Attributes of alloc_array(): dsm_alloc_attr_t with its defaults filled in. */
struct alloc_attr : dsm_alloc_attr_t {
    alloc_attr() : dsm_alloc_attr_t DSM_ALLOC_ATTR_INITIALIZER {}
};

/**
 * Collective: an array of count zeroed elements at the same address in every rank. Freed by one rank with
 * dsm_free(array.data()). Throws std::bad_alloc, or std::system_error for bad attributes.
 */
template <class T>
requires std::is_trivially_copyable_v<T> std::span<T> alloc_array(std::size_t count,
                                                                  const dsm_alloc_attr_t &attr = alloc_attr()) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) { throw std::bad_alloc(); }
    void *block = dsm_alloc(count * sizeof(T), &attr);
    if (block == nullptr) {
        if (errno == ENOMEM) { throw std::bad_alloc(); }
        throw std::system_error(errno, std::generic_category(), "dsm_alloc");
    }
    return {static_cast<T *>(block), count};
}

} // namespace dsm

#endif // DSM_MEMORY_HPP
