// Zeroed, sparse memory that several processes can map at addresses of their own: what the allocator's tables live in.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dsm::test {

class SparseMemory {
public:
    explicit SparseMemory(std::size_t bytes) : bytes_(bytes), descriptor_(::memfd_create("heap_test", 0)) {
        if (descriptor_ < 0 || ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
            throw std::runtime_error("no memory file");
        }
        base_ = map_again();
    }
    ~SparseMemory() {
        ::munmap(base_, bytes_);
        ::close(descriptor_);
    }
    SparseMemory(const SparseMemory &) = delete;
    SparseMemory &operator=(const SparseMemory &) = delete;

    std::byte *base() const { return base_; }
    /// One more mapping of the same memory, at another address; it lives until the process ends.
    std::byte *map_again() const {
        void *mapped = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor_, 0);
        if (mapped == MAP_FAILED) { throw std::runtime_error("no address space"); }
        return static_cast<std::byte *>(mapped);
    }
    /// Memory that was really touched.
    std::size_t touched_bytes() const {
        struct stat status {};
        return ::fstat(descriptor_, &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * 512 : 0;
    }

private:
    std::size_t bytes_;
    int descriptor_;
    std::byte *base_;
};

} // namespace dsm::test
