// Diffs of one page of release memory: which bytes a node has written since it made the page's twin, as bytes of a
// message, and how the bytes of others come into a page that is being written here.
//
// Twins and diffs follow Munin (Carter, Bennett and Zwaenepoel 1991) and TreadMarks (Keleher et al. 1994). They compare
// words; here a diff is exact to the byte, since two nodes may write neighbouring bytes of a word. A byte that equals
// the twin's is never in a diff, not even to join two runs: another node may have written it.
//
// The frame may be written by other threads meanwhile, in the application view. Therefore
//  - each byte of it is read once, and this value goes both into the diff and into the refreshed twin, so that what is
//    written later differs from the twin and is in the next diff;
//  - no byte of it is stored that is not meant to change, not even with its own value: that would undo a write.
// The twin is the caller's alone. Both are aligned to a line. Nothing here allocates, throws or waits.
//
// A diff is a sequence of items, little endian, in rising order, no byte twice; a line is 64 bytes of the page:
//
//   run    offset (2)   length (2)   the bytes
//   mask   0x8000 | (lines - 1) << 6 | first line (2), then for each line: bit i for byte i (8)   the changed bytes
//
// Each line is told in the shorter form. The parts of a diff are diffs too: each may be applied alone and in any order.
#pragma once

#include "libdsm/protocol/release/masked_bytes.hpp"
#include "libdsm/protocol/release/page_compare.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dsm::protocol {

/// The most that one line adds to a diff. With k runs at most 65 - k of its bytes have changed, since there is one
/// between any two, and its heads have min(4k, 2 + 8) bytes: 68 for k = 1, 71 for k = 2, 72 for k = 3, then less.
constexpr std::size_t line_diff_bytes_max = 72;
/// A part that has room for so many bytes takes a line at least.
constexpr std::size_t page_diff_part_bytes_min = line_diff_bytes_max;
/// The most that all parts of a page's diff have together, however it is divided: to go on with an item of the line
/// before only saves bytes. Every second byte of the page: 2 + 64 * (8 + 32) = 2562. All of it: 4 + 4096.
constexpr std::size_t page_diff_bytes_max = lines_per_page * line_diff_bytes_max;

/// Copies the frame into the twin. A byte that is written meanwhile may come out old or new: if new, no diff will have
/// it. So a node makes the twin before it lets anybody write.
void copy_page(std::byte *twin, const std::byte *frame) noexcept;

/// Copies these lines of a page, one behind the other. Returns their bytes.
std::size_t gather_lines(std::uint64_t lines, const std::byte *page, std::byte *to) noexcept;

enum class RefreshTwin : bool { No, Yes };

/// Walks a page once, from its first byte to its last, and tells in parts what differs from the twin.
class DiffEncoder {
public:
    /// With RefreshTwin::Yes the twin becomes what has been told; otherwise it is only read. Between two parts the
    /// page may be written, and merged or applied to with this twin.
    DiffEncoder(const std::byte *frame, std::byte *twin, RefreshTwin refresh, Compare how = best_compare()) noexcept
        : frame_(frame), twin_(twin), refresh_(refresh), how_(how) {}

    /// Writes as many whole lines as fit, and returns the bytes used: 0 if nothing is left, or if `out` is shorter
    /// than page_diff_part_bytes_min and nothing fits.
    std::size_t next(std::span<std::byte> out) noexcept;
    /// Whether the whole page has been walked. False after next(): there was a change that did not fit.
    [[nodiscard]] bool done() const noexcept { return line_ == lines_per_page; }

private:
    const std::byte *frame_;
    std::byte *twin_;
    RefreshTwin refresh_;
    Compare how_;
    std::size_t line_ = 0; ///< the first that has not been told
};

/// Stores exactly the diff's bytes. False, and nothing stored, if it is malformed. An empty diff is well formed.
[[nodiscard]] bool apply_diff(std::span<const std::byte> diff, std::byte *frame, Compare how = best_compare()) noexcept;
/// The same for a page that has a twin: these bytes will not be in the next diff.
[[nodiscard]] bool apply_diff_to_both(std::span<const std::byte> diff, std::byte *frame, std::byte *twin,
                                      Compare how = best_compare()) noexcept;

/// The bytes of a page from `offset` on have been fetched while this node has writes in it that are not released yet.
/// Where `fresh` differs from the twin another node has written: the twin takes it, and so does the frame unless this
/// node has written the same byte, which only a program with a data race does. offset + fresh.size() <= page_bytes.
void merge(std::byte *frame, std::byte *twin, std::span<const std::byte> fresh, std::size_t offset,
           Compare how = best_compare()) noexcept;
/// The same for a page without a twin: stores the bytes that differ, and no others.
void merge_clean(std::byte *frame, std::span<const std::byte> fresh, std::size_t offset,
                 Compare how = best_compare()) noexcept;

/// A set of bytes of a page: a bit for each, a word for each line.
using PageBytes = std::array<std::uint64_t, lines_per_page>;
/// Which bytes the diff has; none if it is malformed.
PageBytes bytes_in(std::span<const std::byte> diff) noexcept;
/// Which bytes of the frame differ from the twin. Nothing is changed.
PageBytes changed_bytes(const std::byte *frame, std::byte *twin, Compare how = best_compare()) noexcept;
/// The lines of which there are bytes; bit i for line i.
std::uint64_t lines_of(const PageBytes &bytes) noexcept;
/// The same of a diff, of which only the heads are read; 0 if it is malformed.
std::uint64_t lines_in(std::span<const std::byte> diff) noexcept;
/// How many bytes the diff has; 0 if it is malformed.
std::size_t diff_changed_bytes(std::span<const std::byte> diff) noexcept;
/// The first byte that both diffs have: the hint at a data race between two intervals that nothing orders.
std::optional<std::size_t> overlap(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;
/// Calls visit(offset, length) for each run in rising order; no two of them touch. None if the diff is malformed.
template <class Visit> void for_each_run(std::span<const std::byte> diff, Visit visit);

template <class Visit> void for_each_run(std::span<const std::byte> diff, Visit visit) {
    const PageBytes bytes = bytes_in(diff);
    std::size_t begin = 0;
    std::size_t end = 0; // Of the run that may go on in the next line.
    for (std::size_t line = 0; line < lines_per_page; ++line) {
        for_each_run_of_ones(bytes[line], [&](std::size_t first, std::size_t length) {
            const std::size_t offset = line * line_bytes + first;
            if (offset != end || begin == end) {
                if (begin != end) { visit(begin, end - begin); }
                begin = offset;
            }
            end = offset + length;
        });
    }
    if (begin != end) { visit(begin, end - begin); }
}

} // namespace dsm::protocol
