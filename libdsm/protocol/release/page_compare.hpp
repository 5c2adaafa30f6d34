// Where two versions of a page differ. One of them may be written by other threads meanwhile, so each byte of it is
// read once, and who asks gets the value that was compared.
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dsm::protocol {

/// The unit of comparing: 64 bytes of a page, aligned.
constexpr std::size_t line_bytes = 64;
constexpr std::size_t lines_per_page = page_bytes / line_bytes;

/// Of the lines that a mask names, bit i for line i.
constexpr std::size_t bytes_of_lines(std::uint64_t lines) {
    return static_cast<std::size_t>(std::popcount(lines)) * line_bytes;
}

/// How pages are compared. The bytes that come out are the same.
enum class Compare : std::uint8_t {
    Words,  ///< 64 bits at a time, on any machine
    Avx2,   ///< where the processor has it, and BMI and POPCNT, as all of them have
    Avx512, ///< likewise: bytes and their compression (BW, VBMI2)
};
bool can_compare(Compare how) noexcept;
Compare best_compare() noexcept;

/// Whether any byte of the page is not as in the twin.
bool differs(const std::byte *frame, const std::byte *twin, Compare how = best_compare()) noexcept;

/// A line that differs: what was read of it, and which of its bytes are not as in the old version.
struct ChangedLine {
    alignas(32) std::array<std::byte, line_bytes> bytes;
    std::uint64_t mask;
};

/// The first of `lines` lines in which `now` differs from `old`, with `found` set; `lines` if there is none, and
/// `found` is undefined. Neither has to be aligned. `now` may be written meanwhile and is read once; where `old` is,
/// the mask may be 0.
std::size_t find_changed(const std::byte *now, const std::byte *old, std::size_t lines, ChangedLine &found,
                         Compare how) noexcept;

/// Makes the twin as the frame is, each byte of which is read once, and returns the lines that differed: bit i for line
/// i. What is written meanwhile comes into the twin as if it had been written before, or is found the next time.
std::uint64_t refresh(std::byte *twin, const std::byte *frame, Compare how = best_compare()) noexcept;

} // namespace dsm::protocol
