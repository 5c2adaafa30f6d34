// A part of a file, as the rank that opened it reads and writes it. Knows nothing of shared memory.
#pragma once

#include "libdsm/memory/owned.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dsm::rt {

class BoundFile {
public:
    /// What is asked for. `bytes` 0: to the end of the file.
    struct Part {
        const char *path;
        std::uint64_t offset;
        std::uint64_t bytes;
        bool written_back;
    };
    /// 0, or errno's value: of open(), EISDIR, ENODEV (no regular file), EINVAL (empty, or beyond the file's end).
    int open(const Part &part);

    std::uint64_t bytes() const noexcept { return bytes_; }
    bool written_back() const noexcept { return written_back_; }
    const std::string &path() const noexcept { return path_; }

    /// Fills `into` with the bytes from `at` in the part; zeros behind the part's end. Ends the job where the file does
    /// not have them any more: there is nothing true to put in their place.
    void read(std::uint64_t at, std::span<std::byte> into) const;
    /// Writes `from` to `at`, but nothing behind the part's end, and nothing to a file that has become shorter. 0, or
    /// errno's value with the reason logged.
    int write(std::uint64_t at, std::span<const std::byte> from) const;
    /// What was written is on the disk. 0, or errno's value with the reason logged.
    int flush() const;

private:
    int refused(const char *what, int error) const;

    memory::FileDescriptor descriptor_;
    std::string path_;
    std::uint64_t offset_ = 0;
    std::uint64_t bytes_ = 0;
    bool written_back_ = false;
};

} // namespace dsm::rt
