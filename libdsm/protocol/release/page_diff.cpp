// Telling and storing what differs between two versions of a page.
#include "libdsm/protocol/release/page_diff.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::protocol {
namespace {

static_assert(std::endian::native == std::endian::little, "bit i of a mask is byte i, and items are little endian");

constexpr unsigned mask_flag = 1U << 15;
constexpr unsigned lines_shift = 6; ///< of a mask item: where its number of lines stands, less one
constexpr std::size_t item_head_bytes = 2;
constexpr std::size_t run_head_bytes = 4;
constexpr std::size_t mask_bytes = 8;
static_assert(lines_per_page == 1U << lines_shift && page_bytes < mask_flag);

void copy_run(std::byte *to, const std::byte *from, std::size_t length) {
    if (length <= line_bytes) {
        copy_short(to, from, length);
    } else {
        std::memcpy(to, from, length);
    }
}

/// Writes the lines of one part. An item at the end of it stays open, so that the next line may go on with it.
class PartWriter {
public:
    PartWriter(std::span<std::byte> out, Compare how) : out_(out), how_(how) {}
    [[nodiscard]] std::size_t used() const { return used_; }

    /// False, and nothing written, if the line does not fit.
    bool put(std::size_t line, const ChangedLine &changed) {
        const std::uint64_t mask = changed.mask;
        const MaskShape shape = shape_of(mask, how_);
        const bool is_next = line * line_bytes == open_end_;
        const bool extends_run = open_ == Open::Run && is_next && (mask & 1) != 0;
        const bool extends_mask = open_ == Open::Mask && is_next;
        const std::size_t as_runs = run_head_bytes * (shape.runs - (extends_run ? 1 : 0));
        const std::size_t as_mask = mask_bytes + (extends_mask ? 0 : item_head_bytes);
        if (std::min(as_runs, as_mask) + shape.bytes > out_.size() - used_) { return false; }
        if (as_runs <= as_mask) {
            put_runs(line, changed, extends_run);
        } else {
            put_mask(line, changed, shape.bytes, extends_mask);
        }
        return true;
    }

private:
    enum class Open : std::uint8_t { Nothing, Run, Mask };

    void put_u16(std::size_t at, std::size_t value) {
        const auto number = static_cast<std::uint16_t>(value);
        std::memcpy(out_.data() + at, &number, sizeof number);
    }

    void put_bytes(const ChangedLine &changed, std::size_t first, std::size_t length) {
        copy_short(out_.data() + used_, changed.bytes.data() + first, length);
        used_ += length;
    }

    void put_runs(std::size_t line, const ChangedLine &changed, bool extends) {
        for_each_run_of_ones(changed.mask, [&](std::size_t first, std::size_t length) {
            const std::size_t offset = line * line_bytes + first;
            if (!extends) {
                open_at_ = used_;
                open_begin_ = offset;
                put_u16(open_at_, offset);
                used_ += run_head_bytes;
            }
            extends = false; // Only the first run touches the line before.
            open_end_ = offset + length;
            put_u16(open_at_ + item_head_bytes, open_end_ - open_begin_);
            put_bytes(changed, first, length);
        });
        open_ = Open::Run;
    }

    void put_mask(std::size_t line, const ChangedLine &changed, std::size_t count, bool extends) {
        if (!extends) {
            open_at_ = used_;
            open_begin_ = line * line_bytes;
            used_ += item_head_bytes;
        }
        open_end_ = (line + 1) * line_bytes;
        const std::size_t first_line = open_begin_ / line_bytes;
        put_u16(open_at_, mask_flag | (line - first_line) << lines_shift | first_line);
        std::memcpy(out_.data() + used_, &changed.mask, mask_bytes);
        used_ += mask_bytes;
        pack_masked(out_.data() + used_, changed.bytes.data(), changed.mask, how_);
        used_ += count;
        open_ = Open::Mask;
    }

    std::span<std::byte> out_;
    Compare how_;
    std::size_t used_ = 0;
    Open open_ = Open::Nothing;
    std::size_t open_at_ = 0;    ///< of the open item: where its head stands in the part
    std::size_t open_begin_ = 0; ///< of the open item: its first byte in the page
    std::size_t open_end_ = 0;   ///< of the open item: the byte behind its last one
};

/// A run, or one line of a mask item.
struct Piece {
    std::size_t offset;
    std::size_t length; ///< in the page
    std::uint64_t mask; ///< 0 for a run
    const std::byte *bytes;
};

/// Takes a diff apart. It may say anything.
class PieceReader {
public:
    PieceReader(std::span<const std::byte> diff, Compare how) : rest_(diff), how_(how) {}
    /// False at the end, and at what is malformed.
    bool next(Piece &piece) {
        if (lines_left_ > 0) { return next_line(piece); }
        if (rest_.empty()) { return false; }
        if (rest_.size() < run_head_bytes) { return refuse(); } // A mask item is longer still.
        const unsigned head = take_u16();
        if ((head & mask_flag) == 0) { return next_run(piece, head); }
        const std::size_t line = head & (lines_per_page - 1);
        next_offset_ = line * line_bytes;
        lines_left_ = 1 + ((head & ~mask_flag) >> lines_shift);
        if (next_offset_ < end_ || line + lines_left_ > lines_per_page) { return refuse(); }
        return next_line(piece);
    }
    [[nodiscard]] bool is_malformed() const { return is_malformed_; }

private:
    unsigned take_u16() {
        std::uint16_t value;
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_ = rest_.subspan(sizeof value);
        return value;
    }

    bool next_run(Piece &piece, std::size_t offset) {
        const std::size_t length = take_u16();
        const bool is_inside = offset < page_bytes && length <= page_bytes - offset;
        if (offset < end_ || length == 0 || !is_inside || length > rest_.size()) { return refuse(); }
        piece = {offset, length, 0, rest_.data()};
        rest_ = rest_.subspan(length);
        end_ = offset + length;
        return true;
    }

    bool next_line(Piece &piece) {
        if (rest_.size() < mask_bytes) { return refuse(); }
        std::uint64_t mask;
        std::memcpy(&mask, rest_.data(), mask_bytes);
        const std::size_t count = count_ones(mask, how_);
        if (mask == 0 || count > rest_.size() - mask_bytes) { return refuse(); }
        piece = {next_offset_, line_bytes, mask, rest_.data() + mask_bytes};
        rest_ = rest_.subspan(mask_bytes + count);
        next_offset_ += line_bytes;
        end_ = next_offset_;
        --lines_left_;
        return true;
    }

    bool refuse() {
        is_malformed_ = true;
        return false;
    }

    std::span<const std::byte> rest_;
    Compare how_;
    std::size_t end_ = 0;         ///< nothing may begin before it
    std::size_t next_offset_ = 0; ///< of a mask item: its next line
    std::size_t lines_left_ = 0;  ///< of a mask item
    bool is_malformed_ = false;
};

bool is_well_formed(std::span<const std::byte> diff, Compare how) {
    PieceReader reader(diff, how);
    for (Piece piece; reader.next(piece);) {}
    return !reader.is_malformed();
}

/// Calls visit(piece) for each, in rising order. False, and nothing is called, if the diff is malformed.
template <class Visit> bool for_each_piece(std::span<const std::byte> diff, Compare how, Visit visit) {
    if (!is_well_formed(diff, how)) { return false; }
    PieceReader reader(diff, how);
    for (Piece piece; reader.next(piece);) { visit(piece); }
    return true;
}

void store_piece(const Piece &piece, std::byte *page, Compare how) {
    std::byte *to = page + piece.offset;
    if (piece.mask == 0) { return copy_run(to, piece.bytes, piece.length); }
    unpack_masked(to, piece.bytes, piece.mask, how);
}

constexpr std::uint64_t ones(std::size_t first, std::size_t count) {
    return (~std::uint64_t{0} >> (64 - count)) << first; // count > 0
}

/// Calls visit(offset of the line, ChangedLine, whether `fresh` has all of it) for each line of the page in which
/// `fresh` differs from `old`; its mask says nothing about bytes that `fresh` does not have.
template <class Visit> void for_each_fresh_line(std::span<const std::byte> fresh, std::size_t offset,
                                                const std::byte *old, Compare how, Visit visit) {
    ChangedLine changed;
    for (std::size_t done = 0; done < fresh.size();) {
        const std::size_t at = offset + done;
        const std::size_t first = at % line_bytes;
        const std::size_t count = std::min(line_bytes - first, fresh.size() - done);
        if (count == line_bytes) {
            const std::size_t lines = (fresh.size() - done) / line_bytes;
            const std::size_t same = find_changed(fresh.data() + done, old + at, lines, changed, how);
            if (same < lines) { visit(at + same * line_bytes, changed, true); }
            done += std::min(same + 1, lines) * line_bytes;
            continue;
        }
        std::array<std::byte, line_bytes> line{}; // A part of one, at either end.
        std::memcpy(line.data() + first, fresh.data() + done, count);
        if (find_changed(line.data(), old + at - first, 1, changed, how) == 0) {
            changed.mask &= ones(first, count);
            if (changed.mask != 0) { visit(at - first, changed, false); }
        }
        done += count;
    }
}

} // namespace

void copy_page(std::byte *twin, const std::byte *frame) noexcept {
    // memcpy may read a byte twice, but stores one of the values last, and the caller cannot tell it from a single
    // read.
    std::memcpy(twin, frame, page_bytes);
}

std::size_t gather_lines(std::uint64_t lines, const std::byte *page, std::byte *to) noexcept {
    std::size_t used = 0;
    for_each_run_of_ones(lines, [&](std::size_t first, std::size_t count) {
        std::memcpy(to + used, page + first * line_bytes, count * line_bytes);
        used += count * line_bytes;
    });
    return used;
}

std::size_t DiffEncoder::next(std::span<std::byte> out) noexcept {
    PartWriter part(out, how_);
    ChangedLine changed;
    while (line_ < lines_per_page) {
        const std::size_t at = line_ * line_bytes;
        line_ += find_changed(frame_ + at, twin_ + at, lines_per_page - line_, changed, how_);
        if (line_ == lines_per_page || !part.put(line_, changed)) { break; } // What does not fit is read anew.
        if (refresh_ == RefreshTwin::Yes) { std::memcpy(twin_ + line_ * line_bytes, changed.bytes.data(), line_bytes); }
        ++line_;
    }
    return part.used();
}

bool apply_diff(std::span<const std::byte> diff, std::byte *frame, Compare how) noexcept {
    return for_each_piece(diff, how, [&](const Piece &piece) { store_piece(piece, frame, how); });
}

bool apply_diff_to_both(std::span<const std::byte> diff, std::byte *frame, std::byte *twin, Compare how) noexcept {
    return for_each_piece(diff, how, [&](const Piece &piece) {
        store_piece(piece, frame, how);
        store_piece(piece, twin, how);
    });
}

void merge(std::byte *frame, std::byte *twin, std::span<const std::byte> fresh, std::size_t offset,
           Compare how) noexcept {
    for_each_fresh_line(fresh, offset, twin, how, [&](std::size_t at, const ChangedLine &changed, bool is_whole) {
        ChangedLine written;
        const bool is_written = find_changed(frame + at, twin + at, 1, written, how) == 0;
        store_masked(frame + at, changed.bytes.data(), is_written ? changed.mask & ~written.mask : changed.mask, how);
        if (is_whole) { // So the rest of its bytes are as in the twin, which is the caller's alone.
            std::memcpy(twin + at, changed.bytes.data(), line_bytes);
        } else {
            store_masked(twin + at, changed.bytes.data(), changed.mask, how);
        }
    });
}

void merge_clean(std::byte *frame, std::span<const std::byte> fresh, std::size_t offset, Compare how) noexcept {
    for_each_fresh_line(fresh, offset, frame, how, [&](std::size_t at, const ChangedLine &changed, bool) {
        store_masked(frame + at, changed.bytes.data(), changed.mask, how);
    });
}

PageBytes bytes_in(std::span<const std::byte> diff) noexcept {
    PageBytes bytes{};
    for_each_piece(diff, best_compare(), [&](const Piece &piece) {
        bytes[piece.offset / line_bytes] |= piece.mask;
        if (piece.mask != 0) { return; }
        for (std::size_t at = piece.offset, end = at + piece.length; at < end;) {
            const std::size_t count = std::min(line_bytes - at % line_bytes, end - at);
            bytes[at / line_bytes] |= ones(at % line_bytes, count);
            at += count;
        }
    });
    return bytes;
}

std::uint64_t lines_of(const PageBytes &bytes) noexcept {
    std::uint64_t lines = 0;
    for (std::size_t line = 0; line < lines_per_page; ++line) {
        if (bytes[line] != 0) { lines |= std::uint64_t{1} << line; }
    }
    return lines;
}

std::uint64_t lines_in(std::span<const std::byte> diff) noexcept {
    std::uint64_t lines = 0;
    PieceReader reader(diff, best_compare());
    for (Piece piece; reader.next(piece);) {
        const std::size_t first = piece.offset / line_bytes;
        lines |= ones(first, (piece.offset + piece.length - 1) / line_bytes - first + 1);
    }
    return reader.is_malformed() ? 0 : lines;
}

PageBytes changed_bytes(const std::byte *frame, std::byte *twin, Compare how) noexcept {
    std::byte scratch[page_bytes + page_diff_part_bytes_min];
    DiffEncoder encoder(frame, twin, RefreshTwin::No, how);
    PageBytes changed{};
    while (const std::size_t bytes = encoder.next(scratch)) {
        const PageBytes part = bytes_in({scratch, bytes});
        for (std::size_t line = 0; line < lines_per_page; ++line) { changed[line] |= part[line]; }
    }
    return changed;
}

std::size_t diff_changed_bytes(std::span<const std::byte> diff) noexcept {
    const Compare how = best_compare();
    std::size_t count = 0;
    for (const std::uint64_t mask : bytes_in(diff)) { count += count_ones(mask, how); }
    return count;
}

std::optional<std::size_t> overlap(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
    const PageBytes bytes_a = bytes_in(a);
    const PageBytes bytes_b = bytes_in(b);
    for (std::size_t line = 0; line < lines_per_page; ++line) {
        const std::uint64_t both = bytes_a[line] & bytes_b[line];
        if (both != 0) { return line * line_bytes + static_cast<std::size_t>(std::countr_zero(both)); }
    }
    return std::nullopt;
}

} // namespace dsm::protocol
