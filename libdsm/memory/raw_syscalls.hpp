// The system calls of the fault path, made directly: MPI libraries hook the C library's wrappers of some of them, and a
// hook may allocate or lock. All return 0 or errno's value, and none needs errno's old value.
#pragma once

#include <cstddef>

namespace dsm::memory {

int raw_mprotect(void *address, std::size_t bytes, int protection) noexcept;
int raw_madvise(void *address, std::size_t bytes, int advice) noexcept;
int raw_fallocate(int descriptor, int mode, std::size_t offset, std::size_t bytes) noexcept;
int raw_ioctl(int descriptor, unsigned long request, void *argument) noexcept;

} // namespace dsm::memory
