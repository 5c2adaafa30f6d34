// Which lines of a page have changed since its home sent it, so that a copy that is a few versions old is sent those
// alone.
//
// As the write sets of lazy diffs (Keleher, Cox, Dwarkadas and Zwaenepoel, "TreadMarks", 1994), but of lines and not of
// bytes, and without the diffs: the home's own page has the bytes. A version is the serial number under which the page
// was sent (R14).
//
//   since:   9    7    4    0    0      the page was sent as 4, 5, 6, as 7, 8, and as 9, 10, ...
//   lines:   c    b    a                a: what changed between 6 and 7, b: between 8 and 9, c: since the last sending
//
// In memory that the ranks of the home share; no pointers.
#pragma once

#include <bit>
#include <cstdint>

namespace dsm::protocol {

/// Of a page at its home, from some sending on. Zeroed: nothing was sent.
struct PageVersions {
    static constexpr unsigned depth = 5;
    std::uint64_t lines[depth]; ///< changed while the latest sending was not before since[i], and before since[i - 1]
    std::uint32_t since[depth]; ///< serials, the latest first; 0: none
};
static_assert(sizeof(PageVersions) == 64);

/// What has changed since what was sent as `since`; 0: not known.
struct LinesSince {
    std::uint32_t since;
    std::uint64_t lines;
};

/// Of two counts that are not far apart.
constexpr bool is_later(std::uint32_t serial, std::uint32_t than) {
    return static_cast<std::int32_t>(serial - than) > 0;
}
constexpr bool is_not_before(std::uint32_t serial, std::uint32_t since) {
    return serial == since || is_later(serial, since);
}

/// From now on all changes are told; the page is sent as `serial`.
constexpr void begin_versions(PageVersions &versions, std::uint32_t serial) {
    versions = {};
    versions.since[0] = serial;
}

constexpr void note_lines(PageVersions &versions, std::uint64_t lines) { versions.lines[0] |= lines; }

/// The page is sent as `serial`, after what was told.
constexpr void note_sending(PageVersions &versions, std::uint32_t serial) {
    if (versions.lines[0] == 0) { return; }
    for (unsigned i = PageVersions::depth - 1; i != 0; --i) {
        versions.lines[i] = versions.lines[i - 1];
        versions.since[i] = versions.since[i - 1];
    }
    versions.lines[0] = 0;
    versions.since[0] = serial;
}

/// Who has the page as it was sent as `serial` lacks these lines, at the most.
constexpr LinesSince changed_since(const PageVersions &versions, std::uint32_t serial) {
    std::uint64_t lines = 0;
    for (unsigned i = 0; i < PageVersions::depth && versions.since[i] != 0; ++i) {
        lines |= versions.lines[i];
        if (is_not_before(serial, versions.since[i])) { return {versions.since[i], lines}; }
    }
    return {};
}

/// For the oldest copies that lack no more than so many lines.
constexpr LinesSince for_most_copies(const PageVersions &versions, unsigned lines_max) {
    LinesSince found{};
    std::uint64_t lines = 0;
    for (unsigned i = 0; i < PageVersions::depth && versions.since[i] != 0; ++i) {
        lines |= versions.lines[i];
        if (static_cast<unsigned>(std::popcount(lines)) > lines_max) { break; }
        found = {versions.since[i], lines};
    }
    return found;
}

} // namespace dsm::protocol
