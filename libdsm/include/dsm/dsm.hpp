/**
 * @file dsm.hpp
 * The C++ interface of libdsm: the names and named requirements of the standard library over dsm.h.
 * Errors are std::system_error with the errno code that the C function gives; std::bad_alloc for memory.
 */
#ifndef DSM_DSM_HPP
#define DSM_DSM_HPP

#include <dsm/dsm.h>

#include <cerrno>
#include <cstddef>
#include <limits>
#include <mutex>
#include <new>
#include <span>
#include <system_error>
#include <type_traits>

namespace dsm {

namespace detail {
inline void throw_on(int code, const char *what) {
    if (code > 0) { throw std::system_error(code, std::generic_category(), what); }
}
} // namespace detail

/** Starts libdsm and ends it with the scope. Collective, as dsm_init() and dsm_finalize(). */
class runtime {
public:
    runtime() { detail::throw_on(dsm_init(), "dsm_init"); }
    ~runtime() { dsm_finalize(); }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
};

inline int rank() noexcept { return dsm_rank(); }
inline int size() noexcept { return dsm_size(); }
inline int node() noexcept { return dsm_node(); }
inline int node_count() noexcept { return dsm_node_count(); }

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

/** std::mutex between ranks; Lockable. Place it in shared memory. */
class mutex {
public:
    using native_handle_type = dsm_mutex_t *;
    mutex() noexcept = default;
    mutex(const mutex &) = delete;
    mutex &operator=(const mutex &) = delete;
    void lock() { detail::throw_on(dsm_mutex_lock(&mutex_), "dsm::mutex::lock"); }
    bool try_lock() {
        const int code = dsm_mutex_trylock(&mutex_);
        if (code == EBUSY) { return false; }
        detail::throw_on(code, "dsm::mutex::try_lock");
        return true;
    }
    void unlock() { detail::throw_on(dsm_mutex_unlock(&mutex_), "dsm::mutex::unlock"); }
    native_handle_type native_handle() noexcept { return &mutex_; }

private:
    dsm_mutex_t mutex_ DSM_MUTEX_INITIALIZER;
};

/** std::condition_variable between ranks, for std::unique_lock<dsm::mutex>. Place it in shared memory. */
class condition_variable {
public:
    using native_handle_type = dsm_cond_t *;
    condition_variable() noexcept = default;
    condition_variable(const condition_variable &) = delete;
    condition_variable &operator=(const condition_variable &) = delete;
    void notify_one() { detail::throw_on(dsm_cond_signal(&cond_), "dsm::condition_variable::notify_one"); }
    void notify_all() { detail::throw_on(dsm_cond_broadcast(&cond_), "dsm::condition_variable::notify_all"); }
    void wait(std::unique_lock<mutex> &lock) {
        detail::throw_on(dsm_cond_wait(&cond_, lock.mutex()->native_handle()), "dsm::condition_variable::wait");
    }
    template <class Predicate> void wait(std::unique_lock<mutex> &lock, Predicate predicate) {
        while (!predicate()) { wait(lock); }
    }
    native_handle_type native_handle() noexcept { return &cond_; }

private:
    dsm_cond_t cond_ DSM_COND_INITIALIZER;
};

/** A barrier for count threads of any ranks. Place it in shared memory and construct it once. */
class barrier {
public:
    explicit barrier(unsigned count) { detail::throw_on(dsm_barrier_init(&barrier_, nullptr, count), "dsm::barrier"); }
    barrier(const barrier &) = delete;
    barrier &operator=(const barrier &) = delete;
    /** True for exactly one of the threads that pass together. */
    bool arrive_and_wait() {
        const int code = dsm_barrier_wait(&barrier_);
        detail::throw_on(code, "dsm::barrier::arrive_and_wait");
        return code == DSM_BARRIER_SERIAL_THREAD;
    }

private:
    dsm_barrier_t barrier_ DSM_BARRIER_INITIALIZER;
};

/** The barrier of all ranks. True on rank 0. */
inline bool barrier_all() {
    const int code = dsm_barrier_all();
    detail::throw_on(code, "dsm::barrier_all");
    return code == DSM_BARRIER_SERIAL_THREAD;
}

} // namespace dsm

#endif // DSM_DSM_HPP
