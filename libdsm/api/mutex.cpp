// Mutexes of mutex.h: argument checks and kinds, then the runtime. The kind stands in the object, in coherent memory;
// so it is read only when a thread locks what it owns.
#include <dsm/mutex.h>

#include "libdsm/api/shared_object.hpp"

#include <ctime>

using dsm::LockId;
using dsm::api::on;
using dsm::api::on_new;
using dsm::rt::Deadline;
using dsm::rt::Synchronisation;

namespace {

constexpr std::uint64_t kind_bits = 0xff;

bool is_kind(int kind) {
    return kind == DSM_MUTEX_NORMAL || kind == DSM_MUTEX_RECURSIVE || kind == DSM_MUTEX_ERRORCHECK;
}

int kind_of(const dsm_mutex_t &mutex) {
    const std::uint64_t word = mutex.dsm_opaque[0];
    const bool has_kind = (word & ~kind_bits) == DSM_MUTEX_KIND_WORD(0);
    return has_kind ? static_cast<int>(word & kind_bits) : DSM_MUTEX_NORMAL;
}

/// What a lock gives: EDEADLK of the runtime means that the calling thread has it.
int after_lock(Synchronisation &sync, LockId lock, const dsm_mutex_t &mutex, int code) {
    return code == EDEADLK && kind_of(mutex) == DSM_MUTEX_RECURSIVE ? sync.mutex_relock(lock) : code;
}

int timed_lock(dsm_mutex_t *mutex, int clock, const timespec *until) {
    if (until == nullptr || !Deadline::is_clock(clock)) { return EINVAL; }
    return on(mutex, [mutex, clock, until](Synchronisation &sync, LockId lock) {
        const Deadline deadline(clock, *until);
        const int code = sync.mutex_lock(lock, deadline);
        const bool in_vain = code == EDEADLK && kind_of(*mutex) == DSM_MUTEX_NORMAL;
        return in_vain ? sync.wait_in_vain(lock, deadline) : after_lock(sync, lock, *mutex, code);
    });
}

} // namespace

extern "C" {

DSM_API int dsm_mutexattr_init(dsm_mutexattr_t *attr) { return dsm_mutexattr_settype(attr, DSM_MUTEX_DEFAULT); }

DSM_API int dsm_mutexattr_destroy(dsm_mutexattr_t *attr) { return attr == nullptr ? EINVAL : 0; }

DSM_API int dsm_mutexattr_settype(dsm_mutexattr_t *attr, int kind) {
    if (attr == nullptr || !is_kind(kind)) { return EINVAL; }
    attr->dsm_kind = kind;
    return 0;
}

DSM_API int dsm_mutexattr_gettype(const dsm_mutexattr_t *attr, int *kind) {
    if (attr == nullptr || kind == nullptr) { return EINVAL; }
    *kind = attr->dsm_kind;
    return 0;
}

DSM_API int dsm_mutex_init(dsm_mutex_t *mutex, const dsm_mutexattr_t *attr) {
    const int kind = attr != nullptr ? attr->dsm_kind : DSM_MUTEX_DEFAULT;
    if (!is_kind(kind)) { return EINVAL; }
    return on_new(mutex, [mutex, kind](Synchronisation &, LockId) {
        const auto kind_word = DSM_MUTEX_KIND_WORD(static_cast<std::uint64_t>(kind));
        dsm::api::write_if_new(mutex->dsm_opaque[0], kind == DSM_MUTEX_DEFAULT ? 0 : kind_word);
        return 0;
    });
}

DSM_API int dsm_mutex_destroy(dsm_mutex_t *mutex) {
    return on(mutex, [](Synchronisation &sync, LockId lock) { return sync.mutex_destroy(lock); });
}

DSM_API int dsm_mutex_lock(dsm_mutex_t *mutex) {
    return on(mutex, [mutex](Synchronisation &sync, LockId lock) {
        return after_lock(sync, lock, *mutex, sync.mutex_lock(lock));
    });
}

DSM_API int dsm_mutex_trylock(dsm_mutex_t *mutex) {
    return on(mutex, [mutex](Synchronisation &sync, LockId lock) {
        const int code = after_lock(sync, lock, *mutex, sync.mutex_trylock(lock));
        return code == EDEADLK ? EBUSY : code;
    });
}

DSM_API int dsm_mutex_timedlock(dsm_mutex_t *mutex, const struct timespec *until) {
    return timed_lock(mutex, CLOCK_REALTIME, until);
}

DSM_API int dsm_mutex_clocklock(dsm_mutex_t *mutex, int clock, const struct timespec *until) {
    return timed_lock(mutex, clock, until);
}

DSM_API int dsm_mutex_unlock(dsm_mutex_t *mutex) {
    return on(mutex, [](Synchronisation &sync, LockId lock) { return sync.mutex_unlock(lock); });
}

} // extern "C"
