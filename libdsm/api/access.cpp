// Ranges of access.h: argument checks, then the runtime.
#include <dsm/access.h>

#include "libdsm/runtime/pin_hold.hpp"
#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

namespace {

using dsm::rt::Runtime;

/// Calls with the range's offset, if libdsm runs and the range lies in the segment. errno is left alone.
template <class Call> int on_range(const void *ptr, size_t bytes, Call call) {
    Runtime *runtime = Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (bytes == 0) { return 0; }
    const dsm::memory::Segment &segment = runtime->node().segment;
    if (!segment.contains(ptr)) { return EINVAL; }
    const auto offset = runtime->node().offset_of(ptr);
    if (bytes > segment.bytes() - offset) { return EINVAL; }
    const int saved_errno = errno;
    const int code = call(*runtime, offset);
    errno = saved_errno;
    return code;
}

bool is_valid(int access) { return access > 0 && (access & ~(DSM_READ | DSM_WRITE)) == 0; }

dsm::Access as_access(int access) { return (access & DSM_WRITE) != 0 ? dsm::Access::Write : dsm::Access::Read; }

} // namespace

extern "C" {

DSM_API int dsm_is_shared(const void *ptr, size_t bytes) {
    Runtime *runtime = Runtime::running();
    if (runtime == nullptr || bytes == 0) { return 0; }
    const auto begin = reinterpret_cast<std::uintptr_t>(ptr);
    const auto segment = reinterpret_cast<std::uintptr_t>(runtime->node().segment.base());
    const bool is_below = begin < segment && bytes <= segment - begin;
    return !is_below && begin < segment + runtime->node().segment.bytes() ? 1 : 0;
}

DSM_API int dsm_touch(const void *ptr, size_t bytes, int access) {
    if (!is_valid(access)) { return EINVAL; }
    if (dsm::rt::holds_pin()) { return EDEADLK; }
    return on_range(ptr, bytes, [=](Runtime &runtime, dsm::memory::SegmentOffset begin) {
        return runtime.ranges().touch(begin, bytes, as_access(access));
    });
}

DSM_API int dsm_prefetch(const void *ptr, size_t bytes, int access) {
    if (!is_valid(access)) { return EINVAL; }
    return on_range(ptr, bytes, [=](Runtime &runtime, dsm::memory::SegmentOffset begin) {
        return runtime.ranges().prefetch(begin, bytes, as_access(access));
    });
}

DSM_API int dsm_advise(void *ptr, size_t bytes, dsm_advice_t advice) {
    switch (advice) {
    case DSM_ADVISE_NORMAL:
    case DSM_ADVISE_SEQUENTIAL:
    case DSM_ADVISE_RANDOM:
        return on_range(ptr, bytes, [](Runtime &, dsm::memory::SegmentOffset) { return 0; });
    case DSM_ADVISE_WILLNEED:
        return dsm_prefetch(ptr, bytes, DSM_READ);
    case DSM_ADVISE_DONTNEED:
        return on_range(ptr, bytes, [=](Runtime &runtime, dsm::memory::SegmentOffset begin) {
            return runtime.ranges().give_up(begin, bytes);
        });
    }
    return EINVAL;
}

DSM_API int dsm_pin(const void *ptr, size_t bytes, int access) {
    if (!is_valid(access) || bytes > DSM_PIN_MAX) { return EINVAL; }
    return on_range(ptr, bytes, [=](Runtime &runtime, dsm::memory::SegmentOffset begin) {
        return runtime.pins().pin(begin, bytes, as_access(access));
    });
}

DSM_API int dsm_unpin(const void *ptr, size_t bytes) {
    return on_range(ptr, bytes, [=](Runtime &runtime, dsm::memory::SegmentOffset begin) {
        return runtime.pins().unpin(begin, bytes);
    });
}

} // extern "C"
