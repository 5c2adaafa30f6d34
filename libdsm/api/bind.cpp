// dsm_bind and its kin: argument checks, then the runtime.
#include <dsm/dsm.h>

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

namespace {

constexpr int all_flags = DSM_BIND_READ | DSM_BIND_WRITE | DSM_BIND_SHARED | DSM_BIND_PRIVATE;

bool has(int flags, int flag) { return (flags & flag) != 0; }

/// 0, EPERM or EINVAL; the part of the arguments that the file does not decide.
int error_of(const char *path, std::uint64_t offset, int flags) {
    if (dsm::rt::Runtime::running() == nullptr) { return EPERM; }
    const bool sensible = (flags & ~all_flags) == 0 && has(flags, DSM_BIND_SHARED) != has(flags, DSM_BIND_PRIVATE) &&
                          has(flags, DSM_BIND_READ | DSM_BIND_WRITE);
    return path != nullptr && sensible && offset % dsm::page_bytes == 0 ? 0 : EINVAL;
}

template <class Call> int on_binds(Call call) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    const int saved_errno = errno;
    const int error = call(runtime->binds());
    errno = saved_errno;
    return error;
}

} // namespace

extern "C" {

DSM_API void *dsm_bind(const char *path, uint64_t offset, size_t length, int flags) {
    int error = error_of(path, offset, flags);
    void *address = nullptr;
    if (error == 0) {
        const bool writable = has(flags, DSM_BIND_WRITE);
        const dsm::rt::BindRequest request{{path, offset, length, writable && has(flags, DSM_BIND_SHARED)}, !writable};
        error = on_binds([&](dsm::rt::Binds &binds) {
            const dsm::rt::BlockResult result = binds.bind(request);
            address = result.block;
            return result.error;
        });
    }
    if (error != 0) { errno = error; }
    return address;
}

DSM_API int dsm_sync(const void *address, size_t length) {
    return on_binds([=](dsm::rt::Binds &binds) { return binds.sync(address, length); });
}

DSM_API int dsm_unbind(void *address) {
    return on_binds([=](dsm::rt::Binds &binds) { return binds.unbind(address); });
}

} // extern "C"
