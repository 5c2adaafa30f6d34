// Semaphores of semaphore.h: argument checks, then the runtime.
#include <dsm/semaphore.h>

#include "libdsm/api/home_object.hpp"
#include "libdsm/sync/semaphore.hpp"

using dsm::LockId;
using dsm::api::birth_of;
using dsm::api::on_home;
using dsm::api::on_home_until;
using dsm::rt::HomeObjects;
using dsm::rt::Patience;

static_assert(DSM_SEM_VALUE_MAX == dsm::sync::semaphore_value_max);

namespace {

int take(dsm_sem_t *sem, const Patience &patience) {
    return on_home(
        sem, [&](HomeObjects &objects, LockId id) { return objects.semaphore_take(id, birth_of(*sem), patience); });
}

} // namespace

extern "C" {

DSM_API int dsm_sem_init(dsm_sem_t *sem, unsigned value) {
    if (value > DSM_SEM_VALUE_MAX) { return EINVAL; }
    return dsm::api::give_birth(sem, value);
}

DSM_API int dsm_sem_destroy(dsm_sem_t *sem) {
    return on_home(sem, [&](HomeObjects &objects, LockId id) { return objects.semaphore_destroy(id, birth_of(*sem)); });
}

DSM_API int dsm_sem_wait(dsm_sem_t *sem) { return take(sem, Patience::endless()); }
DSM_API int dsm_sem_trywait(dsm_sem_t *sem) { return take(sem, Patience::none()); }

DSM_API int dsm_sem_clockwait(dsm_sem_t *sem, int clock, const timespec *until) {
    return on_home_until(sem, clock, until, [&](HomeObjects &objects, LockId id, const Patience &patience) {
        return objects.semaphore_take(id, birth_of(*sem), patience);
    });
}

DSM_API int dsm_sem_timedwait(dsm_sem_t *sem, const timespec *until) {
    return dsm_sem_clockwait(sem, CLOCK_REALTIME, until);
}

DSM_API int dsm_sem_post(dsm_sem_t *sem) {
    return on_home(sem, [&](HomeObjects &objects, LockId id) { return objects.semaphore_put(id, birth_of(*sem)); });
}

DSM_API int dsm_sem_getvalue(dsm_sem_t *sem, int *value) {
    if (value == nullptr) { return EINVAL; }
    return on_home(
        sem, [&](HomeObjects &objects, LockId id) { return objects.semaphore_value(id, birth_of(*sem), *value); });
}

} // extern "C"
