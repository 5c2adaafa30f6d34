// Condition variables of condition.h: argument checks, then the runtime.
#include <dsm/condition.h>

#include "libdsm/api/shared_object.hpp"

using dsm::api::in_shared_memory;
using dsm::api::on;

extern "C" {

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

} // extern "C"
