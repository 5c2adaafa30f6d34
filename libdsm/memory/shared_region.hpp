// Zeroed, sparse memory that ranks of a node or host share: page table, tables, doorbells. No pointers belong in it.
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"

#include <cstddef>

namespace dsm::memory {

class SharedRegion {
public:
    SharedRegion() = default;
    /// `name` is shown in /proc/PID/maps. Takes memory only where it is touched.
    static Outcome<SharedRegion> create(const char *name, std::size_t bytes);
    /// Maps a region that another process made; fails with EINVAL if it is smaller than `bytes`.
    static Outcome<SharedRegion> attach(FileDescriptor descriptor, std::size_t bytes);

    std::byte *base() const noexcept { return view_.base(); }
    std::size_t bytes() const noexcept { return view_.bytes(); }
    int descriptor() const noexcept { return descriptor_.get(); }
    /// The region's memory as one object of a type that is valid when zeroed.
    template <class Layout> Layout *as() const noexcept { return reinterpret_cast<Layout *>(base()); }
    /// Gives memory of whole pages back; they read as zeros.
    int punch(std::size_t offset, std::size_t bytes) const noexcept;

private:
    SharedRegion(FileDescriptor descriptor, Mapping view) noexcept
        : descriptor_(std::move(descriptor)), view_(std::move(view)) {}
    FileDescriptor descriptor_;
    Mapping view_;
};

} // namespace dsm::memory
