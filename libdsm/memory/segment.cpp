// Reserving the range of addresses that every rank sees.
#include "libdsm/memory/segment.hpp"

#include "libdsm/memory/memory_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>

namespace dsm::memory {
namespace {

// Address space randomisation puts programs and heaps above 0x5500'0000'0000 and libraries and stacks in the last
// 2 TiB of the lower half; programs that are not position independent lie below 1 GiB. AddressSanitizer keeps its
// shadow below 0x1000'7fff'8000 and its heap from 0x5000'0000'0000 or 0x6000'0000'0000. What lies between is free. The
// last two are for machines and tools with a smaller address space.
constexpr std::array<std::uintptr_t, 8> candidates = {
    0x2000'0000'0000, 0x3000'0000'0000, 0x1800'0000'0000, 0x4000'0000'0000,
    0x2800'0000'0000, 0x1100'0000'0000, 0x0600'0000'0000, 0x0010'0000'0000,
};

std::string at_base(std::uintptr_t base) {
    char text[64];
    std::snprintf(text, sizeof text, "the segment at 0x%llx", static_cast<unsigned long long>(base));
    return text;
}

} // namespace

std::span<const std::uintptr_t> segment_base_candidates() noexcept { return candidates; }

Outcome<Segment> Segment::try_reserve(std::uintptr_t base, std::size_t bytes) {
    constexpr std::size_t unit = block_bytes_max;
    if (base == 0 || bytes == 0 || base % unit != 0 || bytes % unit != 0 || base + bytes < base) {
        return Failure{EINVAL, at_base(base) + ": base and size must be multiples of 2 MiB"};
    }
    void *wanted = reinterpret_cast<void *>(base); // NOLINT(performance-no-int-to-ptr)
    void *got =
        ::mmap(wanted, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED && errno == EEXIST) {
        return Failure{EEXIST, at_base(base) + " cannot be reserved: other memory is mapped there"};
    }
    if (got == MAP_FAILED) { return mapping_failure(errno, at_base(base).c_str(), bytes); }
    Segment segment(Mapping(got, bytes));
    if (got != wanted) { // A kernel before 4.17 takes the address for a wish.
        return Failure{EEXIST, at_base(base) + " cannot be reserved: other memory is mapped there"};
    }
    return segment;
}

} // namespace dsm::memory
