// System calls of the fault path without the C library's wrappers.
#include "libdsm/memory/raw_syscalls.hpp"

#include "libdsm/memory/owned.hpp"

#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::memory {

int raw_mprotect(void *address, std::size_t bytes, int protection) noexcept {
    return ::syscall(SYS_mprotect, address, bytes, protection) == 0 ? 0 : errno;
}

int raw_madvise(void *address, std::size_t bytes, int advice) noexcept {
    return ::syscall(SYS_madvise, address, bytes, advice) == 0 ? 0 : errno;
}

int raw_fallocate(int descriptor, int mode, std::size_t offset, std::size_t bytes) noexcept {
    for (;;) {
        if (::syscall(SYS_fallocate, descriptor, mode, offset, bytes) == 0) { return 0; }
        if (errno != EINTR) { return errno; }
    }
}

int raw_ioctl(int descriptor, unsigned long request, void *argument) noexcept {
    return ::syscall(SYS_ioctl, descriptor, request, argument) == 0 ? 0 : errno;
}

Mapping::~Mapping() {
    if (base_ != nullptr) { ::syscall(SYS_munmap, base_, bytes_); }
}

} // namespace dsm::memory
