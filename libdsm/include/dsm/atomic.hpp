/**
 * @file atomic.hpp
 * std::atomic between ranks, in two forms. dsm::atomic<T> keeps its value at a home node and works in both kinds of
 * shared memory; every access of another node costs a request and its answer. dsm::atomic_ref<T> works on an ordinary
 * object in sequentially consistent shared memory: the first access of a node brings the page, further ones cost what
 * they cost on one machine. Take the former for what many nodes change (counters, flags, heads of lists), the latter
 * for what one node changes most of the time.
 */
#ifndef DSM_ATOMIC_HPP
#define DSM_ATOMIC_HPP

#include <dsm/atomic.h>
#include <dsm/error.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace dsm {

namespace detail {
/// The bytes of a value as a number, zeros above and in padding.
template <class T> std::uint64_t atomic_bits(T value) noexcept {
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(&value);
#endif
#endif
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T> T atomic_value(std::uint64_t bits) noexcept {
    alignas(T) std::byte bytes[sizeof(T)];
    std::memcpy(bytes, &bits, sizeof bytes);
    return *reinterpret_cast<T *>(bytes);
}
/// The size in which a value of so many bytes is kept.
constexpr std::size_t atomic_bytes(std::size_t bytes) { return bytes <= 1 ? 1 : bytes <= 2 ? 2 : bytes <= 4 ? 4 : 8; }
template <class T>
concept atomic_integer = std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool>;
/// Pointers to objects, with which one can calculate.
template <class T>
concept atomic_pointer = std::is_pointer_v<T> && std::is_object_v<std::remove_pointer_t<T>>;
template <class T> struct atomic_difference { using type = T; };
template <class T>
requires std::is_pointer_v<T>
struct atomic_difference<T> {
    using type = std::ptrdiff_t;
};
} // namespace detail

/**
 * std::atomic<T> between ranks, for any trivially copyable T of at most 8 bytes. It is its address: it must stand in an
 * allocation of shared memory, zeroed memory is one with the value 0 (all bytes zero), and it is neither copied nor
 * moved. See dsm_atomic_t for where the value is, what operations cost and what the orders mean. A pointer as a value
 * must point into shared memory to be of use to other ranks.
 *
 * Errors are std::system_error: EINVAL outside every allocation (an atomic on the stack, for example), EPERM when
 * libdsm is not running. T with padding: padding takes no part in comparisons.
 */
template <class T> class atomic {
    static_assert(std::is_trivially_copyable_v<T>,
                  "dsm::atomic<T>: T must be trivially copyable, for its bytes go to another process");
    static_assert(sizeof(T) <= 8, "dsm::atomic<T>: T may have at most 8 bytes; guard larger values with a dsm::mutex");
    static_assert(std::is_same_v<T, std::remove_cv_t<T>>, "dsm::atomic<T>: T is neither const nor volatile");
    static constexpr bool is_number = detail::atomic_integer<T>;
    static constexpr bool can_add = is_number || detail::atomic_pointer<T>;

public:
    using value_type = T;
    using difference_type = typename detail::atomic_difference<T>::type;
    /** Operations of other nodes wait for the home's answer. */
    static constexpr bool is_always_lock_free = false;
    bool is_lock_free() const noexcept { return false; }

    /** T{}, as std::atomic: a store, one operation. Zeroed memory needs no constructor. */
    atomic() : atomic(T{}) {}
    /** A store, one operation; not atomic itself: others are ordered after it. */
    explicit(false) atomic(T desired) { store(desired); }
    atomic(const atomic &) = delete;
    atomic &operator=(const atomic &) = delete;

    T load(std::memory_order order = std::memory_order_seq_cst) const {
        return operate(DSM_ATOMIC_LOAD, 0, order, "dsm::atomic::load");
    }
    operator T() const { return load(); }
    void store(T desired, std::memory_order order = std::memory_order_seq_cst) {
        operate(DSM_ATOMIC_STORE, detail::atomic_bits(desired), order, "dsm::atomic::store");
    }
    T operator=(T desired) {
        store(desired);
        return desired;
    }
    T exchange(T desired, std::memory_order order = std::memory_order_seq_cst) {
        return operate(DSM_ATOMIC_EXCHANGE, detail::atomic_bits(desired), order, "dsm::atomic::exchange");
    }

    /** Never fails for nothing. */
    bool compare_exchange_strong(T &expected, T desired, std::memory_order success, std::memory_order) {
        std::uint64_t before = detail::atomic_bits(expected);
        const std::uint64_t wanted = before;
        apply(DSM_ATOMIC_COMPARE_EXCHANGE, detail::atomic_bits(desired), before, success,
              "dsm::atomic::compare_exchange");
        if (before == wanted) { return true; }
        expected = detail::atomic_value<T>(before);
        return false;
    }
    bool compare_exchange_strong(T &expected, T desired, std::memory_order order = std::memory_order_seq_cst) {
        return compare_exchange_strong(expected, desired, order, order);
    }
    bool compare_exchange_weak(T &expected, T desired, std::memory_order success, std::memory_order failure) {
        return compare_exchange_strong(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T &expected, T desired, std::memory_order order = std::memory_order_seq_cst) {
        return compare_exchange_strong(expected, desired, order, order);
    }

    /** Integers and pointers: at the home. Floating point: comparing and exchanging until nobody came between. */
    T fetch_add(difference_type by, std::memory_order order = std::memory_order_seq_cst) requires can_add {
        return operate(DSM_ATOMIC_FETCH_ADD, scaled(by), order, "dsm::atomic::fetch_add");
    }
    T fetch_sub(difference_type by, std::memory_order order = std::memory_order_seq_cst) requires can_add {
        return operate(DSM_ATOMIC_FETCH_SUB, scaled(by), order, "dsm::atomic::fetch_sub");
    }
    T fetch_add(T by, std::memory_order order = std::memory_order_seq_cst) requires std::floating_point<T> {
        T before = load(order);
        while (!compare_exchange_weak(before, before + by, order)) {}
        return before;
    }
    T fetch_sub(T by, std::memory_order order = std::memory_order_seq_cst) requires std::floating_point<T> {
        return fetch_add(-by, order);
    }
    T fetch_and(T by, std::memory_order order = std::memory_order_seq_cst) requires is_number {
        return operate(DSM_ATOMIC_FETCH_AND, detail::atomic_bits(by), order, "dsm::atomic::fetch_and");
    }
    T fetch_or(T by, std::memory_order order = std::memory_order_seq_cst) requires is_number {
        return operate(DSM_ATOMIC_FETCH_OR, detail::atomic_bits(by), order, "dsm::atomic::fetch_or");
    }
    T fetch_xor(T by, std::memory_order order = std::memory_order_seq_cst) requires is_number {
        return operate(DSM_ATOMIC_FETCH_XOR, detail::atomic_bits(by), order, "dsm::atomic::fetch_xor");
    }

    /** @return the value after. */
    T operator++() requires can_add { return after_adding(1); }
    T operator--() requires can_add { return after_adding(-1); }
    T operator++(int) requires can_add { return fetch_add(1); }
    T operator--(int) requires can_add { return fetch_sub(1); }
    T operator+=(difference_type by) requires(can_add || std::floating_point<T>) {
        return static_cast<T>(fetch_add(by) + by);
    }
    T operator-=(difference_type by) requires(can_add || std::floating_point<T>) {
        return static_cast<T>(fetch_sub(by) - by);
    }
    T operator&=(T by) requires is_number { return static_cast<T>(fetch_and(by) & by); }
    T operator|=(T by) requires is_number { return static_cast<T>(fetch_or(by) | by); }
    T operator^=(T by) requires is_number { return static_cast<T>(fetch_xor(by) ^ by); }

    /** Blocks until the value is another than `old`; see dsm_atomic_wait(). */
    void wait(T old, std::memory_order order = std::memory_order_seq_cst) const {
        detail::throw_on(dsm_atomic_wait(this, detail::atomic_bits(old), static_cast<int>(order)), "dsm::atomic::wait");
    }
    void notify_one() { detail::throw_on(dsm_atomic_notify_one(this), "dsm::atomic::notify_one"); }
    void notify_all() { detail::throw_on(dsm_atomic_notify_all(this), "dsm::atomic::notify_all"); }

private:
    void apply(dsm_atomic_operation_t operation, std::uint64_t operand, std::uint64_t &value, std::memory_order order,
               const char *what) const {
        // The object's bytes are never written, by a store neither.
        auto *object = const_cast<atomic *>(this);
        detail::throw_on(dsm_atomic_apply(object, kept_bytes, operation, operand, &value, static_cast<int>(order)),
                         what);
    }
    T operate(dsm_atomic_operation_t operation, std::uint64_t operand, std::memory_order order,
              const char *what) const {
        std::uint64_t value = 0;
        apply(operation, operand, value, order, what);
        return detail::atomic_value<T>(value);
    }
    static std::uint64_t scaled(difference_type by) noexcept {
        if constexpr (detail::atomic_pointer<T>) {
            return static_cast<std::uint64_t>(by) * sizeof(std::remove_pointer_t<T>);
        } else {
            return static_cast<std::uint64_t>(by);
        }
    }
    T after_adding(int by) {
        if constexpr (detail::atomic_pointer<T>) {
            return fetch_add(by) + by;
        } else {
            using Unsigned = std::make_unsigned_t<T>; // Wraps, as the value does.
            const T before = fetch_add(static_cast<T>(by));
            return static_cast<T>(static_cast<Unsigned>(before) + static_cast<Unsigned>(by));
        }
    }

    static constexpr std::size_t kept_bytes = detail::atomic_bytes(sizeof(T));
    alignas(kept_bytes) std::byte dsm_opaque_[kept_bytes]; ///< what stands here means nothing
};

/**
 * std::atomic_ref<T>, for ordinary objects in sequentially consistent shared memory (dsm_malloc, and dsm_alloc with
 * DSM_SEQUENTIAL): there the processor's own instructions are atomic between nodes as well, because only one node can
 * write a page. In release-consistent memory it orders nothing between nodes: use dsm::atomic there. It has no wait():
 * a thread of another process would never be woken.
 */
template <class T> class atomic_ref {
public:
    using value_type = T;
    using difference_type = typename detail::atomic_difference<T>::type;
    static constexpr std::size_t required_alignment = std::atomic_ref<T>::required_alignment;
    static constexpr bool is_always_lock_free = std::atomic_ref<T>::is_always_lock_free;
    static_assert(is_always_lock_free, "dsm::atomic_ref<T>: the processor has no atomic instruction for such a T; a "
                                       "lock of the C++ library would lie in private memory");

    explicit atomic_ref(T &object) noexcept : ref_(object) {}
    atomic_ref(const atomic_ref &) noexcept = default;
    atomic_ref &operator=(const atomic_ref &) = delete;

    bool is_lock_free() const noexcept { return true; }
    T load(std::memory_order order = std::memory_order_seq_cst) const noexcept { return ref_.load(order); }
    operator T() const noexcept { return load(); }
    void store(T desired, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        ref_.store(desired, order);
    }
    T operator=(T desired) const noexcept {
        store(desired);
        return desired;
    }
    T exchange(T desired, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.exchange(desired, order);
    }
    bool compare_exchange_weak(T &expected, T desired, std::memory_order success,
                               std::memory_order failure) const noexcept {
        return ref_.compare_exchange_weak(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T &expected, T desired,
                               std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.compare_exchange_weak(expected, desired, order);
    }
    bool compare_exchange_strong(T &expected, T desired, std::memory_order success,
                                 std::memory_order failure) const noexcept {
        return ref_.compare_exchange_strong(expected, desired, success, failure);
    }
    bool compare_exchange_strong(T &expected, T desired,
                                 std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.compare_exchange_strong(expected, desired, order);
    }
    T fetch_add(difference_type by, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.fetch_add(by, order);
    }
    T fetch_sub(difference_type by, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.fetch_sub(by, order);
    }
    T fetch_and(T by, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.fetch_and(by, order);
    }
    T fetch_or(T by, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.fetch_or(by, order);
    }
    T fetch_xor(T by, std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return ref_.fetch_xor(by, order);
    }

private:
    std::atomic_ref<T> ref_;
};

} // namespace dsm

#endif // DSM_ATOMIC_HPP
