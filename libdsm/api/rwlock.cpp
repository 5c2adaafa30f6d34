// Read-write locks of rwlock.h: argument checks, then the runtime.
#include <dsm/rwlock.h>

#include "libdsm/api/home_object.hpp"

using dsm::LockId;
using dsm::api::in_shared_memory;
using dsm::api::on_home;
using dsm::api::on_home_until;
using dsm::rt::HomeObjects;
using dsm::rt::Patience;

namespace {

int read(dsm_rwlock_t *lock, const Patience &patience) {
    return on_home(lock, [&](HomeObjects &objects, LockId id) { return objects.rwlock_read(id, patience); });
}
int write(dsm_rwlock_t *lock, const Patience &patience) {
    return on_home(lock, [&](HomeObjects &objects, LockId id) { return objects.rwlock_write(id, patience); });
}

} // namespace

extern "C" {

DSM_API int dsm_rwlock_init(dsm_rwlock_t *lock, const dsm_rwlockattr_t *attr) {
    return attr != nullptr ? EINVAL : in_shared_memory(lock);
}

DSM_API int dsm_rwlock_destroy(dsm_rwlock_t *lock) {
    return on_home(lock, [](HomeObjects &objects, LockId id) { return objects.rwlock_destroy(id); });
}

DSM_API int dsm_rwlock_rdlock(dsm_rwlock_t *lock) { return read(lock, Patience::endless()); }
DSM_API int dsm_rwlock_wrlock(dsm_rwlock_t *lock) { return write(lock, Patience::endless()); }
DSM_API int dsm_rwlock_tryrdlock(dsm_rwlock_t *lock) { return read(lock, Patience::none()); }
DSM_API int dsm_rwlock_trywrlock(dsm_rwlock_t *lock) { return write(lock, Patience::none()); }

DSM_API int dsm_rwlock_clockrdlock(dsm_rwlock_t *lock, int clock, const timespec *until) {
    return on_home_until(lock, clock, until, [](HomeObjects &objects, LockId id, const Patience &patience) {
        return objects.rwlock_read(id, patience);
    });
}

DSM_API int dsm_rwlock_clockwrlock(dsm_rwlock_t *lock, int clock, const timespec *until) {
    return on_home_until(lock, clock, until, [](HomeObjects &objects, LockId id, const Patience &patience) {
        return objects.rwlock_write(id, patience);
    });
}

DSM_API int dsm_rwlock_timedrdlock(dsm_rwlock_t *lock, const timespec *until) {
    return dsm_rwlock_clockrdlock(lock, CLOCK_REALTIME, until);
}

DSM_API int dsm_rwlock_timedwrlock(dsm_rwlock_t *lock, const timespec *until) {
    return dsm_rwlock_clockwrlock(lock, CLOCK_REALTIME, until);
}

DSM_API int dsm_rwlock_unlock(dsm_rwlock_t *lock) {
    return on_home(lock, [](HomeObjects &objects, LockId id) { return objects.rwlock_unlock(id); });
}

} // extern "C"
