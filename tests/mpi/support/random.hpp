// A small generator of random numbers (xorshift64*, Vigna 2016): equal seeds give equal runs on every machine.
#pragma once

#include <cstdint>

namespace dsm_test {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL) {
        if (state_ == 0) { state_ = 1; }
        for (int turn = 0; turn < 8; ++turn) { next(); }
    }
    std::uint64_t next() {
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        return state_ * 0x2545f4914f6cdd1dULL;
    }
    /// From 0 to bound - 1.
    std::uint64_t below(std::uint64_t bound) { return (next() >> 16U) % bound; }

private:
    std::uint64_t state_;
};

} // namespace dsm_test
