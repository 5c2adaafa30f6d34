// The names under which the conformance tests know synchronisation objects: with DSM_CONFORMANCE_PTHREAD those of
// pthread and <semaphore.h>, otherwise those of libdsm. What differs in form, not in meaning, is evened out here.
#pragma once

#include <cerrno>
#include <ctime>

#ifdef DSM_CONFORMANCE_PTHREAD

#include <pthread.h>
#include <semaphore.h>

#define OS(name) pthread_##name
#define OS_CONSTANT(name) PTHREAD_##name

namespace conformance {

using Semaphore = sem_t;
inline int code_of(int result) { return result == 0 ? 0 : errno; }
inline int semaphore_init(Semaphore *sem, unsigned value) { return code_of(::sem_init(sem, 0, value)); }
inline int semaphore_destroy(Semaphore *sem) { return code_of(::sem_destroy(sem)); }
inline int semaphore_wait(Semaphore *sem) { return code_of(::sem_wait(sem)); }
inline int semaphore_trywait(Semaphore *sem) { return code_of(::sem_trywait(sem)); }
inline int semaphore_timedwait(Semaphore *sem, const timespec *until) { return code_of(::sem_timedwait(sem, until)); }
inline int semaphore_clockwait(Semaphore *sem, clockid_t clock, const timespec *until) {
    return code_of(::sem_clockwait(sem, clock, until));
}
inline int semaphore_post(Semaphore *sem) { return code_of(::sem_post(sem)); }
inline int semaphore_getvalue(Semaphore *sem, int *value) { return code_of(::sem_getvalue(sem, value)); }

using OnceObject = pthread_once_t;
inline int once(OnceObject *object, void (*function)()) { return ::pthread_once(object, function); }

} // namespace conformance

#else

#include <dsm/dsm.h>

#define OS(name) dsm_##name
#define OS_CONSTANT(name) DSM_##name

namespace conformance {

using Semaphore = dsm_sem_t;
inline int semaphore_init(Semaphore *sem, unsigned value) { return dsm_sem_init(sem, value); }
inline int semaphore_destroy(Semaphore *sem) { return dsm_sem_destroy(sem); }
inline int semaphore_wait(Semaphore *sem) { return dsm_sem_wait(sem); }
inline int semaphore_trywait(Semaphore *sem) { return dsm_sem_trywait(sem); }
inline int semaphore_timedwait(Semaphore *sem, const timespec *until) { return dsm_sem_timedwait(sem, until); }
inline int semaphore_clockwait(Semaphore *sem, clockid_t clock, const timespec *until) {
    return dsm_sem_clockwait(sem, clock, until);
}
inline int semaphore_post(Semaphore *sem) { return dsm_sem_post(sem); }
inline int semaphore_getvalue(Semaphore *sem, int *value) { return dsm_sem_getvalue(sem, value); }

using OnceObject = dsm_once_t;
inline int once(OnceObject *object, void (*function)()) { return dsm_once(object, function); }

} // namespace conformance

#endif
