// Shared numbers in parts, one for each rank: written by one rank, sent by another, checked by a third.
#pragma once

#include "tests/mpi/support/job.hpp"

#include <mpi.h>

namespace dsm_test {

inline int before_of(int rank) { return (rank + dsm_size() - 1) % dsm_size(); }

class Field {
public:
    explicit Field(std::size_t part_count)
        : part_count_(part_count), numbers_(shared<double>(part_count * static_cast<std::size_t>(dsm_size()))) {}
    double *part(int rank) const { return numbers_ + part_count_ * static_cast<std::size_t>(rank); }
    void write_part(int rank, int count, int round) {
        for (int at = 0; at < count; ++at) { part(rank)[at] = value(rank, at, round); }
    }
    /// The part of `rank` holds what write_part(writer, count, round) wrote.
    void check_part(int rank, int count, int writer, int round) const {
        for (int at = 0; at < count; ++at) { DSM_REQUIRE_EQUAL(part(rank)[at], value(writer, at, round)); }
    }
    /// The part of `rank` holds the sums over all ranks' parts of what was written in a round.
    void check_sums(int rank, int count, int ranks, int round) const {
        for (int at = 0; at < count; ++at) {
            double sum = 0;
            for (int one = 0; one < ranks; ++one) { sum += value(one, at, round); }
            DSM_REQUIRE_EQUAL(part(rank)[at], sum);
        }
    }

private:
    static double value(int rank, int at, int round) { return rank * 1e6 + at * 10.0 + round; }
    std::size_t part_count_;
    double *numbers_;
};

} // namespace dsm_test

using dsm_test::before_of;
