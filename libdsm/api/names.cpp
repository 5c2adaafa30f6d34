// Names of names.h: argument checks, then the runtime.
#include <dsm/names.h>

#include "libdsm/runtime/runtime.hpp"

#include <array>
#include <cerrno>
#include <cmath>
#include <new>
#include <string_view>

namespace {

using dsm::rt::Runtime;
static_assert(dsm::rt::name_bytes_max == DSM_NAME_MAX);

/// A copy in private memory: the program's may stand in pages that other nodes take away.
struct NameCopy {
    std::array<char, DSM_NAME_MAX + 1> bytes;
    std::size_t length = 0;

    explicit NameCopy(const char *name) {
        if (name == nullptr) { return; }
        while (length < bytes.size() && name[length] != 0) {
            bytes[length] = name[length];
            ++length;
        }
    }
    bool is_valid() const { return length >= 1 && length <= DSM_NAME_MAX; }
    std::string_view view() const { return {bytes.data(), length}; }
};

/// Calls with the running libdsm and the name, if there is one and the other is valid. Leaves errno alone.
template <class Call> int with_name(const char *name, bool other_arguments_good, Call call) {
    Runtime *runtime = Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    const NameCopy copy(name);
    if (!copy.is_valid() || !other_arguments_good) { return EINVAL; }
    const int saved_errno = errno;
    int code = 0;
    try {
        code = call(*runtime, copy.view());
    } catch (const std::bad_alloc &) { code = ENOMEM; }
    errno = saved_errno;
    return code;
}

dsm::Nanoseconds deadline_after(double seconds) {
    constexpr double seconds_max = 1e9; // more than thirty years: for ever
    constexpr double ns_per_s = 1e9;
    if (seconds < 0 || seconds >= seconds_max) { return dsm::rt::Engine::no_deadline; }
    return dsm::now_ns() + static_cast<dsm::Nanoseconds>(seconds * ns_per_s);
}

} // namespace

extern "C" {

DSM_API int dsm_publish(const char *name, void *address) {
    return with_name(name, address != nullptr, [address](Runtime &runtime, std::string_view view) {
        if (!runtime.node().segment.contains(address)) { return EINVAL; }
        return runtime.names().publish(view, runtime.node().offset_of(address));
    });
}

DSM_API int dsm_unpublish(const char *name) {
    return with_name(name, true,
                     [](Runtime &runtime, std::string_view view) { return runtime.names().unpublish(view); });
}

DSM_API int dsm_lookup(const char *name, void **address) {
    return with_name(name, address != nullptr, [address](Runtime &runtime, std::string_view view) {
        std::uint64_t offset = 0;
        const int code = runtime.names().look_up(view, offset);
        if (code == 0) { *address = runtime.node().address_of(offset); }
        return code;
    });
}

DSM_API int dsm_lookup_wait(const char *name, void **address, double seconds) {
    if (seconds == 0) {
        const int code = dsm_lookup(name, address);
        return code == ENOENT ? ETIMEDOUT : code;
    }
    return with_name(name, address != nullptr && !std::isnan(seconds),
                     [address, seconds](Runtime &runtime, std::string_view view) {
                         std::uint64_t offset = 0;
                         const int code = runtime.names().await(view, offset, deadline_after(seconds));
                         if (code == 0) { *address = runtime.node().address_of(offset); }
                         return code;
                     });
}

} // extern "C"
