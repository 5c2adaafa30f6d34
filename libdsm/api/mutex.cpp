// Mutexes of mutex.h: argument checks, then the runtime.
#include <dsm/mutex.h>

#include "libdsm/api/shared_object.hpp"

using dsm::api::in_shared_memory;
using dsm::api::on;

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

} // extern "C"
