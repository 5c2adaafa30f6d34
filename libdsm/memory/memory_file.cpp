// Sparse memory files: made in spite of file size limits where that is allowed, refused with the reason where not.
#include "libdsm/memory/memory_file.hpp"

#include "libdsm/memory/raw_syscalls.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

namespace dsm::memory {
namespace {

std::string in_mib(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Raises the soft limit on file sizes to the hard one while it lives.
class FileSizeLimitRaised {
public:
    explicit FileSizeLimitRaised(std::size_t bytes) {
        needed_ =
            ::getrlimit(RLIMIT_FSIZE, &before_) == 0 && before_.rlim_cur != RLIM_INFINITY && before_.rlim_cur < bytes;
        if (!needed_) { return; }
        rlimit raised = before_;
        raised.rlim_cur = before_.rlim_max;
        ::setrlimit(RLIMIT_FSIZE, &raised);
    }
    ~FileSizeLimitRaised() {
        if (needed_) { ::setrlimit(RLIMIT_FSIZE, &before_); }
    }
    FileSizeLimitRaised(const FileSizeLimitRaised &) = delete;
    FileSizeLimitRaised &operator=(const FileSizeLimitRaised &) = delete;

private:
    rlimit before_{};
    bool needed_ = false;
};

/// Keeps the signal of the file size limit from the program while it lives, and takes it out of the queue.
class FileSizeSignalHeld {
public:
    FileSizeSignalHeld() {
        sigemptyset(&signal_);
        sigaddset(&signal_, SIGXFSZ);
        sigset_t pending;
        was_pending_ = ::sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
        ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    }
    ~FileSizeSignalHeld() {
        const timespec now{};
        while (!was_pending_ && ::sigtimedwait(&signal_, nullptr, &now) == -1 && errno == EINTR) {}
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    FileSizeSignalHeld(const FileSizeSignalHeld &) = delete;
    FileSizeSignalHeld &operator=(const FileSizeSignalHeld &) = delete;

private:
    sigset_t signal_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

Failure size_failure(int error, const char *name, std::size_t bytes) {
    const std::string what = std::string("cannot make the memory file ") + name + " of " + in_mib(bytes);
    rlimit limit{};
    if (error == EFBIG && ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY) {
        return {error, what + ": the limit on file sizes (ulimit -f) is " + in_mib(limit.rlim_max)};
    }
    return failure_of(error, what);
}

} // namespace

Outcome<FileDescriptor> create_memory_file(const char *name, std::size_t bytes) {
    FileDescriptor file(::memfd_create(name, MFD_CLOEXEC));
    if (!file.valid()) { return failure_of(errno, std::string("cannot make the memory file ") + name); }
    const FileSizeSignalHeld held;
    const FileSizeLimitRaised raised(bytes);
    int result = -1;
    do { result = ::ftruncate(file.get(), static_cast<off_t>(bytes)); } while (result == -1 && errno == EINTR);
    if (result == -1) { return size_failure(errno, name, bytes); }
    return file;
}

Outcome<Done> keep_out(void *base, std::size_t bytes, bool in_core_files) {
    int error = raw_madvise(base, bytes, MADV_DONTFORK);
    if (error == 0 && !in_core_files) { error = raw_madvise(base, bytes, MADV_DONTDUMP); }
    if (error != 0) { return failure_of(error, "cannot keep shared memory out of core files and forked children"); }
    return Done{};
}

Failure mapping_failure(int error, const char *what, std::size_t bytes) {
    const std::string text = std::string("cannot map ") + what + " of " + in_mib(bytes);
    rlimit limit{};
    if (error == ENOMEM && ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        return {error, text + ": the limit on address space (ulimit -v, RLIMIT_AS) is " + in_mib(limit.rlim_cur)};
    }
    return failure_of(error, text);
}

namespace {

Outcome<Mapping> map_part(int descriptor, std::size_t offset, std::size_t bytes, int protection) {
    void *base = ::mmap(nullptr, bytes, protection, MAP_SHARED | MAP_NORESERVE, descriptor, static_cast<off_t>(offset));
    if (base == MAP_FAILED) { return mapping_failure(errno, "shared memory", bytes); }
    Mapping mapping(base, bytes);
    if (auto kept = keep_out(base, bytes, false); !kept) { return kept.failure(); }
    return mapping;
}

} // namespace

Outcome<Mapping> map_shared(int descriptor, std::size_t bytes) {
    return map_part(descriptor, 0, bytes, PROT_READ | PROT_WRITE);
}

Outcome<Mapping> map_part_to_read(int descriptor, std::size_t offset, std::size_t bytes) {
    return map_part(descriptor, offset, bytes, PROT_READ);
}

} // namespace dsm::memory
