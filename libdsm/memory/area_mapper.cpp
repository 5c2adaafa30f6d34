// Opening the application view area by area.
#include "libdsm/memory/area_mapper.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace dsm::memory {
namespace {
constexpr std::size_t area_pages = area_bytes / page_bytes;
constexpr std::size_t bits_per_word = 64;
/// The end of the page that holds the last byte before `end`.
const std::byte *page_end(const void *end) noexcept {
    const auto address = (reinterpret_cast<std::uintptr_t>(end) + page_bytes - 1) / page_bytes * page_bytes;
    return reinterpret_cast<const std::byte *>(address); // NOLINT(performance-no-int-to-ptr)
}
constexpr std::uint64_t bit_of(std::size_t area) noexcept { return std::uint64_t{1} << (area % bits_per_word); }
} // namespace

Outcome<AreaMapper> AreaMapper::create(const Segment &segment) {
    const std::size_t areas = segment.bytes() / area_bytes;
    const std::size_t bytes = (areas + bits_per_word - 1) / bits_per_word * sizeof(std::uint64_t);
    void *base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) { return mapping_failure(errno, "the table of areas", bytes); }
    return AreaMapper(segment, Mapping(base, bytes));
}

std::atomic<std::uint64_t> &AreaMapper::word_of(std::size_t area) const noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t> *>(open_bits_.base())[area / bits_per_word];
}

void AreaMapper::mark(std::size_t begin, std::size_t end, bool open) noexcept {
    for (std::size_t area = begin; area < end; ++area) {
        if (open) {
            word_of(area).fetch_or(bit_of(area), std::memory_order_release);
        } else {
            word_of(area).fetch_and(~bit_of(area), std::memory_order_release);
        }
    }
}

bool AreaMapper::is_open(const void *address) const noexcept {
    const std::size_t area = segment_->page_of(address).value / area_pages;
    return (word_of(area).load(std::memory_order_acquire) & bit_of(area)) != 0;
}

void AreaMapper::open(const void *address, const void *live_end, int protection) noexcept {
    const std::size_t area_count = segment_->bytes() / area_bytes;
    const std::size_t area = segment_->page_of(address).value / area_pages;
    // Near the kernel's limit of areas it cannot split one; a larger, aligned neighbourhood ends where areas do.
    for (std::size_t span = 1;; span *= 2) {
        const std::size_t begin = area / span * span;
        const std::size_t end = std::min(begin + span, area_count);
        const std::byte *stop = segment_->base() + end * area_bytes;
        if (span == 1 && live_end != nullptr) { stop = std::min(stop, page_end(live_end)); }
        std::byte *start = segment_->base() + begin * area_bytes;
        if (span > 1 && growth_notice_) { growth_notice_(begin, end); }
        const int rights = span == 1 ? protection : open_protection;
        const int error = raw_mprotect(start, static_cast<std::size_t>(stop - start), rights);
        if (error == 0) {
            mark(begin, end, true);
            return;
        }
        if (error != ENOMEM || (begin == 0 && end == area_count)) {
            end_job(exit_machine_failed, "opening the memory around %p failed: %s", address, ::strerrordesc_np(error));
        }
    }
}

bool AreaMapper::close(PageId first, std::size_t count) noexcept {
    const std::size_t begin = (first.value + area_pages - 1) / area_pages;
    const std::size_t end = (first.value + count) / area_pages;
    if (begin >= end) { return true; }
    mark(begin, end, false); // First: an area that is closed must never be taken for an open one.
    const int error = raw_mprotect(segment_->base() + begin * area_bytes, (end - begin) * area_bytes, PROT_NONE);
    if (error == 0) { return true; }
    mark(begin, end, true);
    if (growth_notice_) { growth_notice_(begin, end); }
    return false;
}

} // namespace dsm::memory
