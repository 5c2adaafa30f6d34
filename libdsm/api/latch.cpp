// Latches of latch.h: argument checks, then the runtime.
#include <dsm/latch.h>

#include "libdsm/api/home_object.hpp"

using dsm::LockId;
using dsm::api::birth_of;
using dsm::api::on_home;
using dsm::api::on_home_until;
using dsm::rt::HomeObjects;
using dsm::rt::Patience;

namespace {

int wait(dsm_latch_t *latch, const Patience &patience) {
    return on_home(latch,
                   [&](HomeObjects &objects, LockId id) { return objects.latch_wait(id, birth_of(*latch), patience); });
}

} // namespace

extern "C" {

DSM_API int dsm_latch_init(dsm_latch_t *latch, unsigned count) {
    if (count > DSM_LATCH_COUNT_MAX) { return EINVAL; }
    return dsm::api::give_birth(latch, count);
}

DSM_API int dsm_latch_count_down(dsm_latch_t *latch, unsigned n) {
    return on_home(latch,
                   [&](HomeObjects &objects, LockId id) { return objects.latch_count_down(id, birth_of(*latch), n); });
}

DSM_API int dsm_latch_wait(dsm_latch_t *latch) { return wait(latch, Patience::endless()); }
DSM_API int dsm_latch_try_wait(dsm_latch_t *latch) { return wait(latch, Patience::none()); }

DSM_API int dsm_latch_clockwait(dsm_latch_t *latch, int clock, const timespec *until) {
    return on_home_until(latch, clock, until, [&](HomeObjects &objects, LockId id, const Patience &patience) {
        return objects.latch_wait(id, birth_of(*latch), patience);
    });
}

DSM_API int dsm_latch_timedwait(dsm_latch_t *latch, const timespec *until) {
    return dsm_latch_clockwait(latch, CLOCK_REALTIME, until);
}

DSM_API int dsm_latch_arrive_and_wait(dsm_latch_t *latch) {
    return on_home(
        latch, [&](HomeObjects &objects, LockId id) { return objects.latch_arrive_and_wait(id, birth_of(*latch)); });
}

} // extern "C"
