/**
 * @file memory.hpp
 * Shared memory for C++: arrays of all ranks together, and objects and arrays that one rank makes.
 */
#ifndef DSM_MEMORY_HPP
#define DSM_MEMORY_HPP

#include <dsm/allocator.hpp>
#include <dsm/error.hpp>
#include <dsm/memory.h>
#include <dsm/shareable.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace dsm {

/** Attributes of alloc_array(): dsm_alloc_attr_t with its defaults filled in, and with the kind of memory if given. */
struct alloc_attr : dsm_alloc_attr_t {
    constexpr alloc_attr() noexcept : dsm_alloc_attr_t DSM_ALLOC_ATTR_INITIALIZER {}
    constexpr explicit alloc_attr(dsm_memory_t kind) noexcept : alloc_attr() { memory = kind; }
};

/**
 * Ready attributes for release-consistent memory: alloc_array<double>(count, dsm::release). For other homes or blocks
 * start from a copy of it.
 */
inline constexpr alloc_attr release{DSM_RELEASE};

/**
 * Collective: an array of count zeroed elements at the same address in every rank. Zeroed memory must be a valid T: its
 * constructor is not called. Freed by one rank with dsm_free(array.data()). Throws std::bad_alloc, or std::system_error
 * for bad attributes.
 */
template <class T> std::span<T> alloc_array(std::size_t count, const dsm_alloc_attr_t &attr = alloc_attr()) {
    detail::require_shareable<T>();
    void *block = dsm_alloc(detail::bytes_of_array<T>(count), &attr);
    if (block == nullptr) {
        if (errno == ENOMEM) { throw std::bad_alloc(); }
        throw std::system_error(errno, std::generic_category(), "dsm_alloc");
    }
    return {static_cast<T *>(block), count};
}

/** One object in shared memory, constructed by the caller. Any rank may destroy() it. std::bad_alloc. */
template <class T, class... Arguments> T *create(Arguments &&...arguments) {
    detail::require_shareable<T>();
    void *place = detail::allocate_bytes(alignof(T), sizeof(T));
    try {
        return ::new (place) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
        dsm_free(place);
        throw;
    }
}

/** Ends an object of create(), from any rank: once. nullptr is ignored. */
template <class T> void destroy(T *object) noexcept {
    if (object == nullptr) { return; }
    std::destroy_at(object);
    dsm_free(const_cast<std::remove_cv_t<T> *>(object));
}

/** For std::unique_ptr. */
template <class T> struct deleter {
    using dsm_shareable = deleter;
    constexpr deleter() noexcept = default;
    void operator()(T *object) const noexcept { destroy(object); }
};

/**
 * One owner for an object of create(): it ends with the owner. Give it on with release(), which leaves the object to
 * whoever calls destroy(), or let the owner itself stand in shared memory.
 */
template <class T> using unique_ptr = std::unique_ptr<T, deleter<T>>;
template <class T> struct is_shareable<std::unique_ptr<T, deleter<T>>> : is_shareable<T> {};

/** As std::make_unique, in shared memory. */
template <class T, class... Arguments> unique_ptr<T> make_unique(Arguments &&...arguments) {
    return unique_ptr<T>(create<T>(std::forward<Arguments>(arguments)...));
}

/**
 * An array in shared memory with one owner, who frees it: what make_shared_array() gives. The elements have the same
 * address in all ranks; the others get data(), or a span, through memory that they share already or by a name. The
 * owner is moved and not copied, and may itself stand in shared memory.
 */
template <class T> class shared_array {
public:
    using dsm_shareable = shared_array;
    constexpr shared_array() noexcept = default;
    /// Takes over what release() gave.
    explicit shared_array(std::span<T> elements) noexcept : elements_(elements) {}
    shared_array(shared_array &&other) noexcept : elements_(other.release()) {}
    shared_array &operator=(shared_array &&other) noexcept {
        if (this != &other) { reset(other.release()); }
        return *this;
    }
    ~shared_array() { reset(); }

    T *data() const noexcept { return elements_.data(); }
    std::size_t size() const noexcept { return elements_.size(); }
    T &operator[](std::size_t index) const noexcept { return elements_[index]; }
    T *begin() const noexcept { return data(); }
    T *end() const noexcept { return data() + size(); }
    std::span<T> span() const noexcept { return elements_; }
    explicit operator bool() const noexcept { return data() != nullptr; }

    /// Gives the array up without freeing it. Another owner, in any rank, may be made of the span.
    [[nodiscard]] std::span<T> release() noexcept { return std::exchange(elements_, {}); }
    void reset(std::span<T> elements = {}) noexcept {
        const std::span<T> old = std::exchange(elements_, elements);
        if (old.data() == nullptr) { return; }
        std::destroy(old.begin(), old.end());
        dsm_free(old.data());
    }

private:
    std::span<T> elements_;
};

/** An array of count value-initialised elements, made by the caller alone; as std::make_shared<T[]>(count). */
template <class T> shared_array<T> make_shared_array(std::size_t count) {
    detail::require_shareable<T>();
    auto *place = static_cast<T *>(detail::allocate_bytes(alignof(T), detail::bytes_of_array<T>(count)));
    try {
        std::uninitialized_value_construct_n(place, count);
    } catch (...) {
        dsm_free(place);
        throw;
    }
    return shared_array<T>(std::span<T>(place, count));
}

} // namespace dsm

#endif // DSM_MEMORY_HPP
