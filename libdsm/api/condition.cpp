// Condition variables of condition.h: argument checks and clocks, then the runtime. The clock stands in the object as
// the clock's number: CLOCK_REALTIME is 0, which is what zeroed memory says.
#include <dsm/condition.h>

#include "libdsm/api/shared_object.hpp"

#include <ctime>

using dsm::LockId;
using dsm::api::on;
using dsm::api::on_new;
using dsm::rt::Deadline;
using dsm::rt::Synchronisation;

namespace {

static_assert(CLOCK_REALTIME == 0);

int clock_of(const dsm_cond_t &cond) {
    return cond.dsm_opaque[0] == CLOCK_MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int wait(dsm_cond_t *cond, dsm_mutex_t *mutex, const Deadline &deadline) {
    if (!deadline.is_valid()) { return EINVAL; }
    return on(cond, [mutex, &deadline](Synchronisation &, LockId condition) {
        return on(mutex, [condition, &deadline](Synchronisation &sync, LockId lock) {
            return sync.cond_wait(condition, lock, deadline);
        });
    });
}

} // namespace

extern "C" {

DSM_API int dsm_condattr_init(dsm_condattr_t *attr) { return dsm_condattr_setclock(attr, CLOCK_REALTIME); }

DSM_API int dsm_condattr_destroy(dsm_condattr_t *attr) { return attr == nullptr ? EINVAL : 0; }

DSM_API int dsm_condattr_setclock(dsm_condattr_t *attr, int clock) {
    if (attr == nullptr || !Deadline::is_clock(clock)) { return EINVAL; }
    attr->dsm_clock = clock;
    return 0;
}

DSM_API int dsm_condattr_getclock(const dsm_condattr_t *attr, int *clock) {
    if (attr == nullptr || clock == nullptr) { return EINVAL; }
    *clock = attr->dsm_clock;
    return 0;
}

DSM_API int dsm_cond_init(dsm_cond_t *cond, const dsm_condattr_t *attr) {
    const int clock = attr != nullptr ? attr->dsm_clock : CLOCK_REALTIME;
    if (!Deadline::is_clock(clock)) { return EINVAL; }
    return on_new(cond, [cond, clock](Synchronisation &, LockId) {
        dsm::api::write_if_new(cond->dsm_opaque[0], static_cast<std::uint64_t>(clock));
        return 0;
    });
}

DSM_API int dsm_cond_destroy(dsm_cond_t *cond) {
    return on(cond, [](Synchronisation &sync, LockId id) { return sync.cond_destroy(id); });
}

DSM_API int dsm_cond_wait(dsm_cond_t *cond, dsm_mutex_t *mutex) { return wait(cond, mutex, Deadline()); }

DSM_API int dsm_cond_timedwait(dsm_cond_t *cond, dsm_mutex_t *mutex, const struct timespec *until) {
    const int code = dsm::api::in_shared_memory(cond);
    if (code != 0) { return code; }
    return until == nullptr ? EINVAL : wait(cond, mutex, Deadline(clock_of(*cond), *until));
}

DSM_API int dsm_cond_clockwait(dsm_cond_t *cond, dsm_mutex_t *mutex, int clock, const struct timespec *until) {
    if (until == nullptr || !Deadline::is_clock(clock)) { return EINVAL; }
    return wait(cond, mutex, Deadline(clock, *until));
}

DSM_API int dsm_cond_signal(dsm_cond_t *cond) {
    return on(cond, [](Synchronisation &sync, LockId id) { return sync.cond_wake(id, false); });
}

DSM_API int dsm_cond_broadcast(dsm_cond_t *cond) {
    return on(cond, [](Synchronisation &sync, LockId id) { return sync.cond_wake(id, true); });
}

} // extern "C"
