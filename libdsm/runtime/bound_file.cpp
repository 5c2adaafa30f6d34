// Reading and writing a part of a file.
#include "libdsm/runtime/bound_file.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dsm::rt {

int BoundFile::open(const Part &part) {
    memory::FileDescriptor descriptor(
        ::open(part.path, (part.written_back ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK));
    if (descriptor.get() < 0) { return errno; }
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) { return errno; }
    if (S_ISDIR(status.st_mode)) { return EISDIR; }
    if (!S_ISREG(status.st_mode)) { return ENODEV; }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (part.offset >= size || part.bytes > size - part.offset) { return EINVAL; }
    descriptor_ = std::move(descriptor);
    path_ = part.path;
    offset_ = part.offset;
    bytes_ = part.bytes == 0 ? size - part.offset : part.bytes;
    written_back_ = part.written_back;
    return 0;
}

void BoundFile::read(std::uint64_t at, std::span<std::byte> into) const {
    const std::uint64_t wanted = at >= bytes_ ? 0 : std::min<std::uint64_t>(into.size(), bytes_ - at);
    std::uint64_t done = 0;
    while (done < wanted) {
        const ssize_t got =
            ::pread(descriptor_.get(), into.data() + done, wanted - done, static_cast<off_t>(offset_ + at + done));
        if (got < 0 && errno == EINTR) { continue; }
        if (got < 0) {
            end_job(exit_machine_failed, "bound file %s: reading it failed: %s", path_.c_str(),
                    ::strerrordesc_np(errno));
        }
        if (got == 0) {
            end_job(exit_machine_failed,
                    "bound file %s: it has become shorter than what is bound of it: nothing at byte %llu of %llu",
                    path_.c_str(), static_cast<unsigned long long>(offset_ + at + done),
                    static_cast<unsigned long long>(offset_ + bytes_));
        }
        done += static_cast<std::uint64_t>(got);
    }
    std::fill(into.begin() + static_cast<std::ptrdiff_t>(wanted), into.end(), std::byte{0});
}

int BoundFile::refused(const char *what, int error) const {
    log_line("bound file %s: %s failed: %s", path_.c_str(), what, ::strerrordesc_np(error));
    return error;
}

int BoundFile::write(std::uint64_t at, std::span<const std::byte> from) const {
    const std::uint64_t wanted = at >= bytes_ ? 0 : std::min<std::uint64_t>(from.size(), bytes_ - at);
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) { return refused("looking at it", errno); }
    if (static_cast<std::uint64_t>(status.st_size) < offset_ + at + wanted) {
        log_line("bound file %s: it has become shorter than what is bound of it, and is not written", path_.c_str());
        return EIO;
    }
    std::uint64_t done = 0;
    while (done < wanted) {
        const ssize_t put =
            ::pwrite(descriptor_.get(), from.data() + done, wanted - done, static_cast<off_t>(offset_ + at + done));
        if (put < 0 && errno == EINTR) { continue; }
        if (put <= 0) { return refused("writing it", put < 0 ? errno : EIO); }
        done += static_cast<std::uint64_t>(put);
    }
    return 0;
}

int BoundFile::flush() const {
    if (::fdatasync(descriptor_.get()) == 0 || errno == EINVAL || errno == EROFS) { return 0; }
    return refused("writing it to the disk", errno);
}

} // namespace dsm::rt
