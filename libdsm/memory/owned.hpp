// Owners of what the kernel gives out: file descriptors and mappings.
#pragma once

#include <cstddef>
#include <unistd.h>
#include <utility>

namespace dsm::memory {

/// Closes its descriptor when it goes; -1 is none.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor &operator=(FileDescriptor &&other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor() {
        if (number_ >= 0) { ::close(number_); }
    }
    int get() const noexcept { return number_; }
    bool valid() const noexcept { return number_ >= 0; }

private:
    int number_ = -1;
};

/// Unmaps its range when it goes.
class Mapping {
public:
    Mapping() = default;
    Mapping(void *base, std::size_t bytes) noexcept : base_(static_cast<std::byte *>(base)), bytes_(bytes) {}
    Mapping(Mapping &&other) noexcept
        : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Mapping &operator=(Mapping &&other) noexcept {
        std::swap(base_, other.base_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Mapping();
    std::byte *base() const noexcept { return base_; }
    std::size_t bytes() const noexcept { return bytes_; }

private:
    std::byte *base_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace dsm::memory
