// Bytes by mask, run by run or by AVX-512.
#include "libdsm/protocol/release/masked_bytes.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dsm::protocol {
namespace {

/// Calls visit(first, length) for stretches that together are the bytes that the mask names, in rising order: runs, or
/// single bytes where runs are so short that to find them costs more.
template <class Visit> void for_each_stretch(std::uint64_t mask, Visit visit) {
    const MaskShape shape = shape_of(mask);
    if (shape.bytes > 3 * shape.runs) { return for_each_run_of_ones(mask, visit); }
    for (; mask != 0; mask &= mask - 1) { visit(static_cast<std::size_t>(std::countr_zero(mask)), std::size_t{1}); }
}

#if defined(__x86_64__)
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
#endif
    if (mask == 0) { return; }
    for_each_stretch(mask,
                     [&](std::size_t first, std::size_t length) { copy_short(to + first, line + first, length); });
}

void pack_masked(std::byte *to, const std::byte *line, std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return pack_masked_avx512(to, line, mask); }
#endif
    for_each_stretch(mask, [&](std::size_t first, std::size_t length) {
        copy_short(to, line + first, length);
        to += length;
    });
}

void unpack_masked(std::byte *line, const std::byte *from, std::uint64_t mask, [[maybe_unused]] Compare how) noexcept {
#if defined(__x86_64__)
    if (how == Compare::Avx512) { return unpack_masked_avx512(line, from, mask); }
#endif
    for_each_stretch(mask, [&](std::size_t first, std::size_t length) {
        copy_short(line + first, from, length);
        from += length;
    });
}

} // namespace dsm::protocol
