// The segment: one range of virtual addresses at the same base in every rank, reserved and empty at first.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::memory {

constexpr std::size_t segment_bytes_default = std::size_t{1} << 40;

/// Bases to try in this order when the user names none. All ranks must take the same one, so the runtime lets every
/// rank try a base and keeps it only if all could.
std::span<const std::uintptr_t> segment_base_candidates() noexcept;

class Segment {
public:
    /// Nothing reserved.
    Segment() = default;
    /// Reserves exactly [base, base + bytes); base and bytes are multiples of 2 MiB. Takes no memory. Fails with EEXIST
    /// where something is mapped there already, with ENOMEM and a sentence naming `ulimit -v` where that is the reason.
    static Outcome<Segment> try_reserve(std::uintptr_t base, std::size_t bytes);

    bool reserved() const noexcept { return range_.base() != nullptr; }
    std::byte *base() const noexcept { return range_.base(); }
    std::size_t bytes() const noexcept { return range_.bytes(); }
    std::size_t page_count() const noexcept { return bytes() / page_bytes; }
    bool contains(const void *address) const noexcept {
        return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(base()) < bytes();
    }
    /// Only for an address that the segment contains.
    PageId page_of(const void *address) const noexcept {
        return {(reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(base())) >> page_shift};
    }
    std::byte *address_of(PageId page) const noexcept { return base() + (page.value << page_shift); }

private:
    explicit Segment(Mapping range) noexcept : range_(std::move(range)) {}
    Mapping range_; ///< the application view once it is mapped over the reservation
};

} // namespace dsm::memory
