// Mutexes, condition variables and barriers of dsm.h: argument checks, then the runtime.
#include <dsm/dsm.h>

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>
#include <cstring>

namespace {

/// Calls with the object's number, if libdsm runs and the object stands in shared memory.
template <class Object, class Call> int on(const Object *object, Call call) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (object == nullptr || !runtime->node().segment.contains(object)) { return EINVAL; }
    const int saved_errno = errno;
    const int code = call(runtime->sync(), dsm::LockId{runtime->node().offset_of(object)});
    errno = saved_errno;
    return code;
}

int in_shared_memory(const void *object) {
    return on(static_cast<const char *>(object), [](dsm::rt::Synchronisation &, dsm::LockId) { return 0; });
}

} // namespace

extern "C" {

DSM_API int dsm_mutex_init(dsm_mutex_t *mutex, const dsm_mutexattr_t *attr) {
    return attr != nullptr ? EINVAL : in_shared_memory(mutex);
}

DSM_API int dsm_mutex_destroy(dsm_mutex_t *mutex) {
    return on(mutex, [](dsm::rt::Synchronisation &sync, dsm::LockId lock) { return sync.mutex_destroy(lock); });
}

DSM_API int dsm_mutex_lock(dsm_mutex_t *mutex) {
    return on(mutex, [](dsm::rt::Synchronisation &sync, dsm::LockId lock) { return sync.mutex_lock(lock); });
}

DSM_API int dsm_mutex_trylock(dsm_mutex_t *mutex) {
    return on(mutex, [](dsm::rt::Synchronisation &sync, dsm::LockId lock) { return sync.mutex_trylock(lock); });
}

DSM_API int dsm_mutex_unlock(dsm_mutex_t *mutex) {
    return on(mutex, [](dsm::rt::Synchronisation &sync, dsm::LockId lock) { return sync.mutex_unlock(lock); });
}

DSM_API int dsm_cond_init(dsm_cond_t *cond, const dsm_condattr_t *attr) {
    return attr != nullptr ? EINVAL : in_shared_memory(cond);
}

DSM_API int dsm_cond_destroy(dsm_cond_t *cond) {
    return on(cond, [](dsm::rt::Synchronisation &sync, dsm::LockId id) { return sync.cond_destroy(id); });
}

DSM_API int dsm_cond_wait(dsm_cond_t *cond, dsm_mutex_t *mutex) {
    return on(cond, [mutex](dsm::rt::Synchronisation &, dsm::LockId id) {
        return on(mutex, [id](dsm::rt::Synchronisation &same, dsm::LockId lock) { return same.cond_wait(id, lock); });
    });
}

DSM_API int dsm_cond_signal(dsm_cond_t *cond) {
    return on(cond, [](dsm::rt::Synchronisation &sync, dsm::LockId id) { return sync.cond_wake(id, false); });
}

DSM_API int dsm_cond_broadcast(dsm_cond_t *cond) {
    return on(cond, [](dsm::rt::Synchronisation &sync, dsm::LockId id) { return sync.cond_wake(id, true); });
}

// The count stands in the object itself, in shared memory: the one thing that is read from a synchronisation object.
DSM_API int dsm_barrier_init(dsm_barrier_t *barrier, const dsm_barrierattr_t *attr, unsigned count) {
    if (attr != nullptr || count == 0) { return EINVAL; }
    const int code = in_shared_memory(barrier);
    if (code == 0) { barrier->dsm_opaque[0] = count; }
    return code;
}

DSM_API int dsm_barrier_destroy(dsm_barrier_t *barrier) {
    return on(barrier, [](dsm::rt::Synchronisation &sync, dsm::LockId id) { return sync.barrier_destroy(id); });
}

DSM_API int dsm_barrier_wait(dsm_barrier_t *barrier) {
    return on(barrier, [barrier](dsm::rt::Synchronisation &sync, dsm::LockId id) {
        const auto count = static_cast<unsigned>(barrier->dsm_opaque[0]);
        return sync.barrier_wait(id, count != 0 ? count : static_cast<unsigned>(dsm_size()));
    });
}

DSM_API int dsm_barrier_all(void) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? EPERM : runtime->sync().barrier_all();
}

} // extern "C"
