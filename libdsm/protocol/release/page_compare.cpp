// Comparing a page's versions by words or vectors, and the bits of what differs.
#include "libdsm/protocol/release/page_compare.hpp"

#include <bit>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The frame is written by other threads while it is read here, on purpose.
#define DSM_READS_RACING_BYTES __attribute__((no_sanitize("thread")))

namespace dsm::protocol {
namespace {

static_assert(std::endian::native == std::endian::little, "bit i of a mask is byte i");

/// Bit i for byte i that is not zero.
std::uint64_t nonzero_bytes(std::uint64_t word) {
    constexpr std::uint64_t low_seven = 0x7f7f7f7f7f7f7f7f;
    const std::uint64_t tops = (((word & low_seven) + low_seven) | word) & ~low_seven;
    return ((tops >> 7) * 0x0102040810204080) >> 56; // Moves the bit at 8i to 56 + i; no two sums meet.
}

// Each way has two walks, which do what find_changed() and refresh() say. The empty asm statements hide where a value
// came from, so that the compiler cannot read it a second time.

constexpr std::size_t words_per_line = line_bytes / sizeof(std::uint64_t);

struct LineOfWords {
    std::uint64_t now[words_per_line];
    std::uint64_t changes[words_per_line];
    std::uint64_t any; ///< 0: none
};

DSM_READS_RACING_BYTES
inline LineOfWords read_line(const std::byte *now, const std::byte *old) {
    LineOfWords line;
    line.any = 0;
    for (std::size_t i = 0; i < words_per_line; ++i) {
        std::uint64_t was;
        __builtin_memcpy(&line.now[i], now + i * sizeof was, sizeof was);
        __builtin_memcpy(&was, old + i * sizeof was, sizeof was);
        asm volatile("" : "+r"(line.now[i]));
        line.changes[i] = line.now[i] ^ was;
        line.any |= line.changes[i];
    }
    return line;
}

DSM_READS_RACING_BYTES
std::size_t find_changed_words(const std::byte *now, const std::byte *old, std::size_t lines, ChangedLine &found) {
    for (std::size_t line = 0; line < lines; ++line, now += line_bytes, old += line_bytes) {
        const LineOfWords line_read = read_line(now, old);
        if (line_read.any == 0) { continue; }
        found.mask = 0;
        for (std::size_t i = 0; i < words_per_line; ++i) {
            found.mask |= nonzero_bytes(line_read.changes[i]) << (8 * i);
        }
        __builtin_memcpy(found.bytes.data(), line_read.now, line_bytes);
        return line;
    }
    return lines;
}

DSM_READS_RACING_BYTES
std::uint64_t refresh_words(std::byte *twin, const std::byte *frame) {
    std::uint64_t lines = 0;
    for (std::size_t line = 0; line < lines_per_page; ++line, frame += line_bytes, twin += line_bytes) {
        const LineOfWords line_read = read_line(frame, twin);
        if (line_read.any == 0) { continue; }
        lines |= std::uint64_t{1} << line;
        __builtin_memcpy(twin, line_read.now, line_bytes);
    }
    return lines;
}

#if defined(__x86_64__)
DSM_READS_RACING_BYTES __attribute__((target("avx2"))) std::uint64_t refresh_avx2(std::byte *twin,
                                                                                  const std::byte *frame) {
    constexpr std::size_t half = line_bytes / 2;
    std::uint64_t lines = 0;
    for (std::size_t line = 0; line < lines_per_page; ++line, frame += line_bytes, twin += line_bytes) {
        __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(frame));
        __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(frame + half));
        asm volatile("" : "+x"(low), "+x"(high));
        auto *const to_low = reinterpret_cast<__m256i *>(twin);
        auto *const to_high = reinterpret_cast<__m256i *>(twin + half);
        const __m256i changes = _mm256_or_si256(_mm256_xor_si256(low, _mm256_loadu_si256(to_low)),
                                                _mm256_xor_si256(high, _mm256_loadu_si256(to_high)));
        if (_mm256_testz_si256(changes, changes) != 0) { continue; }
        lines |= std::uint64_t{1} << line;
        _mm256_storeu_si256(to_low, low);
        _mm256_storeu_si256(to_high, high);
    }
    return lines;
}

DSM_READS_RACING_BYTES __attribute__((target("avx2"))) std::size_t
find_changed_avx2(const std::byte *now, const std::byte *old, std::size_t lines, ChangedLine &found) {
    constexpr std::size_t half = line_bytes / 2;
    for (std::size_t line = 0; line < lines; ++line, now += line_bytes, old += line_bytes) {
        __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(now));
        __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(now + half));
        asm volatile("" : "+x"(low), "+x"(high));
        const __m256i same_low = _mm256_cmpeq_epi8(low, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(old)));
        const __m256i same_high =
            _mm256_cmpeq_epi8(high, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(old + half)));
        const auto same = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_and_si256(same_low, same_high)));
        if (same == ~0U) { continue; }
        const std::uint64_t low_half = static_cast<unsigned>(_mm256_movemask_epi8(same_low));
        const std::uint64_t high_half = static_cast<unsigned>(_mm256_movemask_epi8(same_high));
        found.mask = ~(low_half | high_half << half);
        _mm256_store_si256(reinterpret_cast<__m256i *>(found.bytes.data()), low);
        _mm256_store_si256(reinterpret_cast<__m256i *>(found.bytes.data() + half), high);
        return line;
    }
    return lines;
}

DSM_READS_RACING_BYTES __attribute__((target("avx512bw"))) std::size_t
find_changed_avx512(const std::byte *now, const std::byte *old, std::size_t lines, ChangedLine &found) {
    for (std::size_t line = 0; line < lines; ++line, now += line_bytes, old += line_bytes) {
        __m512i read = _mm512_loadu_si512(now);
        asm volatile("" : "+v"(read));
        const std::uint64_t mask = _mm512_cmpneq_epi8_mask(read, _mm512_loadu_si512(old));
        if (mask == 0) { continue; }
        found.mask = mask;
        _mm512_storeu_si512(found.bytes.data(), read);
        return line;
    }
    return lines;
}

DSM_READS_RACING_BYTES __attribute__((target("avx512bw"))) std::uint64_t refresh_avx512(std::byte *twin,
                                                                                        const std::byte *frame) {
    std::uint64_t lines = 0;
    for (std::size_t line = 0; line < lines_per_page; ++line, frame += line_bytes, twin += line_bytes) {
        __m512i read = _mm512_loadu_si512(frame);
        asm volatile("" : "+v"(read));
        if (_mm512_cmpneq_epi8_mask(read, _mm512_loadu_si512(twin)) == 0) { continue; }
        lines |= std::uint64_t{1} << line;
        _mm512_storeu_si512(twin, read);
    }
    return lines;
}
#endif

} // namespace

std::size_t find_changed(const std::byte *now, const std::byte *old, std::size_t lines, ChangedLine &found,
                         [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return find_changed_avx512(now, old, lines, found); }
    if (how == Compare::Avx2) { return find_changed_avx2(now, old, lines, found); }
#endif
    return find_changed_words(now, old, lines, found);
}

bool can_compare(Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2"); }
    if (how == Compare::Avx2) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    }
#endif
    return how == Compare::Words;
}

Compare best_compare() noexcept {
    if (can_compare(Compare::Avx512)) { return Compare::Avx512; }
    return can_compare(Compare::Avx2) ? Compare::Avx2 : Compare::Words;
}

std::uint64_t refresh(std::byte *twin, const std::byte *frame, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return refresh_avx512(twin, frame); }
    if (how == Compare::Avx2) { return refresh_avx2(twin, frame); }
#endif
    return refresh_words(twin, frame);
}

bool differs(const std::byte *frame, const std::byte *twin, Compare how) noexcept {
    ChangedLine changed;
    return find_changed(frame, twin, lines_per_page, changed, how) < lines_per_page;
}

} // namespace dsm::protocol
