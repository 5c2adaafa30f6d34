// The calls of userfaultfd, and the probe that tells whether they do what we need.
#include "libdsm/memory/userfaultfd_abi.hpp"

#include "libdsm/base/ids.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"
#include "libdsm/memory/userfaultfd_backend.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::memory {

Outcome<FileDescriptor> open_userfaultfd() {
    FileDescriptor file(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | uffd::user_mode_only)));
    if (!file.valid()) { return failure_of(errno, "the system call userfaultfd is refused"); }
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = uffd::feature_pagefault_flag_wp | uffd::feature_missing_shmem | uffd::feature_sigbus |
                   uffd::feature_minor_shmem | uffd::feature_wp_hugetlbfs_shmem;
    if (const int error = raw_ioctl(file.get(), UFFDIO_API, &api); error != 0) {
        return failure_of(error, "userfaultfd lacks minor faults or write protection of shared memory");
    }
    return file;
}

Outcome<Done> register_range(int descriptor, void *base, std::size_t bytes) {
    uffdio_register range{};
    range.range = {reinterpret_cast<std::uintptr_t>(base), bytes};
    range.mode = uffd::register_mode_missing | uffd::register_mode_wp | uffd::register_mode_minor;
    if (const int error = raw_ioctl(descriptor, UFFDIO_REGISTER, &range); error != 0) {
        return failure_of(error, "userfaultfd cannot watch shared memory");
    }
    constexpr std::uint64_t needed = (1U << uffd::ioctl_writeprotect) | (1U << uffd::ioctl_continue);
    if ((range.ioctls & needed) != needed) {
        return Failure{ENOTSUP, "userfaultfd cannot write-protect shared memory"};
    }
    return Done{};
}

int continue_range(int descriptor, std::uint64_t address, std::size_t bytes, bool write_protected,
                   std::size_t &mapped_bytes) noexcept {
    uffdio_continue call{};
    call.range = {address, bytes};
    call.mode = uffd::continue_mode_dontwake | (write_protected ? uffd::continue_mode_wp : 0);
    const int error = raw_ioctl(descriptor, UFFDIO_CONTINUE, &call);
    mapped_bytes = call.mapped > 0 ? static_cast<std::size_t>(call.mapped) : 0;
    return error;
}

int write_protect_range(int descriptor, std::uint64_t address, std::size_t bytes, bool on) noexcept {
    uffdio_writeprotect call{};
    call.range = {address, bytes};
    call.mode = on ? uffd::writeprotect_mode_wp : 0;
    return raw_ioctl(descriptor, UFFDIO_WRITEPROTECT, &call);
}

namespace {

/// Two pages under a userfaultfd. Whether an access faults is found out by having the kernel make it through a pipe:
/// then a fault is an error code, and no signal handler is needed.
class Probe {
public:
    Outcome<Done> set_up() {
        auto opened = open_userfaultfd();
        if (!opened) { return opened.failure(); }
        uffd_ = std::move(opened.value());
        auto made = FrameStore::create(bytes);
        if (!made) { return made.failure(); }
        store_ = std::move(made.value());
        auto mapped = map_shared(store_.descriptor(), bytes);
        if (!mapped) { return mapped.failure(); }
        view_ = std::move(mapped.value());
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) { return failure_of(errno, "cannot open a pipe"); }
        out_ = FileDescriptor(ends[0]);
        in_ = FileDescriptor(ends[1]);
        return register_range(uffd_.get(), view_.base(), bytes);
    }
    bool readable() const noexcept {
        char byte = 0;
        return ::write(in_.get(), view_.base(), 1) == 1 && ::read(out_.get(), &byte, 1) == 1;
    }
    bool writable() const noexcept {
        char byte = 1;
        if (::write(in_.get(), &byte, 1) != 1) { return false; }
        if (::read(out_.get(), view_.base(), 1) == 1) { return true; }
        static_cast<void>(::read(out_.get(), &byte, 1) == 1); // Leave the pipe empty.
        return false;
    }
    bool map(bool write_protected) const noexcept {
        std::size_t mapped = 0;
        return continue_range(uffd_.get(), address(), bytes, write_protected, mapped) == 0;
    }
    bool protect(bool on) const noexcept { return write_protect_range(uffd_.get(), address(), bytes, on) == 0; }
    bool take_away() const noexcept { return raw_madvise(view_.base(), bytes, MADV_DONTNEED) == 0; }
    bool punch() const noexcept { return store_.punch(0, bytes) == 0; }
    std::byte &byte() const noexcept { return *store_.service_view(); }
    void fill() const noexcept {
        for (std::size_t at = 0; at < bytes; at += page_bytes) { store_.service_view()[at] = std::byte{7}; }
    }

private:
    static constexpr std::size_t bytes = 2 * page_bytes;
    std::uint64_t address() const noexcept { return reinterpret_cast<std::uintptr_t>(view_.base()); }
    FileDescriptor uffd_;
    FrameStore store_;
    Mapping view_;
    FileDescriptor out_;
    FileDescriptor in_;
};

Failure lacks(const char *what) { return {ENOTSUP, std::string("userfaultfd on this machine does not ") + what}; }

} // namespace

Outcome<Done> probe_userfaultfd() {
    Probe probe;
    if (auto done = probe.set_up(); !done) { return done; }
    if (probe.readable()) { return lacks("notice an access to a missing frame"); }
    probe.fill();
    if (probe.readable()) { return lacks("notice an access to a page that is not mapped (minor fault)"); }
    if (!probe.map(true)) { return lacks("map shared memory write-protected (Linux 6.4)"); }
    if (!probe.readable() || probe.writable()) { return lacks("keep a page that it maps from being written"); }
    if (!probe.protect(false) || !probe.writable()) { return lacks("make a page writable again"); }
    if (probe.byte() != std::byte{1}) { return lacks("share a page with its frame"); }
    if (!probe.protect(true) || probe.writable()) { return lacks("write-protect a page that was writable"); }
    if (!probe.take_away() || probe.readable() || probe.byte() != std::byte{1}) { return lacks("unmap a page only"); }
    if (!probe.map(false) || !probe.writable()) { return lacks("map a page again"); }
    if (!probe.punch() || probe.readable()) { return lacks("notice an access to a frame that was given back"); }
    return Done{};
}

} // namespace dsm::memory
