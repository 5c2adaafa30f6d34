// What the functions on read-write locks, semaphores, latches and onces share: the checks of arguments, and what an
// object's init has written into it.
#pragma once

#include "libdsm/api/shared_object.hpp"

#include <ctime>

namespace dsm::api {

/// Calls with the object's number, as on().
template <class Object, class Call> int on_home(const Object *object, Call call) {
    return on(object,
              [&call](rt::Synchronisation &, LockId id) { return call(rt::Runtime::running()->home_objects(), id); });
}

/// Calls with the patience of a timed function, whose time is checked even where it is not needed, as glibc does.
template <class Object, class Call>
int on_home_until(const Object *object, clockid_t clock, const timespec *until, Call call) {
    if (until == nullptr || !rt::Deadline::is_clock(clock)) { return EINVAL; }
    const rt::Deadline deadline(clock, *until);
    if (!deadline.is_valid()) { return EINVAL; }
    return on_home(
        object, [&](rt::HomeObjects &objects, LockId id) { return call(objects, id, rt::Patience::until(deadline)); });
}

/// Reads what give_birth() wrote, which brings the object's page here.
template <class Object> rt::Birth birth_of(const Object &object) {
    return {object.dsm_opaque[1], static_cast<std::uint32_t>(object.dsm_opaque[0])};
}

/// The init of an object: it starts afresh, with this value, when it is used next. The one thing that is ever written
/// into it.
template <class Object> int give_birth(Object *object, unsigned initial) {
    return on_new(object, [&](rt::Synchronisation &, LockId) {
        object->dsm_opaque[0] = initial;
        object->dsm_opaque[1] = rt::Runtime::running()->home_objects().next_incarnation();
        return 0;
    });
}

} // namespace dsm::api
