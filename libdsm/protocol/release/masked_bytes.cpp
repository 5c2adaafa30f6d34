// Bytes by mask, unit by unit or by AVX-512.
#include "libdsm/protocol/release/masked_bytes.hpp"

#include <array>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dsm::protocol {
namespace {

/// Calls visit(first, its number of bytes as a constant) for aligned units of 8, 4, 2 bytes or 1 that together are the
/// bytes that the mask names: to find runs, and to copy what has any length, costs more.
template <class Visit> void for_each_unit(std::uint64_t mask, Visit visit) {
    std::uint64_t twos = mask & mask >> 1 & 0x5555555555555555;
    std::uint64_t fours = twos & twos >> 2 & 0x1111111111111111;
    std::uint64_t eights = fours & fours >> 4 & 0x0101010101010101;
    mask &= ~(twos * 3);
    twos &= ~(fours * 5);
    fours &= ~(eights * 17);
    const auto visit_each = [&](std::uint64_t firsts, auto bytes) {
        for (; firsts != 0; firsts &= firsts - 1) { visit(static_cast<std::size_t>(std::countr_zero(firsts)), bytes); }
    };
    visit_each(eights, std::integral_constant<std::size_t, 8>{});
    visit_each(fours, std::integral_constant<std::size_t, 4>{});
    visit_each(twos, std::integral_constant<std::size_t, 2>{});
    visit_each(mask, std::integral_constant<std::size_t, 1>{});
}

/// All of it at once where all is named.
inline void store_units(std::byte *to, const std::byte *line, std::uint64_t mask) {
    if (mask == ~std::uint64_t{0}) {
        __builtin_memcpy(to, line, line_bytes);
        return;
    }
    for_each_unit(mask, [&](std::size_t first, auto bytes) { __builtin_memcpy(to + first, line + first, bytes); });
}

/// Calls visit(first, length) for stretches that together are the bytes that the mask names, in rising order: runs, or
/// single bytes where runs are so short that to find them costs more.
template <class Visit> void for_each_stretch(std::uint64_t mask, Visit visit) {
    const MaskShape shape = shape_of(mask, Compare::Words);
    if (shape.bytes > 3 * shape.runs) { return for_each_run_of_ones(mask, visit); }
    for (; mask != 0; mask &= mask - 1) { visit(static_cast<std::size_t>(std::countr_zero(mask)), std::size_t{1}); }
}

#if defined(__x86_64__)
#define DSM_AVX2 __attribute__((target("avx2,bmi")))

using Selector = std::array<std::uint8_t, 8>;

/// By a mask of 8 bytes: what to shuffle them with, so that those that it names come first, and zeros behind them.
constexpr std::array<Selector, 256> selectors = [] {
    std::array<Selector, 256> all{};
    for (unsigned mask = 0; mask < all.size(); ++mask) {
        std::size_t count = 0;
        for (std::uint8_t i = 0; i < 8; ++i) {
            if ((mask >> i & 1U) != 0) { all[mask][count++] = i; }
        }
        while (count < 8) { all[mask][count++] = 0x80; }
    }
    return all;
}();

DSM_AVX2 void pack_masked_avx2(std::byte *to, const std::byte *line, std::uint64_t mask) {
    if (count_ones(mask, Compare::Avx2) <= 8) { // Cheaper than eight words, of which most have a byte or none.
        for (; mask != 0; mask &= mask - 1) { *to++ = line[std::countr_zero(mask)]; }
        return;
    }
    constexpr std::size_t word_bits = 64;
    std::uint64_t pending = 0; // Whole words alone are stored, and what is left at the end.
    std::size_t bits = 0;
    for (std::size_t at = 0; at < line_bytes; at += 8) {
        const std::uint64_t named = mask >> at & 0xff;
        const __m128i selector = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(selectors[named].data()));
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(line + at));
        const auto packed = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_shuffle_epi8(bytes, selector)));
        pending |= packed << bits;
        const std::size_t end = bits + 8 * count_ones(named, Compare::Avx2);
        if (end >= word_bits) {
            __builtin_memcpy(to, &pending, sizeof pending);
            to += sizeof pending;
            pending = packed >> 1 >> (word_bits - 1 - bits); // In two steps, since bits may be 0.
        }
        bits = end % word_bits;
    }
    const std::size_t length = bits / 8;
    if ((length & 4) != 0) {
        __builtin_memcpy(to, &pending, 4);
        to += 4;
        pending >>= 32;
    }
    if ((length & 2) != 0) {
        __builtin_memcpy(to, &pending, 2);
        to += 2;
        pending >>= 16;
    }
    if ((length & 1) != 0) { *to = static_cast<std::byte>(pending); }
}

DSM_AVX2 void store_masked_avx2(std::byte *to, const std::byte *line, std::uint64_t mask) {
    store_units(to, line, mask);
}

DSM_AVX2 void unpack_masked_avx2(std::byte *line, const std::byte *from, std::uint64_t mask) {
    if ((mask & mask >> 1) == 0) { // No two side by side.
        for (; mask != 0; mask &= mask - 1) { line[std::countr_zero(mask)] = *from++; }
        return;
    }
    for_each_unit(mask, [&](std::size_t first, auto bytes) {
        const std::uint64_t before = mask & ((std::uint64_t{1} << first) - 1);
        __builtin_memcpy(line + first, from + count_ones(before, Compare::Avx2), bytes);
    });
}

#define DSM_AVX512 __attribute__((target("avx512bw,avx512vbmi2,popcnt")))

/// As many ones as the mask has, from bit 0 on.
DSM_AVX512 std::uint64_t side_by_side(std::uint64_t mask) {
    const auto count = static_cast<unsigned>(_mm_popcnt_u64(mask));
    return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// A masked store writes the bytes that its mask names, and no others. To compress into memory is slow on some
// processors; into a register it is not.

DSM_AVX512 void store_masked_avx512(std::byte *to, const std::byte *line, std::uint64_t mask) {
    _mm512_mask_storeu_epi8(to, mask, _mm512_loadu_si512(line));
}
DSM_AVX512 void pack_masked_avx512(std::byte *to, const std::byte *line, std::uint64_t mask) {
    const __m512i packed = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(line));
    _mm512_mask_storeu_epi8(to, side_by_side(mask), packed);
}
DSM_AVX512 void unpack_masked_avx512(std::byte *line, const std::byte *from, std::uint64_t mask) {
    const __m512i packed = _mm512_maskz_loadu_epi8(side_by_side(mask), from);
    _mm512_mask_storeu_epi8(line, mask, _mm512_maskz_expand_epi8(mask, packed));
}
#endif

} // namespace

void store_masked(std::byte *to, const std::byte *line, std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return store_masked_avx512(to, line, mask); }
    if (how == Compare::Avx2) { return store_masked_avx2(to, line, mask); }
#endif
    store_units(to, line, mask);
}

void pack_masked(std::byte *to, const std::byte *line, std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return pack_masked_avx512(to, line, mask); }
    if (how == Compare::Avx2) { return pack_masked_avx2(to, line, mask); }
#endif
    for_each_stretch(mask, [&](std::size_t first, std::size_t length) {
        copy_short(to, line + first, length);
        to += length;
    });
}

void unpack_masked(std::byte *line, const std::byte *from, std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return unpack_masked_avx512(line, from, mask); }
    if (how == Compare::Avx2) { return unpack_masked_avx2(line, from, mask); }
#endif
    for_each_stretch(mask, [&](std::size_t first, std::size_t length) {
        copy_short(line + first, from, length);
        from += length;
    });
}

} // namespace dsm::protocol
