/**
 * @file shareable.hpp
 * What may stand in shared memory, as far as the compiler can tell. What it cannot tell is in docs/guide.md.
 */
#ifndef DSM_SHAREABLE_HPP
#define DSM_SHAREABLE_HPP

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace dsm {

template <class T> class allocator;
template <class T> class atomic;

namespace detail {

template <class T> struct is_dsm_allocator : std::false_type {};
template <class T> struct is_dsm_allocator<allocator<T>> : std::true_type {};

template <class T> using native_of = std::remove_pointer_t<typename T::native_handle_type>;
/// Trivially copyable, or nearly so, and yet of this process alone.
template <class T> constexpr bool is_of_one_process =
    std::is_same_v<T, std::mutex> || std::is_same_v<T, std::timed_mutex> || std::is_same_v<T, std::recursive_mutex> ||
    std::is_same_v<T, std::recursive_timed_mutex> || std::is_same_v<T, std::shared_mutex> ||
    std::is_same_v<T, std::shared_timed_mutex> || std::is_same_v<T, std::condition_variable> ||
    std::is_same_v<T, std::once_flag> || std::is_same_v<T, native_of<std::mutex>> ||
    std::is_same_v<T, native_of<std::condition_variable>> || std::is_same_v<T, native_of<std::shared_mutex>> ||
    std::is_same_v<T, std::thread::id>;

/// A type says of itself that it may be shared: `using dsm_shareable = Itself;`. A type derived from it says nothing.
template <class T>
concept says_so = std::is_same_v<typename T::dsm_shareable, T>;

/// A container all of whose memory is shared memory.
template <class T>
concept shared_container = is_dsm_allocator<typename T::allocator_type>::value && requires {
    typename T::value_type;
};

template <class T> constexpr bool looks_shareable();

} // namespace detail

/**
 * Whether objects of a type may stand in shared memory: trivially copyable ones, libdsm's own, standard containers with
 * dsm::allocator, lock-free std::atomic, arrays, pairs, tuples, optionals and variants of such. Never: what is
 * polymorphic, and what belongs to one process (std::mutex). For a class of your own with members of such types either
 * write `using dsm_shareable = ItsName;` into it, or specialise this (see all_shareable).
 */
template <class T> struct is_shareable : std::bool_constant<detail::looks_shareable<T>()> {};
template <class T> struct is_shareable<const T> : is_shareable<T> {};
template <class T> struct is_shareable<T[]> : is_shareable<T> {};
template <class T, std::size_t count> struct is_shareable<T[count]> : is_shareable<T> {};
/** `template <> struct dsm::is_shareable<Mine> : dsm::all_shareable<its members' types...> {};` */
template <class... Members> struct all_shareable : std::conjunction<is_shareable<Members>...> {};

template <class T, std::size_t count> struct is_shareable<std::array<T, count>> : is_shareable<T> {};
template <class First, class Second> struct is_shareable<std::pair<First, Second>> : all_shareable<First, Second> {};
template <class... T> struct is_shareable<std::tuple<T...>> : all_shareable<T...> {};
template <class... T> struct is_shareable<std::variant<T...>> : all_shareable<T...> {};
template <class T> struct is_shareable<std::optional<T>> : is_shareable<T> {};
template <class T> struct is_shareable<atomic<T>> : is_shareable<T> {};
/** In sequential memory. One that is not lock-free uses locks of this process. */
template <class T> struct is_shareable<std::atomic<T>>
    : std::bool_constant<std::atomic<T>::is_always_lock_free && is_shareable<T>::value> {};

template <class T> inline constexpr bool is_shareable_v = is_shareable<T>::value;

namespace detail {

template <class T> constexpr bool looks_shareable() {
    if constexpr (std::is_polymorphic_v<T> || std::is_reference_v<T> || is_of_one_process<T>) {
        return false;
    } else if constexpr (says_so<T>) {
        return true;
    } else if constexpr (shared_container<T>) {
        return is_shareable<typename T::value_type>::value;
    } else {
        return std::is_trivially_copyable_v<T>;
    }
}

/// Refuses a type, saying why.
template <class T> constexpr void require_shareable() {
    using object = std::remove_cv_t<std::remove_all_extents_t<T>>;
    constexpr bool allowed = is_shareable_v<object>;
    static_assert(allowed || !std::is_polymorphic_v<object>,
                  "libdsm: a polymorphic object may not stand in shared memory: its table of virtual functions has "
                  "another address in every rank (see dsm::is_shareable)");
    static_assert(allowed || !is_of_one_process<object>,
                  "libdsm: an object that belongs to one process may not stand in shared memory: take dsm::mutex, "
                  "dsm::condition_variable and their kin (see dsm::is_shareable)");
    static_assert(
        allowed || std::is_polymorphic_v<object> || is_of_one_process<object>,
        "libdsm: this type may not stand in shared memory: it is not trivially copyable, so it may own memory "
        "of one rank; use containers with dsm::allocator, or specialise dsm::is_shareable for it");
}

} // namespace detail

} // namespace dsm

#endif // DSM_SHAREABLE_HPP
