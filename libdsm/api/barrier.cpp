// Barriers of barrier.h: argument checks, then the runtime.
#include <dsm/barrier.h>
#include <dsm/life.h>

#include "libdsm/api/shared_object.hpp"

using dsm::api::in_shared_memory;
using dsm::api::on;

extern "C" {

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
