// For a job of one node: nothing ever has to be taken away from a rank, so the application view is opened for reading
// and writing area by area, at the first access to each, and the kernel does the rest. Accesses to areas that hold no
// allocation still fault and are reported.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"
#include "libdsm/memory/segment.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <sys/mman.h>
#include <utility>

namespace dsm::memory {

constexpr std::size_t area_bytes = std::size_t{2} << 20;
constexpr int open_protection = PROT_READ | PROT_WRITE;

class AreaMapper {
public:
    /// For a segment whose application view is mapped with PROT_NONE; it outlives this.
    static Outcome<AreaMapper> create(const Segment &segment);

    /// Told before areas [first, end) are opened that nobody asked for, or stay open that should be closed.
    using GrowthNotice = std::function<void(std::size_t first_area, std::size_t end_area)>;
    void set_growth_notice(GrowthNotice notice) { growth_notice_ = std::move(notice); }

    /// Opens the area around an address of the segment, as far as `live_end` where that lies in it (nullptr: all of
    /// it), for reading and writing or as `protection` (PROT_...) says; several threads may do so at once. Near the
    /// kernel's limit of areas a larger neighbourhood is opened, at worst the whole segment. In a signal handler; ends
    /// the job if the kernel refuses even that. No frame is made present here: that gains little, and sparse data would
    /// fill whole areas (docs/memory.md).
    void open(const void *address, const void *live_end = nullptr, int protection = open_protection) noexcept;
    /// True if the area is open: then a fault there is not about rights (SIGBUS: memory could not be had).
    bool is_open(const void *address) const noexcept;
    /// Closes the areas that lie entirely inside pages [first, first + count). False if the kernel refused; then they
    /// stay open. The caller sees to it that nobody opens them meanwhile.
    bool close(PageId first, std::size_t count) noexcept;

private:
    AreaMapper(const Segment &segment, Mapping open_bits) noexcept
        : segment_(&segment), open_bits_(std::move(open_bits)) {}
    std::atomic<std::uint64_t> &word_of(std::size_t area) const noexcept;
    void mark(std::size_t first_area, std::size_t end_area, bool open) noexcept;

    const Segment *segment_;
    GrowthNotice growth_notice_;
    Mapping open_bits_; ///< one bit per area, of this process alone
};

} // namespace dsm::memory
