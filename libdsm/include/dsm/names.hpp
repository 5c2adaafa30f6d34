/**
 * @file names.hpp
 * Names for shared memory in C++.
 */
#ifndef DSM_NAMES_HPP
#define DSM_NAMES_HPP

#include <dsm/error.hpp>
#include <dsm/names.h>

#include <cerrno>
#include <chrono>

namespace dsm {

/** Gives an object in shared memory a name; EEXIST when it is taken. */
template <class T> void publish(const char *name, T *object) {
    detail::throw_on(dsm_publish(name, const_cast<void *>(static_cast<const volatile void *>(object))), "dsm::publish");
}

/** Takes a name back; false when there is none such. */
inline bool unpublish(const char *name) {
    const int code = dsm_unpublish(name);
    if (code == ENOENT) { return false; }
    detail::throw_on(code, "dsm::unpublish");
    return true;
}

/** What has a name now, nullptr for none. Nobody checks that it is a T. */
template <class T> T *lookup(const char *name) {
    void *address = nullptr;
    const int code = dsm_lookup(name, &address);
    if (code == ENOENT) { return nullptr; }
    detail::throw_on(code, "dsm::lookup");
    return static_cast<T *>(address);
}

/** What has a name, waiting until something has. */
template <class T> T *lookup_wait(const char *name) {
    void *address = nullptr;
    detail::throw_on(dsm_lookup_wait(name, &address, -1), "dsm::lookup_wait");
    return static_cast<T *>(address);
}

/** The same for a limited time; nullptr when it is over. */
template <class T, class Rep, class Period>
T *lookup_for(const char *name, const std::chrono::duration<Rep, Period> &duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    void *address = nullptr;
    const int code = dsm_lookup_wait(name, &address, seconds > 0 ? seconds : 0);
    if (code == ETIMEDOUT) { return nullptr; }
    detail::throw_on(code, "dsm::lookup_for");
    return static_cast<T *>(address);
}

} // namespace dsm

#endif // DSM_NAMES_HPP
