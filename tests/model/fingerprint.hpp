// 128-bit fingerprints of states: what the visited set keeps instead of the states themselves.
//
// Each half multiplies and folds 64-bit words with constants of its own. With n states the odds that any two different
// ones share a fingerprint are about n * n / 2^129: below 10^-20 for a billion.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace dsm::model {

struct Fingerprint {
    std::uint64_t high;
    std::uint64_t low;
    friend bool operator==(Fingerprint, Fingerprint) = default;
};

__extension__ using Wide = unsigned __int128;

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Of `bytes` bytes; the same bytes always give the same fingerprint, which is never all zeros.
inline Fingerprint fingerprint(const void *data, std::size_t bytes) {
    const auto *at = static_cast<const unsigned char *>(data);
    std::uint64_t high = 0x9e3779b97f4a7c15 ^ bytes;
    std::uint64_t low = 0xd1b54a32d192ed03 ^ bytes;
    const auto mix = [&](std::uint64_t word) {
        high = fold(high ^ word, 0xa0761d6478bd642f) + word;
        low = fold(low ^ (word + 0x8bb84b93962eacc9), 0xe7037ed1a0b428db) ^ (low << 7);
    };
    for (; bytes >= 8; bytes -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        mix(word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, at, bytes);
    mix(rest);
    high = fold(high ^ low, 0x589965cc75374cc3);
    low = fold(low ^ (high >> 3), 0x1d8e4e27c47d124f);
    return {high, low | 1};
}

/// The odds that two of `states` different states were taken for one; 127 bits count, since one is always set.
inline double collision_odds(std::uint64_t states) {
    const auto n = static_cast<double>(states);
    return n * n / std::ldexp(1.0, 128);
}

} // namespace dsm::model
