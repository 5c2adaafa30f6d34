/**
 * @file containers.hpp
 * The standard's containers in shared memory. They guard nothing by themselves: lock as between threads.
 */
#ifndef DSM_CONTAINERS_HPP
#define DSM_CONTAINERS_HPP

#include <dsm/allocator.hpp>

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dsm {

template <class T> using vector = std::vector<T, allocator<T>>;
template <class T> using deque = std::deque<T, allocator<T>>;
template <class T> using list = std::list<T, allocator<T>>;
template <class Char> using basic_string = std::basic_string<Char, std::char_traits<Char>, allocator<Char>>;
using string = basic_string<char>;
template <class Key, class Less = std::less<Key>> using set = std::set<Key, Less, allocator<Key>>;
template <class Key, class Value, class Less = std::less<Key>> using map =
    std::map<Key, Value, Less, allocator<std::pair<const Key, Value>>>;

/** The hash of strings in shared memory, the same in all ranks; also by std::string_view, without a copy. */
struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};

namespace detail {
template <class Key> struct hash_of { using type = std::hash<Key>; };
template <> struct hash_of<basic_string<char>> { using type = string_hash; };
} // namespace detail

template <class Key, class Hash = typename detail::hash_of<Key>::type, class Equal = std::equal_to<>>
using unordered_set = std::unordered_set<Key, Hash, Equal, allocator<Key>>;
template <class Key, class Value, class Hash = typename detail::hash_of<Key>::type, class Equal = std::equal_to<>>
using unordered_map = std::unordered_map<Key, Value, Hash, Equal, allocator<std::pair<const Key, Value>>>;

} // namespace dsm

#endif // DSM_CONTAINERS_HPP
