// dsm_release and dsm_acquire: argument checks, then the runtime.
#include <dsm/fence.h>

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

namespace {

using dsm::rt::PageRange;
using dsm::rt::Runtime;

/// A range of shared memory, or nothing for all of it.
template <class Fence> int fence(const void *address, size_t bytes, Fence fence) {
    Runtime *runtime = Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    const bool is_all = address == nullptr && bytes == 0;
    const dsm::memory::Segment &segment = runtime->node().segment;
    if (!is_all && !segment.contains(address)) { return EINVAL; }
    if (!is_all && bytes > segment.bytes() - runtime->node().offset_of(address)) { return EINVAL; }
    PageRange range = PageRange::all();
    if (!is_all) {
        const auto offset = runtime->node().offset_of(address);
        range.first = dsm::memory::page_of(offset);
        range.count = bytes == 0 ? 0 : dsm::memory::page_of(offset + bytes - 1).value - range.first.value + 1;
    }
    const int saved_errno = errno;
    fence(runtime->fences(), range);
    errno = saved_errno;
    return 0;
}

} // namespace

extern "C" {

DSM_API int dsm_release(const void *address, size_t bytes) {
    return fence(address, bytes, [](dsm::rt::Fences &fences, const PageRange &range) { fences.release(range); });
}

DSM_API int dsm_acquire(const void *address, size_t bytes) {
    return fence(address, bytes, [](dsm::rt::Fences &fences, const PageRange &range) { fences.acquire(range); });
}

} // extern "C"
