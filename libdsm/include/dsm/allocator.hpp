/**
 * @file allocator.hpp
 * Shared memory for the standard's containers.
 */
#ifndef DSM_ALLOCATOR_HPP
#define DSM_ALLOCATOR_HPP

#include <dsm/memory.h>
#include <dsm/shareable.hpp>

#include <cerrno>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

namespace dsm {

namespace detail {

/// Throws std::bad_alloc for want of memory, std::system_error when libdsm is not running.
inline void *allocate_bytes(std::size_t alignment, std::size_t bytes) {
    void *block = alignment > alignof(std::max_align_t) ? dsm_aligned_alloc(alignment, bytes) : dsm_malloc(bytes);
    if (block != nullptr) { return block; }
    if (errno == ENOMEM) { throw std::bad_alloc(); }
    throw std::system_error(errno, std::generic_category(), "shared memory");
}

template <class T> std::size_t bytes_of_array(std::size_t count, std::size_t bytes_before = 0) {
    if (count > (std::numeric_limits<std::size_t>::max() - bytes_before) / sizeof(T)) {
        throw std::bad_array_new_length();
    }
    return bytes_before + count * sizeof(T);
}

} // namespace detail

/**
 * An allocator (Cpp17Allocator) of shared memory, as dsm_malloc(). Stateless: what one rank has allocated another
 * frees, and containers in shared memory may be used by all ranks in turn, under a lock. The container object itself
 * must stand in shared memory too, else only this rank knows it. Its elements must be shareable (see is_shareable).
 */
template <class T> class allocator {
public:
    using value_type = T;
    using is_always_equal = std::true_type;
    using propagate_on_container_copy_assignment = std::true_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;

    constexpr allocator() noexcept = default;
    template <class Other> constexpr allocator(const allocator<Other> &) noexcept {}

    /// std::bad_array_new_length, std::bad_alloc; std::system_error (EPERM) when libdsm is not running.
    [[nodiscard]] T *allocate(std::size_t count) {
        return static_cast<T *>(detail::allocate_bytes(alignof(T), detail::bytes_of_array<T>(count)));
    }
    void deallocate(T *block, std::size_t) noexcept { dsm_free(block); }

    /// Here the types that users put into containers are seen, and not the containers' own nodes.
    template <class Object, class... Arguments> void construct(Object *place, Arguments &&...arguments) {
        detail::require_shareable<Object>();
        std::construct_at(place, std::forward<Arguments>(arguments)...);
    }

    friend constexpr bool operator==(const allocator &, const allocator &) noexcept { return true; }
};

template <class T, class Other> constexpr bool operator==(const allocator<T> &, const allocator<Other> &) noexcept {
    return true;
}

} // namespace dsm

#endif // DSM_ALLOCATOR_HPP
