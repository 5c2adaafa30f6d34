// What every function on a synchronisation object does first: is libdsm running, does the object stand in shared
// memory.
#pragma once

#include "libdsm/api/race_detector.hpp"
#include "libdsm/runtime/runtime.hpp"

#include <cerrno>
#include <type_traits>

namespace dsm::api {

/// Calls with the object's number, if libdsm runs and the object stands in shared memory. For what makes no use of the
/// object's state: init functions, which send no message.
template <class Object, class Call> int on_new(const Object *object, Call call) {
    rt::Runtime *runtime = rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (object == nullptr || !runtime->node().segment.contains(object)) { return EINVAL; }
    const SeenByRaceDetector seen(object);
    const int saved_errno = errno;
    const int code = call(runtime->sync(), LockId{runtime->node().offset_of(object)});
    errno = saved_errno;
    return code;
}

/// As on_new(), with the object noted as one whose state goes when its memory is freed.
template <class Object, class Call> int on(const Object *object, Call call) {
    return on_new(object, [&call](rt::Synchronisation &sync, LockId id) {
        rt::SyncDrops &drops = rt::Runtime::running()->drops();
        drops.note(id);
        const int code = call(sync, id);
        drops.note(id);
        return code;
    });
}

inline int in_shared_memory(const void *object) {
    return on_new(static_cast<const char *>(object), [](rt::Synchronisation &, LockId) { return 0; });
}

/// For the init functions: an object that already says so, as zeroed memory mostly does, need not come here to be
/// written.
template <class Word> void write_if_new(Word &word, std::type_identity_t<Word> value) {
    if (word != value) { word = value; }
}

} // namespace dsm::api
