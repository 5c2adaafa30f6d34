// What every function on a synchronisation object does first: is libdsm running, does the object stand in shared
// memory.
#pragma once

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

namespace dsm::api {

/// Calls with the object's number, if libdsm runs and the object stands in shared memory.
template <class Object, class Call> int on(const Object *object, Call call) {
    rt::Runtime *runtime = rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (object == nullptr || !runtime->node().segment.contains(object)) { return EINVAL; }
    const int saved_errno = errno;
    const int code = call(runtime->sync(), LockId{runtime->node().offset_of(object)});
    errno = saved_errno;
    return code;
}

inline int in_shared_memory(const void *object) {
    return on(static_cast<const char *>(object), [](rt::Synchronisation &, LockId) { return 0; });
}

} // namespace dsm::api
