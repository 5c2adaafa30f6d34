/**
 * @file mutex.hpp
 * Mutexes between ranks, for the standard library's locks.
 */
#ifndef DSM_MUTEX_HPP
#define DSM_MUTEX_HPP

#include <dsm/error.hpp>
#include <dsm/mutex.h>

#include <cerrno>

namespace dsm {

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

} // namespace dsm

#endif // DSM_MUTEX_HPP
