// Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood 2014). Its state only counts, so
// that the n-th number can be had without those before it, by whichever rank wants it.
#pragma once

#include <cstdint>

namespace apps {

/// The n-th number of a seed.
constexpr std::uint64_t random_at(std::uint64_t seed, std::uint64_t n) {
    std::uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

class Random {
public:
    explicit Random(std::uint64_t seed) : seed_(seed) {}
    std::uint64_t next() { return random_at(seed_, count_++); }
    /// from 0 up to 1
    double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

private:
    std::uint64_t seed_;
    std::uint64_t count_ = 0;
};

} // namespace apps
