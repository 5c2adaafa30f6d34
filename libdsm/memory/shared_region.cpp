// Memory files that ranks share for tables.
#include "libdsm/memory/shared_region.hpp"

#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace dsm::memory {

Outcome<SharedRegion> SharedRegion::create(const char *name, std::size_t bytes) {
    auto file = create_memory_file(name, bytes);
    if (!file) { return file.failure(); }
    return attach(std::move(file.value()), bytes);
}

Outcome<SharedRegion> SharedRegion::attach(FileDescriptor descriptor, std::size_t bytes) {
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) { return failure_of(errno, "cannot look at a shared region"); }
    if (static_cast<std::size_t>(status.st_size) < bytes) {
        return Failure{EINVAL, "a shared region is smaller than it should be"};
    }
    auto view = map_shared(descriptor.get(), bytes);
    if (!view) { return view.failure(); }
    return SharedRegion(std::move(descriptor), std::move(view.value()));
}

int SharedRegion::punch(std::size_t offset, std::size_t bytes) const noexcept {
    return raw_fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

} // namespace dsm::memory
