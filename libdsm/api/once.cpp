// Onces of once.h: argument checks, then the runtime.
#include <dsm/once.h>

#include "libdsm/api/home_object.hpp"

using dsm::LockId;
using dsm::api::on_home;
using dsm::rt::HomeObjects;

namespace {

/// Tells the end of the function however it ends, also by an exception or by the thread's cancellation.
class Turn {
public:
    Turn(HomeObjects &objects, LockId id) : objects_(objects), id_(id) {}
    ~Turn() { objects_.once_end(id_, is_done_); }
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    void set_done() { is_done_ = true; }

private:
    HomeObjects &objects_;
    LockId id_;
    bool is_done_ = false;
};

/// `function` returns 0 when it has done its work.
template <class Function> int run_once(const dsm_once_t *once, Function function) {
    return on_home(once, [&](HomeObjects &objects, LockId id) {
        bool runs = false;
        const int code = objects.once_begin(id, runs);
        if (!runs) { return code; }
        Turn turn(objects, id);
        const int failure = function();
        if (failure == 0) { turn.set_done(); }
        return failure;
    });
}

} // namespace

extern "C" {

DSM_API int dsm_once(dsm_once_t *once, void (*function)(void)) {
    if (function == nullptr) { return EINVAL; }
    return run_once(once, [function] {
        function();
        return 0;
    });
}

DSM_API int dsm_call_once(dsm_once_t *once, int (*function)(void *), void *argument) {
    if (function == nullptr) { return EINVAL; }
    return run_once(once, [function, argument] { return function(argument); });
}

} // extern "C"
