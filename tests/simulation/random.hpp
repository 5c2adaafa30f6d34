// A small generator of pseudo-random numbers: the same seed gives the same numbers on every machine and library.
// splitmix64, after Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
#pragma once

#include <cstdint>

namespace dsm::protocol_test {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// 0 <= result < bound; bound > 0. The bias is of no importance here.
    unsigned below(unsigned bound) { return static_cast<unsigned>(next() % bound); }
    unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
    /// True once in `often` times.
    bool one_in(unsigned often) { return below(often) == 0; }

private:
    std::uint64_t state_;
};

} // namespace dsm::protocol_test
